//! AVX2: bf16 taken apart into f32, 8-bit integers into 16-bit products or, with the extension
//! AVX-VNNI, multiplied in one instruction.

#[allow(clippy::wildcard_imports, reason = "a dozen and a half intrinsics")]
use std::arch::x86_64::*;

use super::{DotUnits, Units};
use crate::vector::Avx2;

impl Units for Avx2 {
    type Register = __m256i;

    #[inline(always)]
    unsafe fn load(from: *const u32) -> __m256i {
        // SAFETY: the caller promises the set and 8 readable units.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }
    #[inline(always)]
    unsafe fn broadcast(unit: u32) -> __m256i {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm256_set1_epi32(unit.cast_signed()) }
    }
    #[inline(always)]
    unsafe fn bf16_step(sums: Self, left: __m256i, right: __m256i) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let low = |units| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(units));
            let high = |units| {
                let mask = _mm256_set1_epi32(0xFFFF_0000_u32.cast_signed());
                _mm256_castsi256_ps(_mm256_and_si256(units, mask))
            };
            let sums = _mm256_fmadd_ps(low(left), low(right), sums.0);
            Self(_mm256_fmadd_ps(high(left), high(right), sums))
        }
    }
    #[inline(always)]
    unsafe fn int8_step(sums: __m256i, left: __m256i, right: __m256i) -> __m256i {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            // Even bytes and odd bytes as 16-bit numbers: the one-step product of bytes saturates.
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
    unsafe fn from_sums(sums: __m256i) -> Self {
        // SAFETY: the caller promises the instruction set.
        Self(unsafe { _mm256_cvtepi32_ps(sums) })
    }
}

impl DotUnits for Avx2 {
    #[inline(always)]
    unsafe fn dot_step(sums: __m256i, left: __m256i, right: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX-VNNI.
        unsafe { _mm256_dpbusd_avx_epi32(sums, left, right) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Step = unsafe fn(__m256i, __m256i, __m256i) -> __m256i;

    #[target_feature(enable = "avx2,avxvnni")]
    unsafe fn one_step(sums: __m256i, left: __m256i, right: __m256i) -> __m256i {
        // SAFETY: the features are enabled.
        unsafe { Avx2::dot_step(sums, left, right) }
    }

    /// The same instruction, encoded for AVX-512.
    #[target_feature(enable = "avx512vnni,avx512vl")]
    unsafe fn twin(sums: __m256i, left: __m256i, right: __m256i) -> __m256i {
        _mm256_dpbusd_epi32(sums, left, right)
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn several_steps(sums: __m256i, left: __m256i, right: __m256i) -> __m256i {
        // SAFETY: the features are enabled.
        unsafe { Avx2::int8_step(sums, left, right) }
    }

    /// # Safety
    ///
    /// The processor has what the step needs.
    unsafe fn apply(step: Step, operands: [[u8; 32]; 3]) -> [u8; 32] {
        // SAFETY: all types are 32 bytes of bits; the rest is the caller's promise.
        unsafe {
            let [sums, left, right] = operands.map(|bytes| std::mem::transmute(bytes));
            std::mem::transmute(step(sums, left, right))
        }
    }

    #[test]
    fn one_int8_step_of_vnni_means_the_same_as_the_several_of_avx2() {
        if !is_x86_feature_detected!("avx2") || !is_x86_feature_detected!("fma") {
            return;
        }
        let mut steps: Vec<Step> = Vec::new();
        if is_x86_feature_detected!("avxvnni") {
            steps.push(one_step);
        }
        if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl") {
            steps.push(twin);
        }
        // Every byte times the ends of the range, where saturation would show, and others.
        for left in 0..=255_u8 {
            for right in [-128_i8, -127, -1, 0, 1, 77, 127] {
                let lane = |i: usize| [left, 255 - left, 255, left.wrapping_mul(i as u8)];
                let left = std::array::from_fn(|i| lane(i / 4)[i % 4]);
                let right = std::array::from_fn(|i| {
                    right.wrapping_add([0, 0, 1, i as i8][i % 4]).cast_unsigned()
                });
                let sums = std::array::from_fn(|i| (i * 37) as u8);
                // SAFETY: the features were detected above.
                unsafe {
                    let expected = apply(several_steps, [sums, left, right]);
                    for &step in &steps {
                        assert_eq!(apply(step, [sums, left, right]), expected);
                    }
                }
            }
        }
    }
}
