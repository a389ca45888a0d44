//! The two passes with AVX-512 F, BW and VNNI.
//!
//! A weight is three signed bytes, `d2 * 2^16 + d1 * 2^8 + d0`, so that one byte dot product takes
//! four samples at once; the digits are summed apart and joined at the end. All sums are modulo
//! 2^32, and the joined sum fits 32 bits (see [`super::weights`]), so nothing is lost.

use std::arch::x86_64::{
    __m128i, __m512i, __mmask64, _mm_loadu_si128, _mm512_add_epi32, _mm512_broadcast_i32x4,
    _mm512_castsi128_si512, _mm512_cvtusepi32_epi8, _mm512_dpbusd_epi32, _mm512_inserti32x4,
    _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8, _mm512_max_epi32, _mm512_packs_epi32,
    _mm512_packus_epi16, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_shuffle_epi8,
    _mm512_slli_epi32, _mm512_srai_epi32, _mm512_unpackhi_epi8, _mm512_unpackhi_epi16,
    _mm512_unpacklo_epi8, _mm512_unpacklo_epi16,
};

use super::four_rows::{Block, for_each_block, store};
use super::weights::{Axis, GROUP, PRECISION_BITS, ROUNDING};

/// `source` `[rows, axis.input, 3]` to `out` `[rows, axis.output, 3]`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn horizontal(axis: &Axis, source: &[u8], out: &mut [u8]) {
    for_each_block(axis, source, out, |block, out| {
        horizontal_block(axis, block, out);
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn horizontal_block(axis: &Axis, block: &Block<'_>, out: &mut [u8]) {
    // Bytes RGBRGBRGBRGB of four pixels to words RRRR GGGG BBBB 0000, in each quarter.
    let order: [i8; 16] = [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1];
    // SAFETY: the array has exactly the 16 bytes that are read.
    let by_channel = _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(order.as_ptr().cast()) });
    for (index, window) in axis.windows.iter().enumerate() {
        let rows = block.window(window.first, window.count);
        let mut sums = Sums::new();
        for (group, digits) in axis.digits::<3>(index).iter().enumerate() {
            let [first, second, third, fourth] = rows.map(|row| -> __m128i {
                // SAFETY: group * GROUP < count, so this is the start of a pixel inside the
                // window, which lies inside its row; `Block` lets 16 bytes be read there.
                unsafe { _mm_loadu_si128(row.add(group * GROUP * 3).cast()) }
            });
            let pixels = _mm512_castsi128_si512(first);
            let pixels = _mm512_inserti32x4::<1>(pixels, second);
            let pixels = _mm512_inserti32x4::<2>(pixels, third);
            let pixels = _mm512_inserti32x4::<3>(pixels, fourth);
            let digits = digits.map(|word| _mm512_set1_epi32(word as i32));
            sums.add(_mm512_shuffle_epi8(pixels, by_channel), digits);
        }
        let samples = _mm512_max_epi32(sums.round(), _mm512_setzero_si512());
        let samples = _mm512_cvtusepi32_epi8(samples);
        // SAFETY: both types are 16 plain bytes.
        let words: [u32; 4] = unsafe { std::mem::transmute(samples) };
        store(out, axis.output * 3, index, words);
    }
}

/// `source` `[axis.input, row]` to `out` `[axis.output, row]`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn vertical(axis: &Axis, source: &[u8], out: &mut [u8]) {
    /// Columns of one step.
    const COLUMNS: usize = 64;
    let row_length = source.len() / axis.input;
    for (index, out) in out.chunks_exact_mut(row_length).enumerate() {
        let window = axis.windows[index];
        for (step, out) in out.chunks_mut(COLUMNS).enumerate() {
            let mask: __mmask64 = u64::MAX >> (COLUMNS - out.len());
            let row = |tap: usize| -> __m512i {
                // Past the window the weights are zero: any row will do.
                let row = window.first + tap.min(window.count - 1);
                let start = row * row_length + step * COLUMNS;
                let columns = &source[start..start + out.len()];
                // SAFETY: the mask lets only the bytes of the slice be read.
                unsafe { _mm512_maskz_loadu_epi8(mask, columns.as_ptr().cast()) }
            };
            let mut sums = [Sums::new(); 4];
            for (group, digits) in axis.digits::<3>(index).iter().enumerate() {
                let tap = group * GROUP;
                let (a, b, c, d) = (row(tap), row(tap + 1), row(tap + 2), row(tap + 3));
                let (left_ab, right_ab) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
                let (left_cd, right_cd) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
                let digits = digits.map(|word| _mm512_set1_epi32(word as i32));
                sums[0].add(_mm512_unpacklo_epi16(left_ab, left_cd), digits);
                sums[1].add(_mm512_unpackhi_epi16(left_ab, left_cd), digits);
                sums[2].add(_mm512_unpacklo_epi16(right_ab, right_cd), digits);
                sums[3].add(_mm512_unpackhi_epi16(right_ab, right_cd), digits);
            }
            // Packing undoes the interleaving of the unpacking: both work inside 128-bit quarters.
            let left = _mm512_packs_epi32(sums[0].round(), sums[1].round());
            let right = _mm512_packs_epi32(sums[2].round(), sums[3].round());
            let samples = _mm512_packus_epi16(left, right);
            // SAFETY: the mask lets only the bytes of `out` be written.
            unsafe { _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, samples) };
        }
    }
}

/// Sixteen sums of samples times weights, by digit.
#[derive(Clone, Copy)]
struct Sums([__m512i; 3]);

impl Sums {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn new() -> Self {
        let zero = _mm512_setzero_si512();
        Self([_mm512_set1_epi32(ROUNDING), zero, zero])
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn add(&mut self, samples: __m512i, digits: [__m512i; 3]) {
        self.0[0] = _mm512_dpbusd_epi32(self.0[0], samples, digits[0]);
        self.0[1] = _mm512_dpbusd_epi32(self.0[1], samples, digits[1]);
        self.0[2] = _mm512_dpbusd_epi32(self.0[2], samples, digits[2]);
    }

    /// The sums without their fraction bits, not yet clamped.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn round(self) -> __m512i {
        let sum = _mm512_add_epi32(
            _mm512_add_epi32(self.0[0], _mm512_slli_epi32::<8>(self.0[1])),
            _mm512_slli_epi32::<16>(self.0[2]),
        );
        _mm512_srai_epi32::<PRECISION_BITS>(sum)
    }
}
