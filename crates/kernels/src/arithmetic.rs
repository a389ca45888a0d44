//! How four bytes of a left row meet four bytes of each column: the inner step of all products.
//!
//! Left rows and packed columns are both made of 4-byte units: one f32, a pair of bf16, or four
//! 8-bit integers (unsigned on the left, signed on the right). A step multiplies one unit of a row
//! with one unit of each column of a register and adds to the sums.
//!
//! [`Arithmetic`] is what a product asks for; [`Units`] and [`DotUnits`] are what an instruction set
//! answers. f32 needs no more than the set's [`Vector`].

use std::marker::PhantomData;

use crate::vector::{Plain, Vector};

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

/// One number format on one instruction set.
///
/// # Safety
///
/// As for [`Vector`]: the set must be there, and pointers valid for what they address.
pub(crate) trait Arithmetic {
    /// f32 lanes; one column each.
    type Lanes: Vector;
    /// A register of units.
    type Units: Copy;
    /// A register of sums.
    type Sums: Copy;
    /// Whether sums are integers that the sink has to scale.
    const INTEGER: bool;

    /// Sums of nothing.
    unsafe fn zero() -> Self::Sums;
    /// One unit per lane.
    unsafe fn load(from: *const u32) -> Self::Units;
    /// One unit in every lane.
    unsafe fn broadcast(from: *const u32) -> Self::Units;
    /// `sums + left x right`, lane by lane.
    unsafe fn step(sums: Self::Sums, left: Self::Units, right: Self::Units) -> Self::Sums;
    /// The sums as f32.
    unsafe fn lanes(sums: Self::Sums) -> Self::Lanes;
}

/// What an instruction set does with a register of 4-byte units, as wide as its vector of f32.
///
/// # Safety
///
/// As for [`Arithmetic`].
pub(crate) trait Units: Vector {
    /// The register, which also holds 32-bit sums.
    type Register: Copy;

    /// One unit per lane.
    unsafe fn load(from: *const u32) -> Self::Register;
    /// `unit` in every lane.
    unsafe fn broadcast(unit: u32) -> Self::Register;
    /// `sums + left x right` of two bf16, the lower one first.
    unsafe fn bf16_step(sums: Self, left: Self::Register, right: Self::Register) -> Self;
    /// `sums + left x right` of four 8-bit integers, unsigned times signed, exactly.
    unsafe fn int8_step(
        sums: Self::Register,
        left: Self::Register,
        right: Self::Register,
    ) -> Self::Register;
    /// Signed 32-bit sums as f32.
    unsafe fn from_sums(sums: Self::Register) -> Self;
}

/// [`Units`] of a set that also multiplies 8-bit integers in one instruction.
///
/// # Safety
///
/// As for [`Arithmetic`]; the processor must have that instruction too.
#[cfg(target_arch = "x86_64")]
pub(crate) trait DotUnits: Units {
    /// [`Units::int8_step`] in one instruction.
    unsafe fn dot_step(
        sums: Self::Register,
        left: Self::Register,
        right: Self::Register,
    ) -> Self::Register;
}

/// Units of one f32.
pub(crate) struct F32<V>(PhantomData<V>);
/// Units of two bf16; sums in f32.
pub(crate) struct Bf16<V>(PhantomData<V>);
/// Units of four 8-bit integers, unsigned times signed; sums in 32 bits.
pub(crate) struct Int8<V>(PhantomData<V>);
/// [`Int8`] by [`DotUnits`].
#[cfg(target_arch = "x86_64")]
pub(crate) struct DotInt8<V>(PhantomData<V>);

impl<V: Vector> Arithmetic for F32<V> {
    type Lanes = V;
    type Units = V;
    type Sums = V;
    const INTEGER: bool = false;

    #[inline(always)]
    unsafe fn zero() -> V {
        // SAFETY: the caller's promise.
        unsafe { V::splat(0.0) }
    }
    #[inline(always)]
    unsafe fn load(from: *const u32) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load(from.cast()) }
    }
    #[inline(always)]
    unsafe fn broadcast(from: *const u32) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::splat(*from.cast()) }
    }
    #[inline(always)]
    unsafe fn step(sums: V, left: V, right: V) -> V {
        // SAFETY: the caller's promise.
        unsafe { left.mul_add(right, sums) }
    }
    #[inline(always)]
    unsafe fn lanes(sums: V) -> V {
        sums
    }
}

