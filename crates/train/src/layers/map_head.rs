//! The attention-pooling head of the vision tower: a learned probe asks all tokens, then an MLP.

use std::ops::Range;

use kernels::{
    AttentionGradient, AttentionShape, Buffer, Compute, Format, Heads, Output, QueryKeyValue, Rows,
};

use super::mlp::Gradients;
use super::{BlockExtents, Linear, Mlp, MlpActivations, Workshop};
use crate::parameters::Parameters;

/// The MAP head.
pub(crate) struct MapHead {
    extents: BlockExtents,
    probe: Range<usize>,
    /// Weight and bias of the probe's projection, inside the tensors that all three projections share.
    query_weight: Range<usize>,
    query_bias: Range<usize>,
    keys_values: Linear,
    out: Linear,
    mlp: Mlp,
    /// The projected probe, a row.
    query: Rows,
    /// The numbers that `query` was made of.
    probe_values: Vec<f32>,
    query_weights: Vec<f32>,
}

/// What the backward pass needs, for as many sequences as the part of the batch has.
pub(crate) struct MapHeadActivations {
    keys_values: Rows,
    /// `[B][W]`.
    mixed: Rows,
    mlp: MlpActivations,
}

impl MapHeadActivations {
    pub(crate) fn new(extents: &BlockExtents, sequences: usize) -> Self {
        let BlockExtents { tokens, width, hidden, format, .. } = *extents;
        Self {
            keys_values: Rows::new(format, sequences * tokens, 2 * width),
            mixed: Rows::new(format, sequences, width),
            mlp: MlpActivations::new(format, sequences, width, hidden),
        }
    }
}

/// What the backward pass works in.
pub(crate) struct MapHeadGradients {
    /// Of the head's output, then of what attention gave.
    pub(crate) work: Gradients,
    queries: Rows,
    keys_values: Rows,
    mixed: Rows,
    /// Of the tokens that were asked, `[B T][W]`.
    pub(crate) tokens: Buffer,
}

impl MapHeadGradients {
    pub(crate) fn new(extents: &BlockExtents, sequences: usize) -> Self {
        let BlockExtents { tokens, width, hidden, format, .. } = *extents;
        Self {
            work: Gradients::new(format, sequences, width, hidden),
            queries: Rows::new(format, sequences, width),
            keys_values: Rows::new(format, sequences * tokens, 2 * width),
            mixed: Rows::new(format, sequences, width),
            tokens: Buffer::zeroed(sequences * tokens * width),
        }
    }
}

impl MapHead {
    pub(crate) fn new(compute: &Compute, parameters: &Parameters, extents: BlockExtents) -> Self {
        let BlockExtents { width, format, epsilon, .. } = extents;
        let name = |part: &str| format!("vision_model.head.{part}");
        let weight = parameters.range(&name("attention.in_proj_weight"));
        let bias = parameters.range(&name("attention.in_proj_bias"));
        let (query_weight, weight) =
            (weight.start..weight.start + width * width, weight.start + width * width..weight.end);
        let (query_bias, bias) = (bias.start..bias.start + width, bias.start + width..bias.end);
        let out = name("attention.out_proj");
        let (norm, mlp) = (name("layernorm"), name("mlp"));
        Self {
            extents,
            probe: parameters.range(&name("probe")),
            query_weight,
            query_bias,
            keys_values: Linear::new(compute, format, weight, bias),
            out: Linear::named(compute, format, parameters, &out),
            mlp: Mlp::new(compute, format, parameters, &norm, &mlp, epsilon),
            query: Rows::new(format, 1, width),
            probe_values: Vec::new(),
            query_weights: Vec::new(),
        }
    }

    pub(crate) fn refresh(&mut self, compute: &Compute, values: &[f32]) {
        self.keys_values.refresh(compute, values);
        self.out.refresh(compute, values);
        self.mlp.refresh(compute, values);
        self.probe_values = values[self.probe.clone()].to_vec();
        self.query_weights = values[self.query_weight.clone()].to_vec();
        let width = self.probe_values.len();
        let mut query = Rows::new(Format::F32, 1, width);
        let rows = self.query_weights.chunks_exact(width).zip(&values[self.query_bias.clone()]);
        for (out, (weights, bias)) in query.numbers().iter_mut().zip(rows) {
            *out = weights.iter().zip(&self.probe_values).map(|(w, p)| w * p).sum::<f32>() + bias;
        }
        compute.convert(&query, 1, &mut self.query);
    }

