//! AVX-512: bf16 in the vector's way; 8-bit integers by 16-bit products or, with the extension
//! VNNI, in one instruction.

#[allow(clippy::wildcard_imports, reason = "a dozen intrinsics")]
use std::arch::x86_64::*;

use super::{DotUnits, Units};
use crate::vector::{Avx512, Bf16Way};

impl<W: Bf16Way> Units for Avx512<W> {
    type Register = __m512i;

    #[inline(always)]
    unsafe fn load(from: *const u32) -> __m512i {
        // SAFETY: the caller promises the set and 16 readable units.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn broadcast(unit: u32) -> __m512i {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm512_set1_epi32(unit.cast_signed()) }
    }
    #[inline(always)]
    unsafe fn bf16_step(sums: Self, left: __m512i, right: __m512i) -> Self {
        // SAFETY: the caller promises the instruction set.
        Self::new(unsafe { W::step(sums.0, left, right) })
    }
    #[inline(always)]
    unsafe fn int8_step(sums: __m512i, left: __m512i, right: __m512i) -> __m512i {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            // Even bytes and odd bytes as 16-bit numbers: the one-step product of bytes saturates.
            let even = _mm512_and_si512(left, _mm512_set1_epi16(0xFF));
            let odd = _mm512_srli_epi16::<8>(left);
            let even_right = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(right));
            let odd_right = _mm512_srai_epi16::<8>(right);
            let sums = _mm512_add_epi32(sums, _mm512_madd_epi16(even, even_right));
            _mm512_add_epi32(sums, _mm512_madd_epi16(odd, odd_right))
        }
    }
    #[inline(always)]
    unsafe fn from_sums(sums: __m512i) -> Self {
        // SAFETY: the caller promises the instruction set.
        Self::new(unsafe { _mm512_cvtepi32_ps(sums) })
    }
}

impl<W: Bf16Way> DotUnits for Avx512<W> {
    #[inline(always)]
    unsafe fn dot_step(sums: __m512i, left: __m512i, right: __m512i) -> __m512i {
        // SAFETY: the caller promises VNNI.
        unsafe { _mm512_dpbusd_epi32(sums, left, right) }
    }
}