impl<V: Units> Arithmetic for Bf16<V> {
    type Lanes = V;
    type Units = V::Register;
    type Sums = V;
    const INTEGER: bool = false;

    #[inline(always)]
    unsafe fn zero() -> V {
        // SAFETY: the caller's promise.
        unsafe { V::splat(0.0) }
    }
    #[inline(always)]
    unsafe fn load(from: *const u32) -> V::Register {
        // SAFETY: the caller's promise.
        unsafe { <V as Units>::load(from) }
    }
    #[inline(always)]
    unsafe fn broadcast(from: *const u32) -> V::Register {
        // SAFETY: the caller's promise.
        unsafe { V::broadcast(*from) }
    }
    #[inline(always)]
    unsafe fn step(sums: V, left: V::Register, right: V::Register) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::bf16_step(sums, left, right) }
    }
    #[inline(always)]
    unsafe fn lanes(sums: V) -> V {
        sums
    }
}

/// 8-bit integers by `$step`; all else is the same in one step or several.
macro_rules! integers {
    ($name:ident, $units:ident, $step:ident) => {
        impl<V: $units> Arithmetic for $name<V> {
            type Lanes = V;
            type Units = V::Register;
            type Sums = V::Register;
            const INTEGER: bool = true;

            #[inline(always)]
            unsafe fn zero() -> V::Register {
                // SAFETY: the caller's promise.
                unsafe { V::broadcast(0) }
            }
            #[inline(always)]
            unsafe fn load(from: *const u32) -> V::Register {
                // SAFETY: the caller's promise.
                unsafe { <V as Units>::load(from) }
            }
            #[inline(always)]
            unsafe fn broadcast(from: *const u32) -> V::Register {
                // SAFETY: the caller's promise.
                unsafe { V::broadcast(*from) }
            }
            #[inline(always)]
            unsafe fn step(
                sums: V::Register,
                left: V::Register,
                right: V::Register,
            ) -> V::Register {
                // SAFETY: the caller's promise.
                unsafe { V::$step(sums, left, right) }
            }
            #[inline(always)]
            unsafe fn lanes(sums: V::Register) -> V {
                // SAFETY: the caller's promise.
                unsafe { V::from_sums(sums) }
            }
        }
    };
}

integers!(Int8, Units, int8_step);
#[cfg(target_arch = "x86_64")]
integers!(DotInt8, DotUnits, dot_step);

/// Eight units, in plain Rust.
impl Units for Plain {
    type Register = [u32; 8];

    #[inline(always)]
    unsafe fn load(from: *const u32) -> [u32; 8] {
        // SAFETY: the caller's promise.
        unsafe { from.cast::<[u32; 8]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn broadcast(unit: u32) -> [u32; 8] {
        [unit; 8]
    }
    #[inline(always)]
    unsafe fn bf16_step(sums: Self, left: [u32; 8], right: [u32; 8]) -> Self {
        let mut sums = sums.0;
        for lane in 0..8 {
            let low = |unit: u32| f32::from_bits(unit << 16);
            let high = |unit: u32| f32::from_bits(unit & 0xFFFF_0000);
            sums[lane] += low(left[lane]) * low(right[lane]);
            sums[lane] += high(left[lane]) * high(right[lane]);
        }
        Self(sums)
    }
    #[inline(always)]
    unsafe fn int8_step(mut sums: [u32; 8], left: [u32; 8], right: [u32; 8]) -> [u32; 8] {
        for lane in 0..8 {
            let (left, right) = (left[lane].to_le_bytes(), right[lane].to_le_bytes());
            for byte in 0..4 {
                let product = i32::from(left[byte]) * i32::from(right[byte].cast_signed());
                sums[lane] = sums[lane].wrapping_add_signed(product);
            }
        }
        sums
    }
    #[inline(always)]
    unsafe fn from_sums(sums: [u32; 8]) -> Self {
        Self(sums.map(|sum| sum.cast_signed() as f32))
    }
}
