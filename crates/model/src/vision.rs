//! Pictures to embeddings.

use kernels::{Compute, Format, LayerNorm, Output, PackedLinear, Rows};
use pixels::{RgbImage, write_patches};
use weights::Preprocessing;

use crate::encoder::{Arena, Encoder, EncoderShape, FirstBlock};
use crate::formats::Formats;
use crate::linear::Loader;
use crate::map_head::MapHead;
use crate::stage::{Observer, Stage};
use crate::{ModelError, Precision};

/// The vision tower: patches, positions, blocks, norm, MAP head.
pub(crate) struct VisionTower {
    size: usize,
    patch_size: usize,
    preprocessing: Preprocessing,
    patch_embedding: PackedLinear,
    /// `[T][W]`.
    positions: Vec<f32>,
    encoder: Encoder,
    post_norm: LayerNorm,
    head: MapHead,
    arena: Arena,
    ends: EndsArena,
}

/// Activations before the first and after the last block.
struct EndsArena {
    /// Normalised pixels, a patch a row.
    patches: Rows,
    /// The same as the patch embedding reads them, where that is another format.
    converted: Option<Rows>,
    /// The last block's output, normalised.
    normal: Rows,
}

impl VisionTower {
    pub(crate) fn load(loader: &Loader<'_>, precision: Precision) -> Result<Self, ModelError> {
        let Loader { compute, checkpoint, .. } = *loader;
        let config = &checkpoint.config().vision;
        if !config.vision_use_head {
            return Err(ModelError::NoMapHead(checkpoint.name()));
        }
        let shape = EncoderShape {
            tokens: (config.image_size / config.patch_size).pow(2),
            width: config.hidden_size,
            hidden: config.intermediate_size,
            heads: config.num_attention_heads,
            layers: config.num_hidden_layers,
            epsilon: config.layer_norm_eps,
            formats: Formats::new(precision, config.hidden_size / config.num_attention_heads),
        };
        let patch = config.num_channels * config.patch_size.pow(2);
        let rows = shape.sequences_together() * shape.tokens;
        let ends = shape.formats.ends;
        Ok(Self {
            size: config.image_size,
            patch_size: config.patch_size,
            preprocessing: checkpoint.preprocessing().clone(),
            patch_embedding: loader.linear("embeddings.patch_embedding", ends)?,
            positions: loader.vector("embeddings.position_embedding.weight")?,
            encoder: Encoder::load(loader, shape, shape.layers)?,
            post_norm: loader.norm("post_layernorm", shape.epsilon)?,
            head: MapHead::load(loader, shape)?,
            arena: Arena::new(compute, &shape),
            ends: EndsArena {
                patches: Rows::new(Format::F32, rows, patch),
                converted: (ends != Format::F32).then(|| Rows::new(ends, rows, patch)),
                normal: Rows::new(ends, rows, shape.width),
            },
        })
    }

    /// Embeds pictures of the tower's size into `out`, `[B][W]`, not normalised.
    pub(crate) fn embed(
        &mut self,
        compute: &Compute,
        pictures: &[&RgbImage],
        out: &mut [f32],
        observer: &mut dyn Observer,
    ) -> Result<(), ModelError> {
        for (index, picture) in pictures.iter().enumerate() {
            let (width, height) = (picture.width(), picture.height());
            if width as usize != self.size || height as usize != self.size {
                return Err(ModelError::PictureSize { index, width, height, size: self.size });
            }
        }
        let shape = self.encoder.shape;
        let together = shape.sequences_together();
        for (pictures, out) in pictures.chunks(together).zip(out.chunks_mut(together * shape.width))
        {
            self.embed_together(compute, pictures, out, observer);
        }
        Ok(())
    }

    fn embed_together(
        &mut self,
        compute: &Compute,
        pictures: &[&RgbImage],
        out: &mut [f32],
        observer: &mut dyn Observer,
    ) {
        let EncoderShape { tokens, width, .. } = self.encoder.shape;
        let batch = pictures.len();
        let EndsArena { patches, converted, normal } = &mut self.ends;
        let patch = 3 * self.patch_size.pow(2);
        let Preprocessing { mean, std, .. } = self.preprocessing;
        let patch_size = self.patch_size;
        let across = self.size / patch_size;
        compute.for_each_part(
            &mut patches.numbers()[..batch * tokens * patch],
            across * patch,
            &|index, patches| {
                let (picture, row) = (index / across, index % across);
                write_patches(pictures[picture], patch_size, row * across, mean, std, patches);
            },
        );
        let patches = match converted {
            Some(converted) => {
                compute.convert(patches, batch * tokens, converted);
                converted
            }
            None => patches,
        };
        let stream = &mut self.arena.stream[..batch * tokens * width];
        for stream in stream.chunks_exact_mut(tokens * width) {
            stream.copy_from_slice(&self.positions);
        }
        compute.matmul(patches, batch * tokens, &self.patch_embedding, Output::Add(stream));
        self.encoder.forward(compute, &mut self.arena, batch, FirstBlock::Stream, observer);

        let stream = &self.arena.stream[..batch * tokens * width];
        compute.layer_norm(&self.post_norm, stream, normal);
        observer.see_rows(Stage::Norm, normal, batch * tokens);
        self.head.forward(compute, normal, out, observer);
    }
}
