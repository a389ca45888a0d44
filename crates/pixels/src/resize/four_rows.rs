//! The horizontal pass in blocks of four rows, for the vector paths.
//!
//! A vector path loads 16 bytes (five pixels and a third) where it needs four pixels, so it reads
//! up to 13 bytes past the last pixel. Inside the picture these bytes belong to the next row and
//! meet zero weights or unused lanes; at the end of the picture a padded copy takes their place.
//! This module decides which, so that the kernels hold no special cases.

use super::weights::Axis;

/// Rows in a block.
pub(super) const ROWS: usize = 4;
/// Bytes that may be read from the start of any pixel of a block.
pub(super) const LOAD: usize = 16;

/// Four rows of pixels: row `r` starts at `r * stride`, and [`LOAD`] bytes can be read from the
/// start of every pixel.
pub(super) struct Block<'source> {
    source: &'source [u8],
    stride: usize,
}

impl<'source> Block<'source> {
    /// # Panics
    /// When the slice is too short for the promise above.
    fn new(source: &'source [u8], width: usize) -> Self {
        let stride = width * 3;
        assert!(source.len() >= ROWS * stride + LOAD, "the block is padded");
        Self { source, stride }
    }

    /// Pixels `first .. first + count` of every row.
    ///
    /// # Panics
    /// When they are not inside the row.
    #[inline]
    pub(super) fn window(&self, first: usize, count: usize) -> [*const u8; ROWS] {
        assert!((first + count) * 3 <= self.stride, "the window is inside the row");
        let start = self.source[first * 3..].as_ptr();
        std::array::from_fn(|row| start.wrapping_add(row * self.stride))
    }
}

/// Calls `kernel` with each block of four rows and the four output rows, one after another.
#[inline]
pub(super) fn for_each_block(
    axis: &Axis,
    source: &[u8],
    out: &mut [u8],
    mut kernel: impl FnMut(&Block<'_>, &mut [u8]),
) {
    let (stride, out_stride) = (axis.input * 3, axis.output * 3);
    let mut padded = Vec::new();
    let mut padded_out = Vec::new();
    for (index, out) in out.chunks_mut(ROWS * out_stride).enumerate() {
        let start = index * ROWS * stride;
        let rows = out.len() / out_stride;
        if rows == ROWS && start + ROWS * stride + LOAD <= source.len() {
            kernel(&Block::new(&source[start..], axis.input), out);
        } else {
            padded.clear();
            padded.extend_from_slice(&source[start..start + rows * stride]);
            padded.resize(ROWS * stride + LOAD, 0);
            padded_out.resize(ROWS * out_stride, 0);
            kernel(&Block::new(&padded, axis.input), &mut padded_out);
            out.copy_from_slice(&padded_out[..out.len()]);
        }
    }
}

/// Writes pixel `index` of the four output rows; each word holds red, green, blue and a byte to
/// drop, from the lowest byte on.
#[inline]
pub(super) fn store(out: &mut [u8], out_stride: usize, index: usize, words: [u32; ROWS]) {
    let (first, rest) = out.split_at_mut(out_stride);
    let (second, rest) = rest.split_at_mut(out_stride);
    let (third, fourth) = rest.split_at_mut(out_stride);
    for (row, word) in [first, second, third, fourth].into_iter().zip(words) {
        let [red, green, blue, _] = word.to_le_bytes();
        row[index * 3..index * 3 + 3].copy_from_slice(&[red, green, blue]);
    }
}
