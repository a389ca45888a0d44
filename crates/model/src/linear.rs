//! Reading layers: packed weights with their biases, and norms.

use std::ops::Range;

use kernels::{Compute, Format, LayerNorm, PackedLinear};
use weights::{Checkpoint, Tensor, Tower, WeightsError};

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
    pub(crate) fn linear(&self, name: &str, format: Format) -> Result<PackedLinear, WeightsError> {
        self.stacked(&[name], format)
    }

    /// Several layers with the same input as one: their outputs lie side by side in a row.
    pub(crate) fn stacked(
        &self,
        names: &[&str],
        format: Format,
    ) -> Result<PackedLinear, WeightsError> {
        let tensors = names
            .iter()
            .map(|name| self.checkpoint.tensor(self.tower, &format!("{name}.weight")))
            .collect::<Result<Vec<_>, _>>()?;
        let mut bias = Vec::new();
        for name in names {
            bias.extend(self.vector(&format!("{name}.bias"))?);
        }
        let each = tensors[0].shape()[0];
        let inputs = tensors[0].elements() / each;
        let linear = self.compute.pack(format, inputs, &bias, &|row, out| {
            tensors[row / each].read_f32(row % each * inputs, out);
        });
        tensors.iter().for_each(Tensor::release);
        Ok(linear)
    }

    /// Rows `rows` of the tensor `{name}_weight` with the same part of `{name}_bias`, as one layer.
    pub(crate) fn rows_of(
        &self,
        name: &str,
        rows: Range<usize>,
        format: Format,
    ) -> Result<PackedLinear, WeightsError> {
        let tensor = self.checkpoint.tensor(self.tower, &format!("{name}_weight"))?;
        let inputs = tensor.elements() / tensor.shape()[0];
        let bias = &self.vector(&format!("{name}_bias"))?[rows.clone()];
        let linear = self.compute.pack(format, inputs, bias, &|row, out| {
            tensor.read_f32((rows.start + row) * inputs, out);
        });
        tensor.release();
        Ok(linear)
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
