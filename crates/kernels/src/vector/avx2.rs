//! AVX2 with FMA: 8 lanes.

#[allow(clippy::wildcard_imports, reason = "three dozen intrinsics")]
use std::arch::x86_64::*;

use super::{GUESS, Vector};

/// 8 lanes of AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(pub(crate) __m256);

/// Eight set lanes, then eight clear ones: a window over it masks the first `count` of 8.
const WINDOW: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

impl Avx2 {
    #[inline(always)]
    pub(crate) fn new(lanes: __m256) -> Self {
        Self(lanes)
    }
    #[inline(always)]
    unsafe fn mask(count: usize) -> __m256i {
        debug_assert!(count <= 8);
        // SAFETY: `count` is at most 8, so 8 integers from `8 - count` lie within the window.
        unsafe { _mm256_loadu_si256(WINDOW.as_ptr().add(8 - count).cast()) }
    }
}

impl Vector for Avx2 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller promises the instruction set.
        Self(unsafe { _mm256_set1_ps(value) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises the set and 8 readable lanes.
        Self(unsafe { _mm256_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        // SAFETY: the caller promises the set and `count` readable lanes; the mask reads no other.
        Self(unsafe { _mm256_maskload_ps(from, Self::mask(count)) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises the set and 8 writable lanes.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        // SAFETY: the caller promises the set and `count` writable lanes; the mask writes no other.
        unsafe { _mm256_maskstore_ps(to, Self::mask(count), self.0) }
    }
    #[inline(always)]
    unsafe fn first(self, count: usize) -> Self {
        // SAFETY: the caller promises the instruction set.
        Self(unsafe { _mm256_and_ps(self.0, _mm256_castsi256_ps(Self::mask(count))) })
    }
    operation!(add(self, other) _mm256_add_ps(self.0, other.0));
    operation!(sub(self, other) _mm256_sub_ps(self.0, other.0));
    operation!(mul(self, other) _mm256_mul_ps(self.0, other.0));
    operation!(div(self, other) _mm256_div_ps(self.0, other.0));
    operation!(mul_add(self, factor, addend) _mm256_fmadd_ps(self.0, factor.0, addend.0));
    operation!(negated_mul_add(self, factor, addend) _mm256_fnmadd_ps(self.0, factor.0, addend.0));
    operation!(max(self, other) _mm256_max_ps(self.0, other.0));
    operation!(min(self, other) _mm256_min_ps(self.0, other.0));
    operation!(round(self) _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0));
    operation!(scale(self, exponent) {
        let biased = _mm256_add_epi32(_mm256_cvtps_epi32(exponent.0), _mm256_set1_epi32(127));
        _mm256_mul_ps(self.0, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
    });
    operation!(reciprocal_guess(self) {
        let bits = _mm256_castps_si256(self.0);
        _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_set1_epi32(GUESS.cast_signed()), bits))
    });

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let four =
                _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let four =
                _mm_max_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn smallest(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let four =
                _mm_min_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let two = _mm_min_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_min_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the caller promises the set and 8 readable lanes.
        unsafe {
            let halves = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            Self(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(halves)))
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        // SAFETY: the caller promises the set and 8 writable lanes.
        unsafe {
            let bits = _mm256_castps_si256(self.0);
            let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
            let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
            let halves = _mm256_srli_epi32::<16>(rounded);
            let packed = _mm256_packus_epi32(halves, halves);
            let ordered = _mm256_permute4x64_epi64::<0b1000>(packed);
            _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(ordered));
        }
    }
    #[inline(always)]
    unsafe fn store_u8(self, to: *mut u8) {
        // SAFETY: the caller promises the set and 8 writable bytes.
        unsafe {
            let wide = _mm256_cvtps_epi32(self.0);
            let halves = _mm256_packus_epi32(wide, wide);
            let ordered = _mm256_castsi256_si128(_mm256_permute4x64_epi64::<0b1000>(halves));
            _mm_storel_epi64(to.cast(), _mm_packus_epi16(ordered, ordered));
        }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const u32, from_stride: usize, to: *mut u32, to_stride: usize) {
        // SAFETY: the caller promises the set and both blocks.
        unsafe {
            let row = |i: usize| _mm256_loadu_ps(from.add(i * from_stride).cast());
            // Four rows of four-by-four blocks: the left half is columns 0 to 3, the right 4 to 7.
            let fours = |first: usize| {
                let (a, b, c, d) = (row(first), row(first + 1), row(first + 2), row(first + 3));
                let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
                let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
                [
                    _mm256_shuffle_ps::<0x44>(ab, cd),
                    _mm256_shuffle_ps::<0xEE>(ab, cd),
                    _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
                    _mm256_shuffle_ps::<0xEE>(ab_high, cd_high),
                ]
            };
            let (upper, lower) = (fours(0), fours(4));
            for (i, (upper, lower)) in upper.into_iter().zip(lower).enumerate() {
                let left = _mm256_permute2f128_ps::<0x20>(upper, lower);
                let right = _mm256_permute2f128_ps::<0x31>(upper, lower);
                _mm256_storeu_ps(to.add(i * to_stride).cast(), left);
                _mm256_storeu_ps(to.add((i + 4) * to_stride).cast(), right);
            }
        }
    }
    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        // SAFETY: nothing is read.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }
    #[inline(always)]
    unsafe fn look_up(codes: *const u8, tables: *const u8, bytes: usize, sums: *mut u16) {
        // SAFETY: the caller promises the set, 32 codes and 32 entries a byte, and 32 sums.
        unsafe {
            let half = _mm256_set1_epi8(15);
            let byte = _mm256_set1_epi16(255);
            // 16-bit lanes: those of even rows, those of odd rows.
            let (mut even, mut odd) = (_mm256_setzero_si256(), _mm256_setzero_si256());
            for b in 0..bytes {
                let code = _mm256_loadu_si256(codes.add(32 * b).cast());
                let lower = _mm256_broadcastsi128_si256(_mm_loadu_si128(tables.add(32 * b).cast()));
                let upper =
                    _mm256_broadcastsi128_si256(_mm_loadu_si128(tables.add(32 * b + 16).cast()));
                let low = _mm256_shuffle_epi8(lower, _mm256_and_si256(code, half));
                let high = _mm256_and_si256(_mm256_srli_epi16::<4>(code), half);
                let found = _mm256_add_epi8(low, _mm256_shuffle_epi8(upper, high));
                even = _mm256_add_epi16(even, _mm256_and_si256(found, byte));
                odd = _mm256_add_epi16(odd, _mm256_srli_epi16::<8>(found));
            }
            // Each half of a register interleaves within itself: rows 0 to 7 and 16 to 23, 8 to 15 and 24 to 31.
            let first = _mm256_unpacklo_epi16(even, odd);
            let second = _mm256_unpackhi_epi16(even, odd);
            let front = _mm256_permute2x128_si256::<0x20>(first, second);
            let back = _mm256_permute2x128_si256::<0x31>(first, second);
            _mm256_storeu_si256(sums.cast(), front);
            _mm256_storeu_si256(sums.add(16).cast(), back);
        }
    }
}
