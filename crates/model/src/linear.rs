//! Reading layers: packed weights with their biases, and norms.

use std::ops::Range;
use std::sync::Arc;

use kernels::{Compute, Format, LayerNorm, PackedLinear};
use weights::{Checkpoint, Tensor, Tower, WeightsError};

use crate::packed_cache::{LinearShape, Parts};
use crate::{ModelError, balance};

/// Reads the layers of one tower. Mapped pages are given back as soon as they are packed, so that
/// loading peaks near the size of the packed tower.
///
/// What it gives are the tower's parts, which may come from a file of packed weights; then nothing of
/// the checkpoint but its header is read.
pub(crate) struct Loader<'a> {
    pub(crate) compute: &'a Compute,
    pub(crate) checkpoint: &'a Arc<Checkpoint>,
    pub(crate) tower: Tower,
    pub(crate) parts: Parts,
}

/// A norm and the layers that read it.
pub(crate) struct NormAndLinears<const N: usize> {
    pub(crate) norm: LayerNorm,
    pub(crate) linears: [PackedLinear; N],
}

impl Loader<'_> {
    /// All numbers of a tensor, as a part of the tower.
    pub(crate) fn vector(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        let count = self.checkpoint.tensor(self.tower, name)?.elements();
        self.parts.numbers(self.compute, count, || Ok(self.read(name)?))
    }

    /// All numbers of a tensor.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let tensor = self.checkpoint.tensor(self.tower, name)?;
        let values = tensor.to_f32();
        tensor.release();
        Ok(values)
    }

    /// A layer as a part of the tower; `pack` is asked for it unless a file has it.
    pub(crate) fn part(
        &self,
        shape: LinearShape,
        pack: impl FnOnce() -> Result<PackedLinear, ModelError>,
    ) -> Result<PackedLinear, ModelError> {
        self.parts.linear(self.compute, shape, pack)
    }

    /// `{name}.weight` and `{name}.bias`. Dimensions beyond the first are inputs, so that a
    /// convolution whose stride is its size is a linear layer on patches.
    pub(crate) fn linear(&self, name: &str, format: Format) -> Result<PackedLinear, ModelError> {
        self.stacked(&[name], format)
    }

    /// Several layers with the same input as one: their outputs lie side by side in a row.
    pub(crate) fn stacked(
        &self,
        names: &[&str],
        format: Format,
    ) -> Result<PackedLinear, ModelError> {
        self.scaled(names, format, None)
    }

    /// A norm and the layers that read it, each group [`stacked`](Self::stacked). Where they compute
    /// in int8, the range of their channels is shared (see `balance`).
    pub(crate) fn norm_and_linears<const N: usize>(
        &self,
        norm: &str,
        epsilon: f32,
        groups: [&[&str]; N],
        format: Format,
    ) -> Result<NormAndLinears<N>, ModelError> {
        let mut factors = None;
        let norm = self.adjusted_norm(norm, epsilon, |norm| {
            if format == Format::Int8 {
                let largest = self.largest_of_channels(&groups.concat(), norm.weight.len())?;
                let shared = balance::factors(norm, &largest);
                balance::divide(norm, &shared);
                factors = Some(shared);
            }
            Ok(())
        })?;
        let mut linears = Vec::with_capacity(N);
        for names in groups {
            linears.push(self.scaled(names, format, factors.as_deref())?);
        }
        let linears = linears.try_into().ok().expect("there is a layer for each group");
        Ok(NormAndLinears { norm, linears })
    }

    /// The largest absolute weight that each of `inputs` channels meets.
    fn largest_of_channels(&self, names: &[&str], inputs: usize) -> Result<Vec<f32>, WeightsError> {
        let (mut largest, mut row) = (vec![0.0_f32; inputs], vec![0.0; inputs]);
        for tensor in self.weights_of(names)? {
            for offset in (0..tensor.elements()).step_by(inputs) {
                tensor.read_f32(offset, &mut row);
                for (largest, weight) in largest.iter_mut().zip(&row) {
                    *largest = largest.max(weight.abs());
                }
            }
        }
        Ok(largest)
    }

    fn weights_of(&self, names: &[&str]) -> Result<Vec<Tensor<'_>>, WeightsError> {
        let tensor = |name: &&str| self.checkpoint.tensor(self.tower, &format!("{name}.weight"));
        names.iter().map(tensor).collect()
    }

    /// [`stacked`](Self::stacked), with each input's weights multiplied by its factor.
    fn scaled(
        &self,
        names: &[&str],
        format: Format,
        factors: Option<&[f32]>,
    ) -> Result<PackedLinear, ModelError> {
        let tensors = self.weights_of(names)?;
        let each = tensors[0].shape()[0];
        let inputs = tensors[0].elements() / each;
        let shape = LinearShape { outputs: each * tensors.len(), inputs, format };
        self.part(shape, || {
            let mut bias = Vec::new();
            for name in names {
                bias.extend(self.read(&format!("{name}.bias"))?);
            }
            let linear = self.compute.pack(format, inputs, &bias, &|row, out| {
                tensors[row / each].read_f32(row % each * inputs, out);
                if let Some(factors) = factors {
                    out.iter_mut().zip(factors).for_each(|(weight, factor)| *weight *= factor);
                }
            });
            tensors.iter().for_each(Tensor::release);
            Ok(linear)
        })
    }

    /// Rows `rows` of the tensor `{name}_weight` with the same part of `{name}_bias`, as one layer.
    pub(crate) fn rows_of(
        &self,
        name: &str,
        rows: Range<usize>,
        format: Format,
    ) -> Result<PackedLinear, ModelError> {
        let tensor = self.checkpoint.tensor(self.tower, &format!("{name}_weight"))?;
        let inputs = tensor.elements() / tensor.shape()[0];
        self.part(LinearShape { outputs: rows.len(), inputs, format }, || {
            let bias = &self.read(&format!("{name}_bias"))?[rows.clone()];
            let linear = self.compute.pack(format, inputs, bias, &|row, out| {
                tensor.read_f32((rows.start + row) * inputs, out);
            });
            tensor.release();
            Ok(linear)
        })
    }

    /// `{name}.weight` and `{name}.bias` of a layer normalisation.
    pub(crate) fn norm(&self, name: &str, epsilon: f32) -> Result<LayerNorm, ModelError> {
        self.adjusted_norm(name, epsilon, |_| Ok(()))
    }

    /// [`norm`](Self::norm), which `adjust` changes unless a file has it. Scale and shift are one part.
    fn adjusted_norm(
        &self,
        name: &str,
        epsilon: f32,
        adjust: impl FnOnce(&mut LayerNorm) -> Result<(), ModelError>,
    ) -> Result<LayerNorm, ModelError> {
        let weight_name = format!("{name}.weight");
        let width = self.checkpoint.tensor(self.tower, &weight_name)?.elements();
        let mut weight = self.parts.numbers(self.compute, 2 * width, || {
            let (weight, bias) = (self.read(&weight_name)?, self.read(&format!("{name}.bias"))?);
            let mut norm = LayerNorm { weight, bias, epsilon };
            adjust(&mut norm)?;
            Ok([norm.weight, norm.bias].concat())
        })?;
        let bias = weight.split_off(width);
        Ok(LayerNorm { weight, bias, epsilon })
    }
}
