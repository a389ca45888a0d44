//! The few operations on a register of f32 that the kernels are written in.
//!
//! Every operation is `inline(always)`: kernels are generic over [`Vector`] and compiled once per
//! instruction set inside a function that enables it (see `dispatch`), where these bodies become
//! single instructions. The comments of the trait hold for all of its implementations.

/// Some lanes of f32, and what can be done with them.
///
/// # Safety
///
/// All functions may be called only where the processor has the implementation's instruction set;
/// those with pointers need the addressed lanes to be valid for the access. No alignment is needed.
pub(crate) trait Vector: Copy {
    /// How many f32.
    const LANES: usize;

    /// `value` in every lane.
    unsafe fn splat(value: f32) -> Self;
    /// All lanes from `from`.
    unsafe fn load(from: *const f32) -> Self;
    /// The first `count` lanes (at most all) from `from`; the others are 0 and not read.
    unsafe fn load_first(from: *const f32, count: usize) -> Self;
    /// All lanes to `to`.
    unsafe fn store(self, to: *mut f32);
    /// The first `count` lanes (at most all) to `to`; nothing else is written.
    unsafe fn store_first(self, to: *mut f32, count: usize);
    /// The first `count` lanes (at most all); the others become 0.
    unsafe fn first(self, count: usize) -> Self;
    /// Lane by lane.
    unsafe fn add(self, other: Self) -> Self;
    /// Lane by lane.
    unsafe fn sub(self, other: Self) -> Self;
    /// Lane by lane.
    unsafe fn mul(self, other: Self) -> Self;
    /// Lane by lane.
    unsafe fn div(self, other: Self) -> Self;
    /// `self * factor + addend`, in one rounding where the set has it.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `addend - self * factor`, in one rounding where the set has it.
    unsafe fn negated_mul_add(self, factor: Self, addend: Self) -> Self;
    /// The larger of two numbers.
    unsafe fn max(self, other: Self) -> Self;
    /// The smaller of two numbers.
    unsafe fn min(self, other: Self) -> Self;
    /// The nearest integers, ties to even.
    unsafe fn round(self) -> Self;
    /// `self * 2^exponent` for integral exponents in -126..=127.
    unsafe fn scale(self, exponent: Self) -> Self;
    /// About 1 / self for positive numbers, off by at most 5.1 %: `GUESS` minus the bits.
    unsafe fn reciprocal_guess(self) -> Self;
    /// The sum over all lanes, in a fixed order.
    unsafe fn sum(self) -> f32;
    /// The largest of all lanes.
    unsafe fn largest(self) -> f32;
    /// The smallest of all lanes.
    unsafe fn smallest(self) -> f32;
    /// All lanes from bf16 at `from`.
    unsafe fn load_bf16(from: *const u16) -> Self;
    /// All lanes to bf16 at `to`, rounded to nearest, ties to even.
    unsafe fn store_bf16(self, to: *mut u16);
    /// All lanes, integral and within 0..=255, to bytes at `to`.
    unsafe fn store_u8(self, to: *mut u8);

    /// The transpose of a square block of 4-byte units: unit `j` of row `i` goes to unit `i` of row
    /// `j`. There are `LANES` rows, `from_stride` units apart, of `LANES` units each.
    #[inline(always)]
    unsafe fn transpose(from: *const u32, from_stride: usize, to: *mut u32, to_stride: usize) {
        for i in 0..Self::LANES {
            for j in 0..Self::LANES {
                // SAFETY: the caller promises both blocks.
                unsafe { *to.add(j * to_stride + i) = *from.add(i * from_stride + j) }
            }
        }
    }

    /// Asks for the cache line at `from`, which will be read soon; it need not be valid.
    #[inline(always)]
    unsafe fn prefetch(_from: *const u8) {}

    /// For each of 32 rows, the sum of what the two halves of its bytes find in their tables. Byte `b` of row `i` is at
    /// `codes + 32 b + i`; its lower half looks into the 16 entries from `tables + 32 b`, its upper half into the next 16.
    /// Entries are at most 127, and there are at most 256 bytes a row. The sums go to the 32 places of `sums`.
    #[inline(always)]
    unsafe fn look_up(codes: *const u8, tables: *const u8, bytes: usize, sums: *mut u16) {
        for i in 0..32 {
            let mut sum = 0;
            for b in 0..bytes {
                // SAFETY: the caller promises 32 codes and 32 entries a byte; half a byte is below 16.
                unsafe {
                    let code = *codes.add(32 * b + i);
                    let table = tables.add(32 * b);
                    sum += u16::from(*table.add(usize::from(code & 15)));
                    sum += u16::from(*table.add(16 + usize::from(code >> 4)));
                }
            }
            // SAFETY: the caller promises 32 sums.
            unsafe { *sums.add(i) = sum }
        }
    }
}

