//! The vision tower's pooling: multi-head attention with one learned query (MAP).
//!
//! `probe` attends to all patches; no residual goes around that attention. Then
//! `x + mlp(norm(x))` is the image embedding; there is no projection behind it.

use kernels::{AttentionShape, Buffer, Compute, Epilogue, Heads, LayerNorm};
use weights::WeightsError;

use crate::encoder::{EncoderShape, Mlp};
use crate::linear::{Linear, Loader};
use crate::stage::{Observer, Stage};

/// The head, with its query already projected.
pub(crate) struct MapHead {
    shape: EncoderShape,
    /// The probe through the query projection, `[W]`: the same for every picture.
    query: Vec<f32>,
    /// K and V as one product, 2 W outputs.
    key_value: Linear,
    out: Linear,
    norm: LayerNorm,
    mlp: Mlp,
    /// Queries mixed by the heads, `[B][W]`.
    mixed: Buffer,
    /// Normalised, `[B][W]`.
    normal: Buffer,
}

impl MapHead {
    pub(crate) fn load(loader: &Loader<'_>, shape: EncoderShape) -> Result<Self, WeightsError> {
        let width = shape.width;
        let rows = |range| {
            loader.rows_of(
                "head.attention.in_proj_weight",
                "head.attention.in_proj_bias",
                range,
            )
        };
        let probe = loader.vector("head.probe")?;
        let mut query = vec![0.0; width];
        rows(0..width)?.forward(loader.compute, &probe, Epilogue::Bias, &mut query);
        let together = shape.sequences_together() * width;
        Ok(Self {
            shape,
            query,
            key_value: rows(width..3 * width)?,
            out: loader.linear("head.attention.out_proj")?,
            norm: loader.norm("head.layernorm", shape.epsilon)?,
            mlp: Mlp::load(loader, "head.mlp")?,
            mixed: Buffer::zeroed(together),
            normal: Buffer::zeroed(together),
        })
    }

    /// Pools `patches`, `[B][T][W]`, into `out`, `[B][W]`; `key_value`, `hidden` and `scratch` are
    /// the arena's.
    pub(crate) fn forward(
        &mut self,
        compute: &Compute,
        patches: &[f32],
        work: &mut Work<'_>,
        out: &mut [f32],
        observer: &mut dyn Observer,
    ) {
        let EncoderShape { tokens, width, .. } = self.shape;
        let batch = out.len() / width;
        let key_value = &mut work.key_value[..batch * tokens * 2 * width];
        self.key_value
            .forward(compute, patches, Epilogue::Bias, key_value);
        let query = Heads {
            values: &self.query,
            batch_stride: 0,
            token_stride: 0,
        };
        let part = |i: usize| Heads {
            values: &key_value[i * width..],
            batch_stride: tokens * 2 * width,
            token_stride: 2 * width,
        };
        let shape = AttentionShape {
            query_tokens: 1,
            ..self.shape.attention(batch)
        };
        let mixed = &mut self.mixed[..batch * width];
        compute.attention(shape, query, part(0), part(1), mixed, work.scratch);
        self.out.forward(compute, mixed, Epilogue::Bias, out);
        observer.see(Stage::HeadAttention, out);
        let normal = &mut self.normal[..batch * width];
        compute.layer_norm(&self.norm, out, normal);
        self.mlp.add(compute, normal, work.hidden, out);
    }
}

/// Parts of the arena that are free when the head runs.
pub(crate) struct Work<'a> {
    /// At least `[B T][2 W]`.
    pub(crate) key_value: &'a mut [f32],
    /// At least `[B][hidden]`.
    pub(crate) hidden: &'a mut [f32],
    /// Attention's scratch.
    pub(crate) scratch: &'a mut [f32],
}
