//! The door to the kernels: an instruction set and the threads to use it on.

use crate::attention::{self, AttentionShape, Heads};
use crate::matmul::{self, Epilogue, PackedMatrix};
use crate::norm::{self, LayerNorm};
use crate::{Isa, Pool};

/// An instruction set and a pool of threads.
///
/// The instruction set decides the bytes of every result; the number of threads does not.
pub struct Compute {
    isa: Isa,
    pool: Pool,
}

impl Compute {
    /// Kernels of `isa` on `threads` threads, the caller's among them.
    pub fn new(isa: Isa, threads: usize) -> Self {
        Self {
            isa,
            pool: Pool::new(threads),
        }
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The threads in use.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Packs a weight matrix of `outputs` x `inputs`; see [`PackedMatrix::pack`].
    pub fn pack(
        &self,
        outputs: usize,
        inputs: usize,
        read_row: &(dyn Fn(usize, &mut [f32]) + Sync),
    ) -> PackedMatrix {
        PackedMatrix::pack(self.isa, &self.pool, outputs, inputs, read_row)
    }

    /// `out[M x N] = epilogue(a[M x K] x weights^T)`, row-major without gaps; M is what `a` holds.
    ///
    /// # Panics
    ///
    /// When a slice's length does not fit the weights.
    pub fn matmul(
        &self,
        a: &[f32],
        weights: &PackedMatrix,
        bias: &[f32],
        epilogue: Epilogue,
        out: &mut [f32],
    ) {
        matmul::matmul(&self.pool, a, weights, bias, epilogue, out);
    }

    /// Layer normalisation of each row of `input` into `out`.
    ///
    /// # Panics
    ///
    /// When the slices are not equally many whole rows of the norm's width.
    pub fn layer_norm(&self, norm: &LayerNorm, input: &[f32], out: &mut [f32]) {
        norm::layer_norm(self.isa, &self.pool, norm, input, out);
    }

    /// `softmax(q k^T / sqrt(D)) v` for each head; `out` is `[B * query_tokens][H * D]`.
    ///
    /// # Panics
    ///
    /// When a slice is too short for the shape; `scratch` needs
    /// [`attention_scratch`](Self::attention_scratch) elements.
    pub fn attention(
        &self,
        shape: AttentionShape,
        queries: Heads<'_>,
        keys: Heads<'_>,
        values: Heads<'_>,
        out: &mut [f32],
        scratch: &mut [f32],
    ) {
        attention::attention(
            self.isa, &self.pool, shape, queries, keys, values, out, scratch,
        );
    }

    /// Elements of scratch that [`attention`](Self::attention) needs for `shape`.
    pub fn attention_scratch(&self, shape: AttentionShape) -> usize {
        shape.scratch_per_worker() * self.pool.threads()
    }
}
