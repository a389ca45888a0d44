//! How four bytes of a left row meet four bytes of each column: the inner step of all products.
//!
//! Left rows and packed columns are both made of 4-byte units: one f32, a pair of bf16, or four
//! 8-bit integers (unsigned on the left, signed on the right). A step multiplies one unit of a row
//! with one unit of each column of a register and adds to the sums.

use std::marker::PhantomData;

use crate::vector::{Plain, Vector};

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

/// Units of one f32.
pub(crate) struct F32<V>(PhantomData<V>);
/// Units of two bf16; sums in f32.
pub(crate) struct Bf16<V>(PhantomData<V>);
/// Units of four 8-bit integers, unsigned times signed; sums in 32 bits.
pub(crate) struct Int8<V>(PhantomData<V>);

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

/// Eight units, in plain Rust.
type PlainUnits = [u32; 8];

impl Arithmetic for Bf16<Plain> {
    type Lanes = Plain;
    type Units = PlainUnits;
    type Sums = Plain;
    const INTEGER: bool = false;

    #[inline(always)]
    unsafe fn zero() -> Plain {
        Plain([0.0; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const u32) -> PlainUnits {
        // SAFETY: the caller's promise.
        unsafe { from.cast::<PlainUnits>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn broadcast(from: *const u32) -> PlainUnits {
        // SAFETY: the caller's promise.
        [unsafe { *from }; 8]
    }
    #[inline(always)]
    unsafe fn step(sums: Plain, left: PlainUnits, right: PlainUnits) -> Plain {
        let mut sums = sums.0;
        for lane in 0..8 {
            let low = |unit: u32| f32::from_bits(unit << 16);
            let high = |unit: u32| f32::from_bits(unit & 0xFFFF_0000);
            sums[lane] += low(left[lane]) * low(right[lane]);
            sums[lane] += high(left[lane]) * high(right[lane]);
        }
        Plain(sums)
    }
    #[inline(always)]
    unsafe fn lanes(sums: Plain) -> Plain {
        sums
    }
}

impl Arithmetic for Int8<Plain> {
    type Lanes = Plain;
    type Units = PlainUnits;
    type Sums = [i32; 8];
    const INTEGER: bool = true;

    #[inline(always)]
    unsafe fn zero() -> [i32; 8] {
        [0; 8]
    }
    #[inline(always)]
    unsafe fn load(from: *const u32) -> PlainUnits {
        // SAFETY: the caller's promise.
        unsafe { from.cast::<PlainUnits>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn broadcast(from: *const u32) -> PlainUnits {
        // SAFETY: the caller's promise.
        [unsafe { *from }; 8]
    }
    #[inline(always)]
    unsafe fn step(mut sums: [i32; 8], left: PlainUnits, right: PlainUnits) -> [i32; 8] {
        for lane in 0..8 {
            let (left, right) = (left[lane].to_le_bytes(), right[lane].to_le_bytes());
            for byte in 0..4 {
                sums[lane] += i32::from(left[byte]) * i32::from(right[byte].cast_signed());
            }
        }
        sums
    }
    #[inline(always)]
    unsafe fn lanes(sums: [i32; 8]) -> Plain {
        Plain(sums.map(|sum| sum as f32))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! AVX2 (bf16 and int8 taken apart into f32 and 16-bit products) and AVX-512 (one instruction).

    #[allow(clippy::wildcard_imports, reason = "two dozen intrinsics")]
    use std::arch::x86_64::*;

    use super::{Arithmetic, Bf16, Int8};
    use crate::vector::{Avx2, Avx512};

    /// What all units of an instruction set share: loading and broadcasting.
    macro_rules! units {
        (avx2) => {
            type Lanes = Avx2;
            type Units = __m256i;
            #[inline(always)]
            unsafe fn load(from: *const u32) -> __m256i {
                // SAFETY: the caller promises the set and 8 readable units.
                unsafe { _mm256_loadu_si256(from.cast()) }
            }
            #[inline(always)]
            unsafe fn broadcast(from: *const u32) -> __m256i {
                // SAFETY: the caller promises the set and a readable unit.
                unsafe { _mm256_set1_epi32((*from).cast_signed()) }
            }
        };
        (avx512) => {
            type Lanes = Avx512;
            type Units = __m512i;
            #[inline(always)]
            unsafe fn load(from: *const u32) -> __m512i {
                // SAFETY: the caller promises the set and 16 readable units.
                unsafe { _mm512_loadu_si512(from.cast()) }
            }
            #[inline(always)]
            unsafe fn broadcast(from: *const u32) -> __m512i {
                // SAFETY: the caller promises the set and a readable unit.
                unsafe { _mm512_set1_epi32((*from).cast_signed()) }
            }
        };
    }

    impl Arithmetic for Bf16<Avx2> {
        units!(avx2);
        type Sums = __m256;
        const INTEGER: bool = false;

        #[inline(always)]
        unsafe fn zero() -> __m256 {
            // SAFETY: the caller promises the instruction set.
            unsafe { _mm256_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn step(sums: __m256, left: __m256i, right: __m256i) -> __m256 {
            // SAFETY: the caller promises the instruction set.
            unsafe {
                let low = |units| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(units));
                let high = |units| {
                    let mask = _mm256_set1_epi32(0xFFFF_0000_u32.cast_signed());
                    _mm256_castsi256_ps(_mm256_and_si256(units, mask))
                };
                let sums = _mm256_fmadd_ps(low(left), low(right), sums);
                _mm256_fmadd_ps(high(left), high(right), sums)
            }
        }
        #[inline(always)]
        unsafe fn lanes(sums: __m256) -> Avx2 {
            Avx2(sums)
        }
    }

    impl Arithmetic for Int8<Avx2> {
        units!(avx2);
        type Sums = __m256i;
        const INTEGER: bool = true;

        #[inline(always)]
        unsafe fn zero() -> __m256i {
            // SAFETY: the caller promises the instruction set.
            unsafe { _mm256_setzero_si256() }
        }
        #[inline(always)]
        unsafe fn step(sums: __m256i, left: __m256i, right: __m256i) -> __m256i {
            // SAFETY: the caller promises the instruction set.
            unsafe {
                // Even bytes and odd bytes as 16-bit numbers: the one-step product of bytes
                // saturates.
                let bytes = _mm256_set1_epi16(0xFF);
                let even = _mm256_and_si256(left, bytes);
                let odd = _mm256_srli_epi16::<8>(left);
                let even_right = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(right));
                let odd_right = _mm256_srai_epi16::<8>(right);
                let sums = _mm256_add_epi32(sums, _mm256_madd_epi16(even, even_right));
                _mm256_add_epi32(sums, _mm256_madd_epi16(odd, odd_right))
            }
        }
        #[inline(always)]
        unsafe fn lanes(sums: __m256i) -> Avx2 {
            // SAFETY: the caller promises the instruction set.
            Avx2(unsafe { _mm256_cvtepi32_ps(sums) })
        }
    }

    impl Arithmetic for Bf16<Avx512> {
        units!(avx512);
        type Sums = __m512;
        const INTEGER: bool = false;

        #[inline(always)]
        unsafe fn zero() -> __m512 {
            // SAFETY: the caller promises the instruction set.
            unsafe { _mm512_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn step(sums: __m512, left: __m512i, right: __m512i) -> __m512 {
            // SAFETY: the caller promises the instruction set; both types are 64 bytes of bits.
            unsafe {
                let left: __m512bh = std::mem::transmute(left);
                let right: __m512bh = std::mem::transmute(right);
                _mm512_dpbf16_ps(sums, left, right)
            }
        }
        #[inline(always)]
        unsafe fn lanes(sums: __m512) -> Avx512 {
            Avx512(sums)
        }
    }

    impl Arithmetic for Int8<Avx512> {
        units!(avx512);
        type Sums = __m512i;
        const INTEGER: bool = true;

        #[inline(always)]
        unsafe fn zero() -> __m512i {
            // SAFETY: the caller promises the instruction set.
            unsafe { _mm512_setzero_si512() }
        }
        #[inline(always)]
        unsafe fn step(sums: __m512i, left: __m512i, right: __m512i) -> __m512i {
            // SAFETY: the caller promises the instruction set.
            unsafe { _mm512_dpbusd_epi32(sums, left, right) }
        }
        #[inline(always)]
        unsafe fn lanes(sums: __m512i) -> Avx512 {
            // SAFETY: the caller promises the instruction set.
            Avx512(unsafe { _mm512_cvtepi32_ps(sums) })
        }
    }
}
