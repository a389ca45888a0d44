//! What the first block gives every padding token.
//!
//! A pad at a position is the same row in every text until tokens first see each other, which is in
//! the first block's attention. So its queries, keys and values there are computed when the tower
//! is loaded and copied from then on: 1.7 % less work for a text of a dozen tokens in 64 positions,
//! and the same bytes.

use kernels::{Buffer, Compute, Rows};

use crate::encoder::{Arena, Block, EncoderShape};

/// The first block's queries, keys and values of a pad at each position.
pub(crate) struct PadRows {
    id: u32,
    tokens: usize,
    /// `[T][3 W]`.
    qkv: Rows,
    /// The rows of other tokens, side by side, `[B T][W]`.
    others: Buffer,
}

impl PadRows {
    /// Computes them from the first T rows of the arena's stream: `id` at each position.
    pub(crate) fn new(
        compute: &Compute,
        shape: &EncoderShape,
        block: &Block,
        arena: &mut Arena,
        id: u32,
    ) -> Self {
        let EncoderShape { tokens, width, .. } = *shape;
        let mut qkv = Rows::new(shape.formats.attention, tokens, 3 * width);
        let pads = &arena.stream[..tokens * width];
        block.project(compute, pads, &mut arena.normal, &mut qkv);
        let others = Buffer::zeroed(shape.sequences_together() * tokens * width);
        Self { id, tokens, qkv, others }
    }

    /// Queries, keys and values of the arena's stream, whose tokens are `ids`, into the arena.
    pub(crate) fn project(
        &mut self,
        compute: &Compute,
        block: &Block,
        arena: &mut Arena,
        ids: &[u32],
    ) {
        let width = self.qkv.width() / 3;
        let mut count = 0;
        for (row, _) in ids.iter().enumerate().filter(|(_, id)| **id != self.id) {
            let from = &arena.stream[row * width..(row + 1) * width];
            self.others[count * width..(count + 1) * width].copy_from_slice(from);
            count += 1;
        }
        let others = &self.others[..count * width];
        block.project(compute, others, &mut arena.normal, &mut arena.qkv);
        // From the last row on, so that each moves to its place before that is written over.
        for (row, &id) in ids.iter().enumerate().rev() {
            if id == self.id {
                arena.qkv.copy_row(row, &self.qkv, row % self.tokens);
            } else {
                count -= 1;
                arena.qkv.move_row(row, count);
            }
        }
    }
}
