//! `y = x W^T + b`.

use std::ops::Range;

use kernels::{Compute, Format, Output, PackedLinear, Rows, WeightGradient};

use super::Workshop;
use crate::parameters::Parameters;

/// A linear layer of N outputs and K inputs.
pub(crate) struct Linear {
    /// `[N][K]`.
    weight: Range<usize>,
    /// `[N]`.
    bias: Range<usize>,
    format: Format,
    forward: PackedLinear,
    /// The transpose.
    backward: PackedLinear,
}

impl Linear {
    /// The layer of the parameters at two places.
    pub(crate) fn new(
        compute: &Compute,
        format: Format,
        weight: Range<usize>,
        bias: Range<usize>,
    ) -> Self {
        let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
        let forward = compute.zeroed_linear(format, outputs, inputs);
        let backward = compute.zeroed_linear(format, inputs, outputs);
        Self { weight, bias, format, forward, backward }
    }

    /// The layer called `name`.
    pub(crate) fn named(
        compute: &Compute,
        format: Format,
        parameters: &Parameters,
        name: &str,
    ) -> Self {
        let weight = parameters.range(&format!("{name}.weight"));
        Self::new(compute, format, weight, parameters.range(&format!("{name}.bias")))
    }

    pub(crate) fn refresh(&mut self, compute: &Compute, values: &[f32]) {
        let (weight, bias) = (&values[self.weight.clone()], &values[self.bias.clone()]);
        let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
        self.forward = compute.pack(self.format, inputs, bias, &|output, row| {
            row.copy_from_slice(&weight[output * inputs..(output + 1) * inputs]);
        });
        self.backward = compute.pack(self.format, outputs, &vec![0.0; inputs], &|input, row| {
            for (to, from) in row.iter_mut().zip(weight[input..].iter().step_by(inputs)) {
                *to = *from;
            }
        });
    }

    pub(crate) fn forward(&self, compute: &Compute, input: &Rows, rows: usize, to: Output<'_>) {
        compute.matmul(input, rows, &self.forward, to);
    }

    /// Adds the gradients of weight and bias, and writes that of the input where it is wanted.
    pub(crate) fn backward(
        &self,
        workshop: &mut Workshop<'_>,
        gradient: &Rows,
        input: &Rows,
        rows: usize,
        gradients: &mut [f32],
        of_input: Option<Output<'_>>,
    ) {
        let (weight, bias) = two(gradients, &self.weight, &self.bias);
        let of_weight = WeightGradient { weight, bias };
        workshop.compute.outer(gradient, input, rows, of_weight, workshop.scratch);
        if let Some(of_input) = of_input {
            workshop.compute.matmul(gradient, rows, &self.backward, of_input);
        }
    }
}

/// Two parts of the gradients, the first of which ends before the second begins.
pub(super) fn two<'a>(
    gradients: &'a mut [f32],
    first: &Range<usize>,
    second: &Range<usize>,
) -> (&'a mut [f32], &'a mut [f32]) {
    assert!(first.end <= second.start, "weights come before their biases");
    let (left, right) = gradients.split_at_mut(second.start);
    (&mut left[first.clone()], &mut right[..second.len()])
}
