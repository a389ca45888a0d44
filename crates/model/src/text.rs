//! Token ids to embeddings.

use std::sync::Arc;

use kernels::{Buffer, Compute, Epilogue, LayerNorm};
use weights::{Checkpoint, Tower};

use crate::ModelError;
use crate::encoder::{Arena, Encoder, EncoderShape};
use crate::linear::{Linear, Loader};
use crate::stage::{Observer, Stage};

/// The text tower: tokens, positions, blocks, norm, the last position, head.
pub(crate) struct TextTower {
    /// Token rows are read from its map: the table of the target is 768 MB, a text touches at
    /// most 64 of its rows.
    checkpoint: Arc<Checkpoint>,
    vocabulary: usize,
    /// `[T][W]`.
    positions: Vec<f32>,
    encoder: Encoder,
    final_norm: LayerNorm,
    head: Option<Linear>,
    arena: Arena,
    /// The last position of each text, `[B][W]`.
    pooled: Buffer,
}

impl TextTower {
    pub(crate) fn load(
        compute: &Compute,
        checkpoint: &Arc<Checkpoint>,
    ) -> Result<Self, ModelError> {
        let config = &checkpoint.config().text;
        let loader = Loader {
            compute,
            checkpoint,
            tower: Tower::Text,
        };
        let shape = EncoderShape {
            tokens: config.max_position_embeddings,
            width: config.hidden_size,
            hidden: config.intermediate_size,
            heads: config.num_attention_heads,
            layers: config.num_hidden_layers,
            epsilon: config.layer_norm_eps,
        };
        let head = checkpoint
            .has_text_head()
            .then(|| loader.linear("head"))
            .transpose()?;
        Ok(Self {
            vocabulary: config.vocab_size,
            positions: loader.vector("embeddings.position_embedding.weight")?,
            encoder: Encoder::load(&loader, shape)?,
            final_norm: loader.norm("final_layer_norm", shape.epsilon)?,
            head,
            arena: Arena::new(compute, &shape, 0),
            pooled: Buffer::zeroed(shape.sequences_together() * shape.width),
            checkpoint: Arc::clone(checkpoint),
        })
    }

    /// Embeds texts of T ids each into `out`, `[B][D]`, not normalised.
    pub(crate) fn embed(
        &mut self,
        compute: &Compute,
        ids: &[u32],
        out: &mut [f32],
        observer: &mut dyn Observer,
    ) -> Result<(), ModelError> {
        if let Some(&id) = ids.iter().find(|&&id| id as usize >= self.vocabulary) {
            return Err(ModelError::TokenId {
                id,
                vocabulary: self.vocabulary,
            });
        }
        let EncoderShape { tokens, width, .. } = self.encoder.shape;
        let together = self.encoder.shape.sequences_together();
        let dimension = self.head.as_ref().map_or(width, Linear::outputs);
        for (ids, out) in ids
            .chunks(together * tokens)
            .zip(out.chunks_mut(together * dimension))
        {
            self.embed_together(compute, ids, out, observer)?;
        }
        Ok(())
    }

    fn embed_together(
        &mut self,
        compute: &Compute,
        ids: &[u32],
        out: &mut [f32],
        observer: &mut dyn Observer,
    ) -> Result<(), ModelError> {
        let EncoderShape { tokens, width, .. } = self.encoder.shape;
        let batch = ids.len() / tokens;
        let arena = &mut self.arena;
        let table = self
            .checkpoint
            .tensor(Tower::Text, "embeddings.token_embedding.weight")?;
        let positions = self.positions.chunks_exact(width).cycle();
        for ((stream, &id), position) in
            arena.stream.chunks_exact_mut(width).zip(ids).zip(positions)
        {
            table.read_f32(id as usize * width, stream);
            stream
                .iter_mut()
                .zip(position)
                .for_each(|(to, position)| *to += position);
        }
        self.encoder.forward(compute, arena, batch, observer);

        let normal = &mut arena.normal[..batch * tokens * width];
        compute.layer_norm(
            &self.final_norm,
            &arena.stream[..batch * tokens * width],
            normal,
        );
        observer.see(Stage::Norm, normal);
        let pooled = &mut self.pooled[..batch * width];
        for (pooled, text) in pooled
            .chunks_exact_mut(width)
            .zip(normal.chunks_exact(tokens * width))
        {
            pooled.copy_from_slice(&text[(tokens - 1) * width..]);
        }
        observer.see(Stage::Pooled, pooled);
        match &self.head {
            Some(head) => head.forward(compute, pooled, Epilogue::Bias, out),
            None => out.copy_from_slice(pooled),
        }
        Ok(())
    }
}
