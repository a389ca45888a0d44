//! Numbers that look random and are the same in every run.

use model::Embeddings;

pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// From 0 to `sides - 1`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    /// From -1 to 1.
    pub(crate) fn number(&mut self) -> f32 {
        self.roll(1 << 20) as f32 / (1 << 19) as f32 - 1.0
    }

    /// Rows of length 1.
    pub(crate) fn embeddings(&mut self, rows: usize, dimension: usize) -> Embeddings {
        let values = (0..rows * dimension).map(|_| self.number()).collect();
        Embeddings::normalise(dimension, values)
    }
}
