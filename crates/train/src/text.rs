//! The text tower: tokens, positions, blocks, norm, the last token's linear head.

use std::ops::Range;

use kernels::{Buffer, Compute, Format, Output, Rows};
use weights::TextConfig;

use crate::layers::{
    Arithmetic, Block, BlockActivations, BlockExtents, BlockGradients, Linear, Norm, Workshop,
};
use crate::parameters::Parameters;
use crate::vision::run_blocks;

/// Token rows of one task when gradients are added to the table.
const TABLE_ROWS: usize = 512;

/// The text tower.
pub(crate) struct TextTower {
    pub(crate) extents: BlockExtents,
    table: Range<usize>,
    positions: Range<usize>,
    position_values: Vec<f32>,
    blocks: Vec<Block>,
    final_norm: Norm,
    head: Linear,
    /// Width of an embedding.
    pub(crate) dimension: usize,
}

/// What the backward pass needs of one part of a batch.
pub(crate) struct TextActivations {
    sequences: usize,
    ids: Vec<u32>,
    blocks: Vec<BlockActivations>,
    /// After the last block, f32.
    last: Buffer,
    /// The last token of each sequence after the last block, `[B][W]`.
    pooled: Vec<f32>,
    normal: Rows,
}

/// What the backward pass works in.
pub(crate) struct TextGradients {
    blocks: BlockGradients,
    /// Of the embeddings.
    embeddings: Rows,
    embeddings_in_format: Rows,
    normal: Vec<f32>,
    pooled: Vec<f32>,
}

impl TextTower {
    pub(crate) fn new(
        compute: &Compute,
        parameters: &Parameters,
        config: &TextConfig,
        arithmetic: Arithmetic,
    ) -> Self {
        let extents = BlockExtents {
            tokens: config.max_position_embeddings,
            width: config.hidden_size,
            hidden: config.intermediate_size,
            heads: config.num_attention_heads,
            epsilon: config.layer_norm_eps,
            format: arithmetic.format(),
        };
        let block = |index| {
            let name = format!("text_model.encoder.layers.{index}");
            Block::new(compute, parameters, &name, extents)
        };
        let name = |part: &str| format!("text_model.{part}");
        Self {
            extents,
            table: parameters.range(&name("embeddings.token_embedding.weight")),
            positions: parameters.range(&name("embeddings.position_embedding.weight")),
            position_values: Vec::new(),
            blocks: (0..config.num_hidden_layers).map(block).collect(),
            final_norm: Norm::named(parameters, &name("final_layer_norm"), extents.epsilon),
            head: Linear::named(compute, extents.format, parameters, &name("head")),
            dimension: config.projection_size,
        }
    }

    /// Room for what is kept of `sequences` texts.
    pub(crate) fn activations(&self, sequences: usize) -> TextActivations {
        let BlockExtents { tokens, width, format, .. } = self.extents;
        let block = |_: &Block| BlockActivations::new(&self.extents, sequences);
        TextActivations {
            sequences,
            ids: Vec::new(),
            blocks: self.blocks.iter().map(block).collect(),
            last: Buffer::zeroed(sequences * tokens * width),
            pooled: vec![0.0; sequences * width],
            normal: Rows::new(format, sequences, width),
        }
    }

    /// Room for the gradients of `sequences` texts.
    pub(crate) fn gradients(&self, sequences: usize) -> TextGradients {
        let BlockExtents { width, format, .. } = self.extents;
        TextGradients {
            blocks: BlockGradients::new(&self.extents, sequences),
            embeddings: Rows::new(Format::F32, sequences, self.dimension),
            embeddings_in_format: Rows::new(format, sequences, self.dimension),
            normal: vec![0.0; sequences * width],
            pooled: vec![0.0; sequences * width],
        }
    }

    pub(crate) fn refresh(&mut self, compute: &Compute, values: &[f32]) {
        self.position_values = values[self.positions.clone()].to_vec();
        self.blocks.iter_mut().for_each(|block| block.refresh(compute, values));
        self.final_norm.refresh(values);
        self.head.refresh(compute, values);
    }

