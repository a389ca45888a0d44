//! The vision tower's pooling: multi-head attention with one learned query (MAP).
//!
//! `probe` attends to all patches; no residual goes around that attention. Then
//! `x + mlp(norm(x))` is the image embedding; there is no projection behind it.

use kernels::{
    AttentionShape, Compute, Format, Heads, LayerNorm, Output, PackedLinear, QueryKeyValue, Rows,
};
use weights::WeightsError;

use crate::encoder::{EncoderShape, Mlp, MlpArena};
use crate::linear::Loader;
use crate::stage::{Observer, Stage};

/// The head, with its query already projected.
pub(crate) struct MapHead {
    shape: EncoderShape,
    /// The probe through the query projection, one row: the same for every picture.
    query: Rows,
    /// K and V as one product, 2 W outputs.
    key_value: PackedLinear,
    out: PackedLinear,
    norm: LayerNorm,
    mlp: Mlp,
    arena: HeadArena,
}

/// The head's activations.
struct HeadArena {
    key_value: Rows,
    /// The patches, mixed by the heads: one row per picture.
    mixed: Rows,
    /// The same as the output projection reads it, then normalised.
    normal: Rows,
    mlp: MlpArena,
}

impl MapHead {
    pub(crate) fn load(loader: &Loader<'_>, shape: EncoderShape) -> Result<Self, WeightsError> {
        let width = shape.width;
        let (ends, attention) = (shape.formats.ends, shape.formats.attention);
        let probe = loader.vector("head.probe")?;
        let query_projection = loader.rows_of("head.attention.in_proj", 0..width, Format::F32)?;
        let mut plain = Rows::new(Format::F32, 1, width);
        plain.numbers().copy_from_slice(&probe);
        let mut projected = Rows::new(Format::F32, 1, width);
        loader.compute.matmul(&plain, 1, &query_projection, Output::Rows(&mut projected));
        let mut query = Rows::new(attention, 1, width);
        loader.compute.convert(&projected, 1, &mut query);
        let together = shape.sequences_together();
        Ok(Self {
            shape,
            query,
            key_value: loader.rows_of("head.attention.in_proj", width..3 * width, ends)?,
            out: loader.linear("head.attention.out_proj", ends)?,
            norm: loader.norm("head.layernorm", shape.epsilon)?,
            mlp: Mlp::load(loader, "head.mlp", ends)?,
            arena: HeadArena {
                key_value: Rows::new(attention, together * shape.tokens, 2 * width),
                mixed: Rows::new(attention, together, width),
                normal: Rows::new(ends, together, width),
                mlp: MlpArena::new(ends, together, shape.hidden),
            },
        })
    }

    /// Pools the patches of each picture, rows in the format of the ends, into `out`, `[B][W]`.
    pub(crate) fn forward(
        &mut self,
        compute: &Compute,
        patches: &Rows,
        scratch: &mut [u32],
        out: &mut [f32],
        observer: &mut dyn Observer,
    ) {
        let EncoderShape { tokens, width, .. } = self.shape;
        let batch = out.len() / width;
        let HeadArena { key_value, mixed, normal, mlp } = &mut self.arena;
        compute.matmul(patches, batch * tokens, &self.key_value, Output::Rows(key_value));
        let part = |i: usize| Heads {
            rows: &*key_value,
            first_column: i * width,
            rows_per_sequence: tokens,
        };
        let queries = Heads { rows: &self.query, first_column: 0, rows_per_sequence: 0 };
        let inputs = QueryKeyValue { queries, keys: part(0), values: part(1) };
        let shape = AttentionShape { query_tokens: 1, ..self.shape.attention(batch) };
        compute.attention(shape, inputs, mixed, scratch);
        compute.convert(mixed, batch, normal);
        compute.matmul(normal, batch, &self.out, Output::Store(out));
        observer.see(Stage::HeadAttention, out);
        compute.layer_norm(&self.norm, out, normal);
        self.mlp.add(compute, normal, mlp, out);
    }
}
