//! The last block of a tower that is read at its last position only.
//!
//! Every token still gives a key and a value, but only the last one asks, so its query, the output
//! projection and the MLP are computed for one row per sequence: 6.9 % less work for a text of the
//! target, and the same bytes.

use kernels::{
    AttentionShape, Compute, Heads, LayerNorm, Output, PackedLinear, QueryKeyValue, Rows,
};

use crate::ModelError;
use crate::encoder::{Arena, BlockTail, EncoderShape, TailArena, block_tensor};
use crate::formats::Formats;
use crate::linear::{Loader, NormAndLinears};

/// The block, with activations of its own.
pub(crate) struct LastBlock {
    shape: EncoderShape,
    norm: LayerNorm,
    query: PackedLinear,
    /// K and V as one product, 2 W outputs.
    key_value: PackedLinear,
    tail: BlockTail,
    arena: LastArena,
}

struct LastArena {
    key_value: Rows,
    /// Of the last positions, as everything below.
    normal: Rows,
    query: Rows,
    mixed: Option<Rows>,
}

impl LastBlock {
    pub(crate) fn load(loader: &Loader<'_>, shape: EncoderShape) -> Result<Self, ModelError> {
        let index = shape.layers - 1;
        let Formats { blocks, attention, .. } = shape.formats;
        let name = |part: &str| block_tensor(index, part);
        let [q, k, v] = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"].map(name);
        let groups: [&[&str]; 2] = [&[&q], &[&k, &v]];
        let NormAndLinears { norm, linears: [query, key_value] } =
            loader.norm_and_linears(&name("layer_norm1"), shape.epsilon, groups, blocks)?;
        let (together, width) = (shape.sequences_together(), shape.width);
        Ok(Self {
            shape,
            norm,
            query,
            key_value,
            tail: BlockTail::load(loader, index, &shape)?,
            arena: LastArena {
                key_value: Rows::new(attention, together * shape.tokens, 2 * width),
                normal: Rows::new(blocks, together, width),
                query: Rows::new(attention, together, width),
                mixed: (attention != blocks).then(|| Rows::new(attention, together, width)),
            },
        })
    }

    /// Runs the sequences of the arena's stream through the block; the last position of each goes
    /// to `last`, `[B][W]`.
    pub(crate) fn forward(&mut self, compute: &Compute, arena: &mut Arena, last: &mut [f32]) {
        let EncoderShape { tokens, width, .. } = self.shape;
        let batch = last.len() / width;
        let stream = &arena.stream[..batch * tokens * width];
        for (last, sequence) in
            last.chunks_exact_mut(width).zip(stream.chunks_exact(tokens * width))
        {
            last.copy_from_slice(&sequence[(tokens - 1) * width..]);
        }
        let LastArena { key_value, normal, query, mixed } = &mut self.arena;
        compute.layer_norm(&self.norm, stream, &mut arena.normal);
        let all = Output::Rows(key_value);
        compute.matmul(&arena.normal, batch * tokens, &self.key_value, all);
        compute.layer_norm(&self.norm, last, normal);
        compute.matmul(normal, batch, &self.query, Output::Rows(query));
        let part = |i: usize| Heads {
            rows: &*key_value,
            first_column: i * width,
            rows_per_sequence: tokens,
        };
        let queries = Heads { rows: &*query, first_column: 0, rows_per_sequence: 1 };
        let inputs = QueryKeyValue { queries, keys: part(0), values: part(1) };
        let shape = AttentionShape { query_tokens: 1, ..self.shape.attention(batch) };
        let attended = mixed.as_mut().unwrap_or(normal);
        compute.attention(shape, inputs, attended, &mut arena.scratch);
        let work = TailArena { mixed: mixed.as_mut(), normal, mlp: &mut arena.mlp };
        self.tail.add(compute, work, last);
    }
}