    /// Embeds texts, `[B][T]` ids, into `out`, not normalised.
    ///
    /// # Panics
    /// When an id is not in the table, or there are more texts than `kept` has room for.
    pub(crate) fn forward(
        &self,
        workshop: &mut Workshop<'_>,
        values: &[f32],
        ids: &[u32],
        kept: &mut TextActivations,
        out: &mut [f32],
    ) {
        let BlockExtents { tokens, width, .. } = self.extents;
        let batch = ids.len() / tokens;
        let rows = batch * tokens;
        assert!(batch <= kept.sequences, "the part has room for {} texts", kept.sequences);
        kept.ids = ids.to_vec();
        let TextActivations { blocks, last, pooled, normal, .. } = kept;
        let table = &values[self.table.clone()];
        let first = blocks.first_mut().map_or(&mut *last, |block| &mut block.input);
        let stream = first[..rows * width].chunks_exact_mut(width);
        let positions = self.position_values.chunks_exact(width).cycle();
        for ((row, &id), position) in stream.zip(ids).zip(positions) {
            let token = &table[id as usize * width..(id as usize + 1) * width];
            row.iter_mut().zip(token).zip(position).for_each(|((to, a), b)| *to = a + b);
        }
        run_blocks(workshop, &self.blocks, batch, blocks, &mut last[..rows * width]);
        let pooled = &mut pooled[..batch * width];
        let sequences = last[..rows * width].chunks_exact(tokens * width);
        for (to, sequence) in pooled.chunks_exact_mut(width).zip(sequences) {
            to.copy_from_slice(&sequence[(tokens - 1) * width..]);
        }
        self.final_norm.forward(workshop.compute, pooled, normal);
        self.head.forward(workshop.compute, normal, batch, Output::Store(out));
    }

    /// Adds the gradients of all parameters, given that of the embeddings.
    pub(crate) fn backward(
        &self,
        workshop: &mut Workshop<'_>,
        kept: &TextActivations,
        given: &[f32],
        work: &mut TextGradients,
        gradients: &mut [f32],
    ) {
        let BlockExtents { tokens, width, .. } = self.extents;
        let batch = given.len() / self.dimension;
        let rows = batch * tokens;
        let TextGradients { blocks: work, embeddings, embeddings_in_format, normal, pooled } = work;
        embeddings.numbers()[..given.len()].copy_from_slice(given);
        workshop.compute.convert(embeddings, batch, embeddings_in_format);
        let normal = &mut normal[..batch * width];
        let to = Some(Output::Store(normal));
        let given = &*embeddings_in_format;
        self.head.backward(workshop, given, &kept.normal, batch, gradients, to);
        let pooled = &mut pooled[..batch * width];
        pooled.fill(0.0);
        let last = &kept.pooled[..batch * width];
        self.final_norm.backward(workshop, last, normal, gradients, pooled);
        let stream = &mut work.work.stream.numbers()[..rows * width];
        stream.fill(0.0);
        let sequences = stream.chunks_exact_mut(tokens * width);
        for (sequence, pooled) in sequences.zip(pooled.chunks_exact(width)) {
            sequence[(tokens - 1) * width..].copy_from_slice(pooled);
        }
        for (block, kept) in self.blocks.iter().zip(&kept.blocks).rev() {
            block.backward(workshop, batch, kept, work, gradients);
        }
        let stream = &work.work.stream.numbers()[..rows * width];
        let positions = &mut gradients[self.positions.clone()];
        for sequence in stream.chunks_exact(tokens * width) {
            positions.iter_mut().zip(sequence).for_each(|(sum, part)| *sum += part);
        }
        let table = &mut gradients[self.table.clone()];
        workshop.compute.for_each_part(table, TABLE_ROWS * width, &|index, part| {
            let first = index * TABLE_ROWS;
            for (&id, row) in kept.ids.iter().zip(stream.chunks_exact(width)) {
                let Some(at) = (id as usize).checked_sub(first) else { continue };
                if let Some(to) = part.get_mut(at * width..(at + 1) * width) {
                    to.iter_mut().zip(row).for_each(|(sum, part)| *sum += part);
                }
            }
        });
    }
}
