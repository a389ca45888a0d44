//! The two passes with AVX2.
//!
//! A weight is `high * 2^11 + low` with both halves in 16 bits, so that one 16-bit multiply-add
//! takes two samples at once; the halves are summed apart and joined at the end. All sums are
//! modulo 2^32, and the joined sum fits 32 bits (see [`super::weights`]), so nothing is lost.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_extract_epi32, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_packs_epi32, _mm256_packus_epi16, _mm256_set_m128i,
    _mm256_set1_epi32, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_slli_epi32, _mm256_srai_epi32, _mm256_storeu_si256, _mm256_unpackhi_epi8,
    _mm256_unpacklo_epi8,
};

use super::four_rows::{Block, for_each_block, store};
use super::scalar;
use super::weights::{Axis, GROUP, LOW_BITS, PRECISION_BITS, ROUNDING};

/// `source` `[rows, axis.input, 3]` to `out` `[rows, axis.output, 3]`.
#[target_feature(enable = "avx2")]
pub(super) fn horizontal(axis: &Axis, source: &[u8], out: &mut [u8]) {
    for_each_block(axis, source, out, |block, out| {
        horizontal_block(axis, block, out);
    });
}

#[target_feature(enable = "avx2")]
fn horizontal_block(axis: &Axis, block: &Block<'_>, out: &mut [u8]) {
    // Bytes RGBRGB... of two pixels to 16-bit pairs (R0 R1) (G0 G1) (B0 B1) (0 0), in each half.
    const Z: i8 = -1;
    let first_pair = _mm256_setr_epi8(
        0, Z, 3, Z, 1, Z, 4, Z, 2, Z, 5, Z, Z, Z, Z, Z, //
        0, Z, 3, Z, 1, Z, 4, Z, 2, Z, 5, Z, Z, Z, Z, Z,
    );
    let second_pair = _mm256_setr_epi8(
        6, Z, 9, Z, 7, Z, 10, Z, 8, Z, 11, Z, Z, Z, Z, Z, //
        6, Z, 9, Z, 7, Z, 10, Z, 8, Z, 11, Z, Z, Z, Z, Z,
    );
    for (index, window) in axis.windows.iter().enumerate() {
        let rows = block.window(window.first, window.count);
        let mut upper = Sums::new();
        let mut lower = Sums::new();
        for (group, digits) in axis.digits::<4>(index).iter().enumerate() {
            let load = |row: *const u8| -> __m128i {
                // SAFETY: group * GROUP < count, so this is the start of a pixel inside the
                // window, which lies inside its row; `Block` lets 16 bytes be read there.
                unsafe { _mm_loadu_si128(row.add(group * GROUP * 3).cast()) }
            };
            let [low_first, high_first, low_second, high_second] =
                digits.map(|word| _mm256_set1_epi32(word as i32));
            let pixels = _mm256_set_m128i(load(rows[1]), load(rows[0]));
            upper.add(_mm256_shuffle_epi8(pixels, first_pair), low_first, high_first);
            upper.add(_mm256_shuffle_epi8(pixels, second_pair), low_second, high_second);
            let pixels = _mm256_set_m128i(load(rows[3]), load(rows[2]));
            lower.add(_mm256_shuffle_epi8(pixels, first_pair), low_first, high_first);
            lower.add(_mm256_shuffle_epi8(pixels, second_pair), low_second, high_second);
        }
        // Rows 0 | 1 and 2 | 3 become words 0: row 0, 1: row 2, 4: row 1, 5: row 3.
        let words = _mm256_packs_epi32(upper.round(), lower.round());
        let words = _mm256_packus_epi16(words, words);
        let words = [
            _mm256_extract_epi32::<0>(words),
            _mm256_extract_epi32::<4>(words),
            _mm256_extract_epi32::<1>(words),
            _mm256_extract_epi32::<5>(words),
        ];
        store(out, axis.output * 3, index, words.map(|word| word as u32));
    }
}

/// `source` `[axis.input, row]` to `out` `[axis.output, row]`.
#[target_feature(enable = "avx2")]
pub(super) fn vertical(axis: &Axis, source: &[u8], out: &mut [u8]) {
    /// Columns of one step.
    const COLUMNS: usize = 32;
    let row_length = source.len() / axis.input;
    for (index, out) in out.chunks_exact_mut(row_length).enumerate() {
        let window = axis.windows[index];
        let digits = axis.digits::<4>(index).as_flattened();
        let (steps, rest) = out.as_chunks_mut::<COLUMNS>();
        for (step, out) in steps.iter_mut().enumerate() {
            let row = |tap: usize| -> __m256i {
                // Past the window the weights are zero: any row will do.
                let row = window.first + tap.min(window.count - 1);
                let start = row * row_length + step * COLUMNS;
                let columns = &source[start..start + COLUMNS];
                // SAFETY: the slice has exactly the 32 bytes that are read.
                unsafe { _mm256_loadu_si256(columns.as_ptr().cast()) }
            };
            let mut sums = [Sums::new(); 4];
            for (pair, digits) in digits.as_chunks::<2>().0.iter().enumerate() {
                let [low, high] = digits.map(|word| _mm256_set1_epi32(word as i32));
                let zero = _mm256_setzero_si256();
                let (above, below) = (row(pair * 2), row(pair * 2 + 1));
                let left = _mm256_unpacklo_epi8(above, below);
                let right = _mm256_unpackhi_epi8(above, below);
                sums[0].add(_mm256_unpacklo_epi8(left, zero), low, high);
                sums[1].add(_mm256_unpackhi_epi8(left, zero), low, high);
                sums[2].add(_mm256_unpacklo_epi8(right, zero), low, high);
                sums[3].add(_mm256_unpackhi_epi8(right, zero), low, high);
            }
            // Packing undoes the interleaving of the unpacking: both work inside 128-bit halves.
            let left = _mm256_packs_epi32(sums[0].round(), sums[1].round());
            let right = _mm256_packs_epi32(sums[2].round(), sums[3].round());
            // SAFETY: `out` is an array of exactly the 32 bytes that are written.
            unsafe {
                _mm256_storeu_si256(out.as_mut_ptr().cast(), _mm256_packus_epi16(left, right));
            }
        }
        let start = row_length - rest.len();
        scalar::vertical_columns(&axis.taps(index), source, row_length, start, rest);
    }
}

/// Eight sums of samples times weights, low and high digits apart.
#[derive(Clone, Copy)]
struct Sums {
    low: __m256i,
    high: __m256i,
}

impl Sums {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new() -> Self {
        Self { low: _mm256_set1_epi32(ROUNDING), high: _mm256_setzero_si256() }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn add(&mut self, samples: __m256i, low: __m256i, high: __m256i) {
        self.low = _mm256_add_epi32(self.low, _mm256_madd_epi16(samples, low));
        self.high = _mm256_add_epi32(self.high, _mm256_madd_epi16(samples, high));
    }

    /// The sums without their fraction bits, not yet clamped.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn round(self) -> __m256i {
        let sum = _mm256_add_epi32(self.low, _mm256_slli_epi32::<{ LOW_BITS as i32 }>(self.high));
        _mm256_srai_epi32::<{ PRECISION_BITS as i32 }>(sum)
    }
}
