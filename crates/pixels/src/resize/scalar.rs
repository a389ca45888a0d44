//! The two passes in plain Rust: the definition that the vector paths are tested against.

use super::weights::{Axis, PRECISION_BITS, ROUNDING, Taps};

/// `source` `[rows, axis.input, 3]` to `out` `[rows, axis.output, 3]`.
pub(super) fn horizontal(axis: &Axis, source: &[u8], out: &mut [u8]) {
    let rows = source.chunks_exact(axis.input * 3).zip(out.chunks_exact_mut(axis.output * 3));
    for (row, out) in rows {
        let pixels = row.as_chunks::<3>().0;
        for (index, out) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let Taps { first, weights } = axis.taps(index);
            let mut sums = [ROUNDING; 3];
            for (pixel, weight) in pixels[first..].iter().zip(weights) {
                for (sum, sample) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*sample) * weight;
                }
            }
            *out = sums.map(to_sample);
        }
    }
}

/// `source` `[axis.input, row]` to `out` `[axis.output, row]`.
pub(super) fn vertical(axis: &Axis, source: &[u8], out: &mut [u8]) {
    let row_length = source.len() / axis.input;
    for (index, out) in out.chunks_exact_mut(row_length).enumerate() {
        vertical_columns(&axis.taps(index), source, row_length, 0, out);
    }
}

/// One output row from column `start` on; `out` begins there.
pub(super) fn vertical_columns(
    taps: &Taps<'_>,
    source: &[u8],
    row_length: usize,
    start: usize,
    out: &mut [u8],
) {
    /// Sums that stay in registers or at least in the first cache.
    const COLUMNS: usize = 64;
    for (block, out) in out.chunks_mut(COLUMNS).enumerate() {
        let mut sums = [ROUNDING; COLUMNS];
        for (tap, weight) in taps.weights.iter().enumerate() {
            let at = (taps.first + tap) * row_length + start + block * COLUMNS;
            for (sum, sample) in sums.iter_mut().zip(&source[at..at + out.len()]) {
                *sum += i32::from(*sample) * weight;
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = to_sample(sum);
        }
    }
}

fn to_sample(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
