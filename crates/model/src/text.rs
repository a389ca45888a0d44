//! Token ids to embeddings.

use std::sync::Arc;

use kernels::{Compute, Format, LayerNorm, Output, PackedLinear, Rows};
use weights::{Checkpoint, Tensor, Tower};

use crate::encoder::{Arena, Encoder, EncoderShape, FirstBlock};
use crate::formats::Formats;
use crate::last_block::LastBlock;
use crate::linear::Loader;
use crate::pad_rows::PadRows;
use crate::stage::{Observer, Stage};
use crate::{ModelError, Precision};

/// The text tower: tokens, positions, blocks, the last position, norm, head.
pub(crate) struct TextTower {
    /// Token rows are read from its map: the table of the target is 768 MB, a text touches at
    /// most 64 of its rows.
    checkpoint: Arc<Checkpoint>,
    /// The table's name in the checkpoint's files.
    token_table: String,
    vocabulary: usize,
    /// `[T][W]`.
    positions: Vec<f32>,
    /// All blocks but the last.
    encoder: Encoder,
    last_block: LastBlock,
    /// Of the encoder's first block, where it has one.
    pads: Option<PadRows>,
    final_norm: LayerNorm,
    head: Option<PackedLinear>,
    arena: Arena,
    ends: EndsArena,
}

/// Activations after the last block: one row per text.
struct EndsArena {
    /// The last position of the stream, after the last block.
    last: Vec<f32>,
    /// The same, normalised.
    pooled: Rows,
    /// The same as the head reads it, where that is another format.
    converted: Option<Rows>,
}

impl TextTower {
    pub(crate) fn load(loader: &Loader<'_>, precision: Precision) -> Result<Self, ModelError> {
        let Loader { compute, checkpoint, .. } = *loader;
        let config = &checkpoint.config().text;
        let shape = EncoderShape {
            tokens: config.max_position_embeddings,
            width: config.hidden_size,
            hidden: config.intermediate_size,
            heads: config.num_attention_heads,
            layers: config.num_hidden_layers,
            epsilon: config.layer_norm_eps,
            formats: Formats::new(precision, config.hidden_size / config.num_attention_heads),
        };
        let ends = shape.formats.ends;
        let head = checkpoint.has_text_head().then(|| loader.linear("head", ends)).transpose()?;
        let together = shape.sequences_together();
        let token_table = checkpoint.tensor(Tower::Text, "embeddings.token_embedding.weight")?;
        let mut tower = Self {
            token_table: token_table.name().to_owned(),
            vocabulary: config.vocab_size,
            positions: loader.vector("embeddings.position_embedding.weight")?,
            encoder: Encoder::load(loader, shape, shape.layers - 1)?,
            last_block: LastBlock::load(loader, shape)?,
            final_norm: loader.norm("final_layer_norm", shape.epsilon)?,
            head,
            pads: None,
            arena: Arena::new(compute, &shape),
            ends: EndsArena {
                last: vec![0.0; together * shape.width],
                pooled: Rows::new(Format::F32, together, shape.width),
                converted: (ends != Format::F32).then(|| Rows::new(ends, together, shape.width)),
            },
            checkpoint: Arc::clone(checkpoint),
        };
        tower.know_pads(compute, config.pad_token_id)?;
        Ok(tower)
    }

    fn know_pads(&mut self, compute: &Compute, id: u32) -> Result<(), ModelError> {
        let shape = self.encoder.shape;
        if let Some(block) = self.encoder.blocks.first() {
            let table = self.checkpoint.tensor_named(&self.token_table)?;
            let rows = self.arena.stream.chunks_exact_mut(shape.width);
            for (row, position) in rows.zip(self.positions.chunks_exact(shape.width)) {
                embed_token(&table, id, position, row);
            }
            self.pads = Some(PadRows::new(compute, &shape, block, &mut self.arena, id));
        }
        Ok(())
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
            return Err(ModelError::TokenId { id, vocabulary: self.vocabulary });
        }
        let EncoderShape { tokens, width, .. } = self.encoder.shape;
        let together = self.encoder.shape.sequences_together();
        let dimension = self.head.as_ref().map_or(width, PackedLinear::outputs);
        for (ids, out) in ids.chunks(together * tokens).zip(out.chunks_mut(together * dimension)) {
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
        let table = self.checkpoint.tensor_named(&self.token_table)?;
        let positions = self.positions.chunks_exact(width).cycle();
        let stream = self.arena.stream.chunks_exact_mut(width);
        for ((stream, &id), position) in stream.zip(ids).zip(positions) {
            embed_token(&table, id, position, stream);
        }
        let first =
            self.pads.as_mut().map_or(FirstBlock::Stream, |pads| FirstBlock::Pads(pads, ids));
        self.encoder.forward(compute, &mut self.arena, batch, first, observer);

        let EndsArena { last, pooled, converted } = &mut self.ends;
        let last = &mut last[..batch * width];
        self.last_block.forward(compute, &mut self.arena, last);
        compute.layer_norm(&self.final_norm, last, pooled);
        observer.see_rows(Stage::Pooled, pooled, batch);
        match (&self.head, converted) {
            (None, _) => out.copy_from_slice(&pooled.numbers()[..batch * width]),
            (Some(head), None) => compute.matmul(pooled, batch, head, Output::Store(out)),
            (Some(head), Some(converted)) => {
                compute.convert(pooled, batch, converted);
                compute.matmul(converted, batch, head, Output::Store(out));
            }
        }
        Ok(())
    }
}

/// The row of token `id` plus its position's.
fn embed_token(table: &Tensor<'_>, id: u32, position: &[f32], row: &mut [f32]) {
    table.read_f32(id as usize * row.len(), row);
    row.iter_mut().zip(position).for_each(|(to, position)| *to += position);
}
