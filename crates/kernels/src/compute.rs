//! The door to the kernels: an instruction set and the threads to use it on.

use crate::attention::{self, AttentionGradient, AttentionShape, QueryKeyValue};
use crate::matmul::{self, Output};
use crate::norm::{self, LayerNorm, NormGradient};
use crate::outer::{self, Scratch, WeightGradient};
use crate::packed::PackedLinear;
use crate::pooling::{self, PoolingShape};
use crate::rows::{Format, Rows};
use crate::shared::SharedMut;
use crate::sigmoid::{self, LogitLine, RowSums};
use crate::{Isa, Pool, convert, gelu, peak};

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
        Self { isa, pool: Pool::new(threads) }
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The threads in use.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Packs a linear layer of `bias.len()` outputs and `inputs` inputs in `format`.
    ///
    /// `read_row` writes the weights of an output into its slice of `inputs` elements; it is
    /// called once per output, from any worker.
    ///
    /// # Panics
    ///
    /// When the size overflows, and with `read_row`.
    pub fn pack(
        &self,
        format: Format,
        inputs: usize,
        bias: &[f32],
        read_row: &(dyn Fn(usize, &mut [f32]) + Sync),
    ) -> PackedLinear {
        PackedLinear::pack(self.isa, &self.pool, format, inputs, bias, read_row)
    }

    /// A layer of zeros, whose [`bytes_mut`](PackedLinear::bytes_mut) are to be written with those of a layer of the
    /// same shape that was packed before.
    ///
    /// # Panics
    ///
    /// When the size overflows.
    pub fn zeroed_linear(&self, format: Format, outputs: usize, inputs: usize) -> PackedLinear {
        PackedLinear::zeroed(self.isa, format, outputs, inputs)
    }

    /// The first `rows` rows of `input` through `linear` into `output`, M x N.
    ///
    /// # Panics
    ///
    /// When formats or lengths do not fit.
    pub fn matmul(&self, input: &Rows, rows: usize, linear: &PackedLinear, output: Output<'_>) {
        matmul::matmul(&self.pool, input, rows, linear, output);
    }

    /// Normalises each row of `input` to mean 0 and variance 1, scales and shifts it, and writes it
    /// to the same row of `out`, in its format.
    ///
    /// # Panics
    ///
    /// When `input` is not whole rows of the norm's width, or `out` has fewer or other rows.
    pub fn layer_norm(&self, norm: &LayerNorm, input: &[f32], out: &mut Rows) {
        norm::layer_norm(self.isa, &self.pool, norm, input, out);
    }

    /// Adds `left^T x right`, summed over the first `rows` rows, to the gradient of a linear layer's weights, and the sums
    /// of the left side's columns to that of its bias (an empty one is left out): `left` is the gradient of the layer's
    /// output, `right` its input.
    ///
    /// # Panics
    ///
    /// When formats differ or are int8, rows are missing, or the gradient has another shape.
    pub fn outer(
        &self,
        left: &Rows,
        right: &Rows,
        rows: usize,
        gradient: WeightGradient<'_>,
        scratch: &mut Scratch,
    ) {
        outer::outer(self.isa, &self.pool, left, right, rows, gradient, scratch);
    }

    /// Adds the gradients of [`layer_norm`](Self::layer_norm), given those of its output.
    ///
    /// # Panics
    ///
    /// When a length is not that of the norm, or of whole rows.
    pub fn layer_norm_backward(
        &self,
        norm: &LayerNorm,
        input: &[f32],
        output: &[f32],
        gradient: NormGradient<'_>,
        scratch: &mut Scratch,
    ) {
        norm::layer_norm_backward(self.isa, &self.pool, norm, input, output, gradient, scratch);
    }

    /// `out = gelu(input)` for the first `rows` rows.
    ///
    /// # Panics
    ///
    /// When input and output differ in format or width, are int8, or have fewer rows.
    pub fn gelu(&self, input: &Rows, rows: usize, out: &mut Rows) {
        gelu::gelu(self.isa, &self.pool, input, rows, out);
    }

    /// `gradient = gradient * gelu'(input)` for the first `rows` rows.
    ///
    /// # Panics
    ///
    /// As [`gelu`](Self::gelu).
    pub fn gelu_backward(&self, input: &Rows, rows: usize, gradient: &mut Rows) {
        gelu::gelu_backward(self.isa, &self.pool, input, rows, gradient);
    }

    /// Writes the gradients of an [`attention`](Self::attention)'s queries, keys and values, given that of its output.
    ///
    /// # Panics
    ///
    /// When formats differ or are int8, rows are missing, or D is odd in bf16.
    pub fn attention_backward(
        &self,
        shape: AttentionShape,
        inputs: QueryKeyValue<'_>,
        output: &Rows,
        gradient: AttentionGradient<'_>,
        scratch: &mut Scratch,
    ) {
        let (isa, pool) = (self.isa, &self.pool);
        attention::attention_backward(isa, pool, shape, inputs, output, gradient, scratch);
    }

    /// Turns rows of cosines into the probabilities of their logits, and sums up each row: the sigmoid loss of a tile of
    /// pairs none of which match.
    ///
    /// # Panics
    ///
    /// When `tile` is not as many rows as there are sums.
    pub fn sigmoid_tile(&self, line: LogitLine, tile: &mut [f32], sums: &mut [RowSums]) {
        sigmoid::sigmoid_tile(self.isa, &self.pool, line, tile, sums);
    }

    /// The first `rows` rows of `input`, in f32 or bf16, into the format of `out`.
    ///
    /// # Panics
    ///
    /// When `input` is int8, the widths differ, or there are fewer rows.
    pub fn convert(&self, input: &Rows, rows: usize, out: &mut Rows) {
        convert::convert(self.isa, &self.pool, input, rows, out);
    }

    /// `softmax(q k^T / sqrt(D)) v` for each head into the first B x `query_tokens` rows of `out`.
    ///
    /// # Panics
    ///
    /// When formats differ or are int8, rows are missing, or D is odd in bf16; `scratch` needs
    /// [`attention_scratch`](Self::attention_scratch) elements.
    pub fn attention(
        &self,
        shape: AttentionShape,
        inputs: QueryKeyValue<'_>,
        out: &mut Rows,
        scratch: &mut [u32],
    ) {
        attention::attention(self.isa, &self.pool, shape, inputs, out, scratch);
    }

    /// Elements of scratch that [`attention`](Self::attention) needs for `shape`.
    pub fn attention_scratch(&self, shape: AttentionShape) -> usize {
        shape.scratch_per_worker() * self.pool.threads()
    }

    /// `out[b][h] = sum_t softmax_t(scores[b][t][h] * scale) rows[b][t]`, `[B * H][W]`; the scores,
    /// `[B * T][H]`, are overwritten.
    ///
    /// # Panics
    ///
    /// When a slice's length does not fit the shape, or the rows are int8.
    pub fn pool_rows(&self, shape: PoolingShape, rows: &Rows, scores: &mut [f32], out: &mut [f32]) {
        pooling::pool_rows(self.isa, &self.pool, shape, rows, scores, out);
    }

    /// Cuts `elements` into parts of `length` (the last may be shorter) and hands each with its index
    /// to `body`, on all threads.
    ///
    /// # Panics
    ///
    /// When `length` is 0, and with `body`.
    pub fn for_each_part<T: Send>(
        &self,
        elements: &mut [T],
        length: usize,
        body: &(dyn Fn(usize, &mut [T]) + Sync),
    ) {
        let (total, parts) = (elements.len(), elements.len().div_ceil(length));
        let shared = SharedMut::new(elements);
        self.pool.run(parts, &|task| {
            let first = task.index * length;
            // SAFETY: each task has its own part.
            let part = unsafe { shared.part(first, length.min(total - first)) };
            body(task.index, part);
        });
    }

    /// Multiplies and adds in registers on every thread, `steps` times, and returns how many
    /// operations that were: timed, it gives the peak that no product can exceed.
    pub fn register_loop(&self, format: Format, steps: usize) -> u64 {
        peak::register_loop(self.isa, &self.pool, format, steps)
    }
}