/// The bits from which a positive number's bits are taken to get about the bits of its reciprocal:
/// twice those of 1, less what makes the largest error least.
pub(crate) const GUESS: u32 = 0x7EF3_1000;

/// The first `count` lanes (at most all) of bf16 at `from`; the others are 0 and not read.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn load_first_bf16<V: Vector>(from: *const u16, count: usize) -> V {
    // SAFETY: the caller's promise; the lanes that are read lie within the array or at `from`.
    unsafe {
        if count == V::LANES {
            return V::load_bf16(from);
        }
        let mut lanes = [0_u16; 16];
        std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
        V::load_bf16(lanes.as_ptr())
    }
}

/// The first `count` lanes (at most all) to bf16 at `to`; nothing else is written.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn store_first_bf16<V: Vector>(value: V, to: *mut u16, count: usize) {
    // SAFETY: the caller's promise; no set has more than 16 lanes.
    unsafe {
        if count == V::LANES {
            return value.store_bf16(to);
        }
        let mut lanes = [0_u16; 16];
        value.store_bf16(lanes.as_mut_ptr());
        std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
    }
}

/// The first `count` lanes (at most all), as for [`Vector::store_u8`]; nothing else is written.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn store_first_u8<V: Vector>(value: V, to: *mut u8, count: usize) {
    // SAFETY: the caller's promise; no set has more than 16 lanes.
    unsafe {
        if count == V::LANES {
            return value.store_u8(to);
        }
        let mut lanes = [0_u8; 16];
        value.store_u8(lanes.as_mut_ptr());
        std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
    }
}

/// The bf16 nearest to a finite number, ties to even.
#[inline(always)]
pub(crate) fn bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16) as u16
}

/// Lanes in plain Rust, for every machine.
#[derive(Clone, Copy)]
pub(crate) struct Plain(pub(crate) [f32; 8]);

impl Plain {
    #[inline(always)]
    fn zip(self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
        let mut lanes = self.0;
        for (lane, other) in lanes.iter_mut().zip(other.0) {
            *lane = operation(*lane, other);
        }
        Self(lanes)
    }
}

impl Vector for Plain {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; 8];
        for (i, lane) in lanes.iter_mut().enumerate().take(count) {
            // SAFETY: the caller's promise.
            *lane = unsafe { from.add(i).read() };
        }
        Self(lanes)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        for (i, lane) in self.0.iter().enumerate().take(count) {
            // SAFETY: the caller's promise.
            unsafe { to.add(i).write(*lane) }
        }
    }
    #[inline(always)]
    unsafe fn first(self, count: usize) -> Self {
        let mut lanes = self.0;
        lanes.iter_mut().skip(count).for_each(|lane| *lane = 0.0);
        Self(lanes)
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // Not `f32::mul_add`: without the instruction that is a slow library call.
        self.zip(factor, |a, b| a * b).zip(addend, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn negated_mul_add(self, factor: Self, addend: Self) -> Self {
        self.zip(factor, |a, b| a * b).zip(addend, |a, b| b - a)
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, f32::max)
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.zip(other, f32::min)
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        Self(self.0.map(f32::round_ties_even))
    }
    #[inline(always)]
    unsafe fn scale(self, exponent: Self) -> Self {
        self.zip(exponent, |a, e| a * f32::from_bits(((e as i32 + 127) as u32) << 23))
    }
    #[inline(always)]
    unsafe fn reciprocal_guess(self) -> Self {
        Self(self.0.map(|lane| f32::from_bits(GUESS - lane.to_bits())))
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        self.0.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
    #[inline(always)]
    unsafe fn smallest(self) -> f32 {
        self.0.into_iter().fold(f32::INFINITY, f32::min)
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the caller's promise.
        let lanes = unsafe { from.cast::<[u16; 8]>().read_unaligned() };
        Self(lanes.map(|lane| f32::from_bits(u32::from(lane) << 16)))
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[u16; 8]>().write_unaligned(self.0.map(bf16)) }
    }
    #[inline(always)]
    unsafe fn store_u8(self, to: *mut u8) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[u8; 8]>().write_unaligned(self.0.map(|lane| lane as u8)) }
    }
}

/// A one-line body that calls intrinsics: each is allowed by the trait's contract.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! operation {
    ($name:ident($self:ident $(, $argument:ident)*) $body:expr) => {
        #[inline(always)]
        unsafe fn $name($self $(, $argument: Self)*) -> Self {
            // SAFETY: the caller promises the instruction set.
            Self::new(unsafe { $body })
        }
    };
}
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::{Avx512, Avx512TakenApart, Avx512WithBf16, Bf16Way};
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
