//! Layer normalisation.

use std::ops::Range;

use kernels::{Compute, LayerNorm, NormGradient, Rows};

use super::Workshop;
use super::linear::two;
use crate::parameters::Parameters;

/// A layer normalisation.
pub(crate) struct Norm {
    weight: Range<usize>,
    bias: Range<usize>,
    parameters: LayerNorm,
}

impl Norm {
    pub(crate) fn named(parameters: &Parameters, name: &str, epsilon: f32) -> Self {
        let weight = parameters.range(&format!("{name}.weight"));
        let bias = parameters.range(&format!("{name}.bias"));
        let zeros = vec![0.0; weight.len()];
        Self { parameters: LayerNorm { weight: zeros.clone(), bias: zeros, epsilon }, weight, bias }
    }

    pub(crate) fn refresh(&mut self, values: &[f32]) {
        self.parameters.weight.copy_from_slice(&values[self.weight.clone()]);
        self.parameters.bias.copy_from_slice(&values[self.bias.clone()]);
    }

    pub(crate) fn forward(&self, compute: &Compute, input: &[f32], out: &mut Rows) {
        compute.layer_norm(&self.parameters, input, out);
    }

    /// Adds the gradients of weight, bias and input.
    pub(crate) fn backward(
        &self,
        workshop: &mut Workshop<'_>,
        input: &[f32],
        output: &[f32],
        gradients: &mut [f32],
        of_input: &mut [f32],
    ) {
        let (weight, bias) = two(gradients, &self.weight, &self.bias);
        let gradient = NormGradient { input: of_input, weight, bias };
        let Workshop { compute, scratch, .. } = workshop;
        compute.layer_norm_backward(&self.parameters, input, output, gradient, scratch);
    }
}
