//! The vision tower: patches, positions, blocks, norm, MAP head.

use std::ops::Range;

use kernels::{Compute, Format, Output, Rows};
use pixels::{RgbImage, write_patches};
use weights::{Preprocessing, VisionConfig};

use crate::layers::{
    Arithmetic, Block, BlockActivations, BlockExtents, BlockGradients, Linear, MapHead,
    MapHeadActivations, MapHeadGradients, Norm, Workshop,
};
use crate::parameters::Parameters;

/// The vision tower.
pub(crate) struct VisionTower {
    pub(crate) extents: BlockExtents,
    size: usize,
    patch_size: usize,
    mean: [f32; 3],
    std: [f32; 3],
    patch_embedding: Linear,
    positions: Range<usize>,
    position_values: Vec<f32>,
    blocks: Vec<Block>,
    post_norm: Norm,
    head: MapHead,
}

/// What the backward pass needs of one part of a batch.
pub(crate) struct VisionActivations {
    sequences: usize,
    pixels: Rows,
    patches: Rows,
    blocks: Vec<BlockActivations>,
    /// After the last block, f32.
    last: kernels::Buffer,
    normal: Rows,
    head: MapHeadActivations,
}

/// What the backward pass works in.
pub(crate) struct VisionGradients {
    blocks: BlockGradients,
    head: MapHeadGradients,
}

impl VisionTower {
    pub(crate) fn new(
        compute: &Compute,
        parameters: &Parameters,
        config: &VisionConfig,
        preprocessing: &Preprocessing,
        arithmetic: Arithmetic,
    ) -> Self {
        let extents = BlockExtents {
            tokens: (config.image_size / config.patch_size).pow(2),
            width: config.hidden_size,
            hidden: config.intermediate_size,
            heads: config.num_attention_heads,
            epsilon: config.layer_norm_eps,
            format: arithmetic.format(),
        };
        let block = |index| {
            let name = format!("vision_model.encoder.layers.{index}");
            Block::new(compute, parameters, &name, extents)
        };
        let name = |part: &str| format!("vision_model.{part}");
        let (patch, norm) = (name("embeddings.patch_embedding"), name("post_layernorm"));
        Self {
            extents,
            size: config.image_size,
            patch_size: config.patch_size,
            mean: preprocessing.mean,
            std: preprocessing.std,
            patch_embedding: Linear::named(compute, extents.format, parameters, &patch),
            positions: parameters.range(&name("embeddings.position_embedding.weight")),
            position_values: Vec::new(),
            blocks: (0..config.num_hidden_layers).map(block).collect(),
            post_norm: Norm::named(parameters, &norm, extents.epsilon),
            head: MapHead::new(compute, parameters, extents),
        }
    }

    /// Room for what is kept of `sequences` pictures.
    pub(crate) fn activations(&self, sequences: usize) -> VisionActivations {
        let BlockExtents { tokens, width, format, .. } = self.extents;
        let (rows, patch) = (sequences * tokens, 3 * self.patch_size.pow(2));
        let block = |_: &Block| BlockActivations::new(&self.extents, sequences);
        VisionActivations {
            sequences,
            pixels: Rows::new(Format::F32, rows, patch),
            patches: Rows::new(format, rows, patch),
            blocks: self.blocks.iter().map(block).collect(),
            last: kernels::Buffer::zeroed(rows * width),
            normal: Rows::new(format, rows, width),
            head: MapHeadActivations::new(&self.extents, sequences),
        }
    }

    /// Room for the gradients of `sequences` pictures.
    pub(crate) fn gradients(&self, sequences: usize) -> VisionGradients {
        VisionGradients {
            blocks: BlockGradients::new(&self.extents, sequences),
            head: MapHeadGradients::new(&self.extents, sequences),
        }
    }

    pub(crate) fn refresh(&mut self, compute: &Compute, values: &[f32]) {
        self.patch_embedding.refresh(compute, values);
        self.position_values = values[self.positions.clone()].to_vec();
        self.blocks.iter_mut().for_each(|block| block.refresh(compute, values));
        self.post_norm.refresh(values);
        self.head.refresh(compute, values);
    }

