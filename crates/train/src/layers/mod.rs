//! The layers of a tower, each with its gradients directly below its forward pass.
//!
//! A layer holds the places of its parameters and a copy of them as the kernels read them, made by `refresh` after each
//! change. Activations that the backward pass needs are kept by the caller in the layer's own type, one for each part of
//! the batch.

mod block;
mod linear;
mod map_head;
mod mlp;
mod norm;

pub(crate) use block::{Block, BlockActivations, BlockExtents, BlockGradients};
pub(crate) use linear::Linear;
pub(crate) use map_head::{MapHead, MapHeadActivations, MapHeadGradients};
pub(crate) use mlp::{Mlp, MlpActivations};
pub(crate) use norm::Norm;

use kernels::{AttentionShape, Compute, Format, QueryKeyValue, Rows, Scratch};

/// What the layers work with.
pub(crate) struct Workshop<'a> {
    pub(crate) compute: &'a Compute,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) attention_scratch: &'a mut Vec<u32>,
}

impl Workshop<'_> {
    /// Attention, with as much scratch as it needs.
    pub(crate) fn attend(
        &mut self,
        shape: AttentionShape,
        inputs: QueryKeyValue<'_>,
        out: &mut Rows,
    ) {
        let needed = self.compute.attention_scratch(shape);
        if self.attention_scratch.len() < needed {
            self.attention_scratch.resize(needed, 0);
        }
        self.compute.attention(shape, inputs, out, self.attention_scratch);
    }
}

/// The number format of products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arithmetic {
    /// f32 throughout.
    F32,
    /// Products of bf16 with f32 sums; parameters, residual stream, norms, loss and optimiser stay f32.
    Bf16,
}

impl Arithmetic {
    pub(crate) fn format(self) -> Format {
        match self {
            Self::F32 => Format::F32,
            Self::Bf16 => Format::Bf16,
        }
    }
}