    /// From normalised tokens `[B T][W]` to `out`, `[B][W]`.
    pub(crate) fn forward(
        &self,
        workshop: &mut Workshop<'_>,
        batch: usize,
        tokens: &Rows,
        kept: &mut MapHeadActivations,
        out: &mut [f32],
    ) {
        let compute = workshop.compute;
        let MapHeadActivations { keys_values, mixed, mlp } = kept;
        let rows = batch * self.extents.tokens;
        self.keys_values.forward(compute, tokens, rows, Output::Rows(keys_values));
        let shape = self.attention(batch);
        workshop.attend(shape, self.heads(keys_values), mixed);
        let attended = &mut mlp.input[..out.len()];
        self.out.forward(compute, mixed, batch, Output::Store(attended));
        self.mlp.forward(compute, batch, mlp, out);
    }

    /// From the gradient of the output in `work.work.stream` to that of the tokens in `work.tokens`.
    pub(crate) fn backward(
        &self,
        workshop: &mut Workshop<'_>,
        batch: usize,
        tokens: &Rows,
        kept: &MapHeadActivations,
        work: &mut MapHeadGradients,
        gradients: &mut [f32],
    ) {
        let MapHeadGradients { work, queries, keys_values, mixed, tokens: of_tokens } = work;
        self.mlp.backward(workshop, batch, &kept.mlp, work, gradients);
        let Gradients { stream, rows: given, .. } = work;
        workshop.compute.convert(stream, batch, given);
        let to = Some(Output::Rows(mixed));
        self.out.backward(workshop, given, &kept.mixed, batch, gradients, to);
        let gradient = AttentionGradient::Apart { queries, keys_values };
        let (shape, inputs) = (self.attention(batch), self.heads(&kept.keys_values));
        workshop.compute.attention_backward(shape, inputs, mixed, gradient, workshop.scratch);
        self.add_query(queries, batch, gradients);
        let rows = batch * self.extents.tokens;
        let of_tokens = &mut of_tokens[..rows * self.extents.width];
        let to = Some(Output::Store(of_tokens));
        self.keys_values.backward(workshop, keys_values, tokens, rows, gradients, to);
    }

    /// The gradients of the probe and its projection: every sequence asked with the same query.
    fn add_query(&self, queries: &Rows, batch: usize, gradients: &mut [f32]) {
        let width = self.extents.width;
        let (mut sum, mut row) = (vec![0.0; width], vec![0.0; width]);
        for index in 0..batch {
            queries.read(index, &mut row);
            sum.iter_mut().zip(&row).for_each(|(sum, part)| *sum += part);
        }
        let weights = gradients[self.query_weight.clone()].chunks_exact_mut(width);
        for (weights, given) in weights.zip(&sum) {
            weights.iter_mut().zip(&self.probe_values).for_each(|(w, p)| *w += given * p);
        }
        let bias = &mut gradients[self.query_bias.clone()];
        bias.iter_mut().zip(&sum).for_each(|(bias, given)| *bias += given);
        let probe = &mut gradients[self.probe.clone()];
        for (weights, given) in self.query_weights.chunks_exact(width).zip(&sum) {
            probe.iter_mut().zip(weights).for_each(|(probe, weight)| *probe += given * weight);
        }
    }

    fn attention(&self, batch: usize) -> AttentionShape {
        self.extents.attention(batch, 1)
    }

    fn heads<'a>(&'a self, keys_values: &'a Rows) -> QueryKeyValue<'a> {
        let BlockExtents { tokens, width, .. } = self.extents;
        let part = |i: usize| Heads {
            rows: keys_values,
            first_column: i * width,
            rows_per_sequence: tokens,
        };
        let queries = Heads { rows: &self.query, first_column: 0, rows_per_sequence: 0 };
        QueryKeyValue { queries, keys: part(0), values: part(1) }
    }
}
