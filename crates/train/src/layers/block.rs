//! A pre-norm transformer block without a mask.

use kernels::{
    AttentionGradient, AttentionShape, Buffer, Compute, Format, Heads, Output, QueryKeyValue, Rows,
};

use super::mlp::Gradients;
use super::{Linear, Mlp, MlpActivations, Norm, Workshop};
use crate::parameters::Parameters;

/// The extents of a tower's blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockExtents {
    /// T.
    pub(crate) tokens: usize,
    /// W.
    pub(crate) width: usize,
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    pub(crate) epsilon: f32,
    pub(crate) format: Format,
}

impl BlockExtents {
    pub(crate) fn attention(&self, batch: usize, query_tokens: usize) -> AttentionShape {
        AttentionShape {
            batch,
            query_tokens,
            key_tokens: self.tokens,
            heads: self.heads,
            head_size: self.width / self.heads,
        }
    }
}

/// A transformer block.
pub(crate) struct Block {
    extents: BlockExtents,
    norm: Norm,
    /// Queries, keys and values in one product.
    qkv: Linear,
    out: Linear,
    mlp: Mlp,
}

/// What the backward pass needs, for as many sequences as the part of the batch has.
pub(crate) struct BlockActivations {
    /// `[B T][W]`, f32.
    pub(crate) input: Buffer,
    normal: Rows,
    qkv: Rows,
    mixed: Rows,
    mlp: MlpActivations,
}

impl BlockActivations {
    pub(crate) fn new(extents: &BlockExtents, sequences: usize) -> Self {
        let BlockExtents { tokens, width, hidden, format, .. } = *extents;
        let rows = sequences * tokens;
        Self {
            input: Buffer::zeroed(rows * width),
            normal: Rows::new(format, rows, width),
            qkv: Rows::new(format, rows, 3 * width),
            mixed: Rows::new(format, rows, width),
            mlp: MlpActivations::new(format, rows, width, hidden),
        }
    }
}

/// What a tower's backward pass works in.
pub(crate) struct BlockGradients {
    pub(crate) work: Gradients,
    /// Of queries, keys and values.
    qkv: Rows,
    /// Of the heads' mixed values.
    mixed: Rows,
}

impl BlockGradients {
    pub(crate) fn new(extents: &BlockExtents, sequences: usize) -> Self {
        let BlockExtents { tokens, width, hidden, format, .. } = *extents;
        let rows = sequences * tokens;
        Self {
            work: Gradients::new(format, rows, width, hidden),
            qkv: Rows::new(format, rows, 3 * width),
            mixed: Rows::new(format, rows, width),
        }
    }
}

impl Block {
    pub(crate) fn new(
        compute: &Compute,
        parameters: &Parameters,
        name: &str,
        extents: BlockExtents,
    ) -> Self {
        let BlockExtents { format, epsilon, .. } = extents;
        let parts = ["q_proj", "k_proj", "v_proj"];
        let joined = |what: &str| {
            parameters.joined(&parts.map(|part| format!("{name}.self_attn.{part}.{what}")))
        };
        let out = format!("{name}.self_attn.out_proj");
        let (norm, mlp) = (format!("{name}.layer_norm2"), format!("{name}.mlp"));
        Self {
            extents,
            norm: Norm::named(parameters, &format!("{name}.layer_norm1"), epsilon),
            qkv: Linear::new(compute, format, joined("weight"), joined("bias")),
            out: Linear::named(compute, format, parameters, &out),
            mlp: Mlp::new(compute, format, parameters, &norm, &mlp, epsilon),
        }
    }

    pub(crate) fn refresh(&mut self, compute: &Compute, values: &[f32]) {
        self.norm.refresh(values);
        self.qkv.refresh(compute, values);
        self.out.refresh(compute, values);
        self.mlp.refresh(compute, values);
    }

    /// From `kept.input` to `out`, both `[B T][W]`.
    pub(crate) fn forward(
        &self,
        workshop: &mut Workshop<'_>,
        batch: usize,
        kept: &mut BlockActivations,
        out: &mut [f32],
    ) {
        let compute = workshop.compute;
        let rows = batch * self.extents.tokens;
        let BlockActivations { input, normal, qkv, mixed, mlp } = kept;
        let input = &input[..rows * self.extents.width];
        self.norm.forward(compute, input, normal);
        self.qkv.forward(compute, normal, rows, Output::Rows(qkv));
        let shape = self.extents.attention(batch, self.extents.tokens);
        workshop.attend(shape, self.heads(qkv), mixed);
        let middle = &mut mlp.input[..input.len()];
        middle.copy_from_slice(input);
        self.out.forward(compute, mixed, rows, Output::Add(middle));
        self.mlp.forward(compute, rows, mlp, out);
    }

    /// From the gradient of the output in `work.work.stream` to that of the input, in place.
    pub(crate) fn backward(
        &self,
        workshop: &mut Workshop<'_>,
        batch: usize,
        kept: &BlockActivations,
        work: &mut BlockGradients,
        gradients: &mut [f32],
    ) {
        let rows = batch * self.extents.tokens;
        self.mlp.backward(workshop, rows, &kept.mlp, &mut work.work, gradients);
        let BlockGradients { work: Gradients { stream, rows: given, normal, .. }, qkv, mixed } =
            work;
        workshop.compute.convert(stream, rows, given);
        let to = Some(Output::Rows(mixed));
        self.out.backward(workshop, given, &kept.mixed, rows, gradients, to);
        let shape = self.extents.attention(batch, self.extents.tokens);
        let gradient = AttentionGradient::Together(qkv);
        let inputs = self.heads(&kept.qkv);
        workshop.compute.attention_backward(shape, inputs, mixed, gradient, workshop.scratch);
        let normal = &mut normal[..rows * self.extents.width];
        let to = Some(Output::Store(normal));
        self.qkv.backward(workshop, qkv, &kept.normal, rows, gradients, to);
        let stream = &mut stream.numbers()[..normal.len()];
        self.norm.backward(workshop, &kept.input[..normal.len()], normal, gradients, stream);
    }

    fn heads<'a>(&self, qkv: &'a Rows) -> QueryKeyValue<'a> {
        let BlockExtents { tokens, width, .. } = self.extents;
        let part =
            |i: usize| Heads { rows: qkv, first_column: i * width, rows_per_sequence: tokens };
        QueryKeyValue { queries: part(0), keys: part(1), values: part(2) }
    }
}
