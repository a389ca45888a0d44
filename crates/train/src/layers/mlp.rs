//! `x += fc2(gelu(fc1(norm(x))))`, the second half of a block and the end of the MAP head.

use kernels::{Buffer, Compute, Format, Output, Rows};

use super::{Linear, Norm, Workshop};
use crate::parameters::Parameters;

/// An MLP with its normalisation.
pub(crate) struct Mlp {
    norm: Norm,
    first: Linear,
    second: Linear,
}

/// What the backward pass needs, for as many rows as the part of the batch has.
pub(crate) struct MlpActivations {
    /// `[rows][W]`, f32.
    pub(crate) input: Buffer,
    normal: Rows,
    /// Before GELU.
    before: Rows,
    /// After it.
    hidden: Rows,
}

impl MlpActivations {
    pub(crate) fn new(format: Format, rows: usize, width: usize, hidden: usize) -> Self {
        Self {
            input: Buffer::zeroed(rows * width),
            normal: Rows::new(format, rows, width),
            before: Rows::new(format, rows, hidden),
            hidden: Rows::new(format, rows, hidden),
        }
    }
}

/// What the backward pass works in; shared by all layers of a tower.
pub(crate) struct Gradients {
    /// Of the stream, `[rows][W]` in f32.
    pub(crate) stream: Rows,
    /// The same in the format of products.
    pub(crate) rows: Rows,
    /// Of an MLP's inside.
    pub(crate) hidden: Rows,
    /// Of what a norm gave, f32.
    pub(crate) normal: Buffer,
}

impl Gradients {
    pub(crate) fn new(format: Format, rows: usize, width: usize, hidden: usize) -> Self {
        Self {
            stream: Rows::new(Format::F32, rows, width),
            rows: Rows::new(format, rows, width),
            hidden: Rows::new(format, rows, hidden),
            normal: Buffer::zeroed(rows * width),
        }
    }
}

impl Mlp {
    pub(crate) fn new(
        compute: &Compute,
        format: Format,
        parameters: &Parameters,
        norm: &str,
        mlp: &str,
        epsilon: f32,
    ) -> Self {
        Self {
            norm: Norm::named(parameters, norm, epsilon),
            first: Linear::named(compute, format, parameters, &format!("{mlp}.fc1")),
            second: Linear::named(compute, format, parameters, &format!("{mlp}.fc2")),
        }
    }

    pub(crate) fn refresh(&mut self, compute: &Compute, values: &[f32]) {
        self.norm.refresh(values);
        self.first.refresh(compute, values);
        self.second.refresh(compute, values);
    }

    /// From `kept.input` to `out`, `rows` rows.
    pub(crate) fn forward(
        &self,
        compute: &Compute,
        rows: usize,
        kept: &mut MlpActivations,
        out: &mut [f32],
    ) {
        let MlpActivations { input, normal, before, hidden } = kept;
        let input = &input[..out.len()];
        self.norm.forward(compute, input, normal);
        self.first.forward(compute, normal, rows, Output::Rows(before));
        compute.gelu(before, rows, hidden);
        out.copy_from_slice(input);
        self.second.forward(compute, hidden, rows, Output::Add(out));
    }

    /// From the gradient of the output in `work.stream` to that of the input, in place.
    pub(crate) fn backward(
        &self,
        workshop: &mut Workshop<'_>,
        rows: usize,
        kept: &MlpActivations,
        work: &mut Gradients,
        gradients: &mut [f32],
    ) {
        let Gradients { stream, rows: given, hidden, normal } = work;
        let width = stream.width();
        workshop.compute.convert(stream, rows, given);
        let to = Some(Output::Rows(hidden));
        self.second.backward(workshop, given, &kept.hidden, rows, gradients, to);
        workshop.compute.gelu_backward(&kept.before, rows, hidden);
        let normal = &mut normal[..rows * width];
        let to = Some(Output::Store(normal));
        self.first.backward(workshop, hidden, &kept.normal, rows, gradients, to);
        let (input, stream) = (&kept.input[..rows * width], &mut stream.numbers()[..rows * width]);
        self.norm.backward(workshop, input, normal, gradients, stream);
    }
}