    /// Embeds pictures of the tower's size into `out`, `[B][W]`, not normalised.
    ///
    /// # Panics
    /// When a picture has another size, or there are more than `kept` has room for.
    pub(crate) fn forward(
        &self,
        workshop: &mut Workshop<'_>,
        pictures: &[RgbImage],
        kept: &mut VisionActivations,
        out: &mut [f32],
    ) {
        let BlockExtents { tokens, width, .. } = self.extents;
        let (compute, batch) = (workshop.compute, pictures.len());
        assert!(batch <= kept.sequences, "the part has room for {} pictures", kept.sequences);
        let size = self.size as u32;
        assert!(
            pictures.iter().all(|picture| (picture.width(), picture.height()) == (size, size)),
            "pictures are {size} pixels wide and high"
        );
        let VisionActivations { pixels, patches, blocks, last, normal, head, .. } = kept;
        let (patch_size, across) = (self.patch_size, self.size / self.patch_size);
        let patch = 3 * patch_size.pow(2);
        compute.for_each_part(
            &mut pixels.numbers()[..batch * tokens * patch],
            across * patch,
            &|index, to| {
                let (picture, row) = (&pictures[index / across], index % across);
                write_patches(picture, patch_size, row * across, self.mean, self.std, to);
            },
        );
        let rows = batch * tokens;
        compute.convert(pixels, rows, patches);
        let first = blocks.first_mut().map_or(&mut *last, |block| &mut block.input);
        let stream = &mut first[..rows * width];
        for sequence in stream.chunks_exact_mut(tokens * width) {
            sequence.copy_from_slice(&self.position_values);
        }
        self.patch_embedding.forward(compute, patches, rows, Output::Add(stream));
        run_blocks(workshop, &self.blocks, batch, blocks, &mut last[..rows * width]);
        self.post_norm.forward(compute, &last[..rows * width], normal);
        self.head.forward(workshop, batch, normal, head, out);
    }

    /// Adds the gradients of all parameters, given that of the embeddings, `[B][W]`.
    pub(crate) fn backward(
        &self,
        workshop: &mut Workshop<'_>,
        kept: &VisionActivations,
        embeddings: &[f32],
        work: &mut VisionGradients,
        gradients: &mut [f32],
    ) {
        let BlockExtents { tokens, width, .. } = self.extents;
        let batch = embeddings.len() / width;
        let rows = batch * tokens;
        let VisionGradients { blocks: work, head } = work;
        head.work.stream.numbers()[..embeddings.len()].copy_from_slice(embeddings);
        self.head.backward(workshop, batch, &kept.normal, &kept.head, head, gradients);
        let stream = &mut work.work.stream.numbers()[..rows * width];
        stream.fill(0.0);
        let (last, given) = (&kept.last[..rows * width], &head.tokens[..rows * width]);
        self.post_norm.backward(workshop, last, given, gradients, stream);
        for (block, kept) in self.blocks.iter().zip(&kept.blocks).rev() {
            block.backward(workshop, batch, kept, work, gradients);
        }
        let positions = &mut gradients[self.positions.clone()];
        for sequence in work.work.stream.numbers()[..rows * width].chunks_exact(tokens * width) {
            positions.iter_mut().zip(sequence).for_each(|(sum, part)| *sum += part);
        }
        workshop.compute.convert(&work.work.stream, rows, &mut work.work.rows);
        let (given, patches) = (&work.work.rows, &kept.patches);
        self.patch_embedding.backward(workshop, given, patches, rows, gradients, None);
    }
}

/// Runs the blocks, each of which reads its own `input` and writes the next one's; the last writes `last`.
pub(crate) fn run_blocks(
    workshop: &mut Workshop<'_>,
    blocks: &[Block],
    batch: usize,
    kept: &mut [BlockActivations],
    last: &mut [f32],
) {
    for (index, block) in blocks.iter().enumerate() {
        let (own, next) = kept[index..].split_at_mut(1);
        let out = match next.first_mut() {
            Some(next) => &mut next.input[..last.len()],
            None => &mut *last,
        };
        block.forward(workshop, batch, &mut own[0], out);
    }
}
