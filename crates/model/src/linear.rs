//! Layers as they are loaded: packed weights with their biases, and norms.

use kernels::{Compute, Epilogue, LayerNorm, PackedMatrix};
use weights::{Checkpoint, Tensor, Tower, WeightsError};

/// A linear layer, `x W^T + b`.
pub(crate) struct Linear {
    weights: PackedMatrix,
    bias: Vec<f32>,
}

impl Linear {
    /// Rows of `input` through the layer and `epilogue` into `out`.
    pub(crate) fn forward(
        &self,
        compute: &Compute,
        input: &[f32],
        epilogue: Epilogue,
        out: &mut [f32],
    ) {
        compute.matmul(input, &self.weights, &self.bias, epilogue, out);
    }

    /// N.
    pub(crate) fn outputs(&self) -> usize {
        self.weights.outputs()
    }
}

/// Reads the layers of one tower. Mapped pages are given back as soon as they are packed, so that
/// loading peaks near the size of the packed tower.
pub(crate) struct Loader<'a> {
    pub(crate) compute: &'a Compute,
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) tower: Tower,
}

impl Loader<'_> {
    /// All numbers of a tensor.
    pub(crate) fn vector(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let tensor = self.checkpoint.tensor(self.tower, name)?;
        let values = tensor.to_f32();
        tensor.release();
        Ok(values)
    }

    /// `{name}.weight` and `{name}.bias`. Dimensions beyond the first are inputs, so that a
    /// convolution whose stride is its size is a linear layer on patches.
    pub(crate) fn linear(&self, name: &str) -> Result<Linear, WeightsError> {
        self.stacked(&[name])
    }

    /// Several layers with the same input as one: their outputs lie side by side in a row.
    pub(crate) fn stacked(&self, names: &[&str]) -> Result<Linear, WeightsError> {
        let tensors = names
            .iter()
            .map(|name| {
                self.checkpoint
                    .tensor(self.tower, &format!("{name}.weight"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut bias = Vec::new();
        for name in names {
            bias.extend(self.vector(&format!("{name}.bias"))?);
        }
        Ok(self.pack(&tensors, bias))
    }

    /// Rows `rows` of `weight` with the same part of `bias`, as one layer.
    pub(crate) fn rows_of(
        &self,
        weight: &str,
        bias: &str,
        rows: std::ops::Range<usize>,
    ) -> Result<Linear, WeightsError> {
        let tensor = self.checkpoint.tensor(self.tower, weight)?;
        let inputs = tensor.elements() / tensor.shape()[0];
        let bias = self.vector(bias)?[rows.clone()].to_vec();
        let weights = self.compute.pack(rows.len(), inputs, &|row, out| {
            tensor.read_f32((rows.start + row) * inputs, out);
        });
        tensor.release();
        Ok(Linear { weights, bias })
    }

    fn pack(&self, tensors: &[Tensor<'_>], bias: Vec<f32>) -> Linear {
        let each = tensors[0].shape()[0];
        let inputs = tensors[0].elements() / each;
        let weights = self
            .compute
            .pack(each * tensors.len(), inputs, &|row, out| {
                tensors[row / each].read_f32(row % each * inputs, out);
            });
        tensors.iter().for_each(Tensor::release);
        Linear { weights, bias }
    }

    /// `{name}.weight` and `{name}.bias` of a layer normalisation.
    pub(crate) fn norm(&self, name: &str, epsilon: f32) -> Result<LayerNorm, WeightsError> {
        Ok(LayerNorm {
            weight: self.vector(&format!("{name}.weight"))?,
            bias: self.vector(&format!("{name}.bias"))?,
            epsilon,
        })
    }
}
