//! Pictures to embeddings.

use kernels::{Compute, Epilogue, LayerNorm};
use pixels::{RgbImage, write_patches};
use weights::{Checkpoint, Preprocessing, Tower};

use crate::ModelError;
use crate::encoder::{Arena, Encoder, EncoderShape};
use crate::linear::{Linear, Loader};
use crate::map_head::{MapHead, Work};
use crate::stage::{Observer, Stage};

/// The vision tower: patches, positions, blocks, norm, MAP head.
pub(crate) struct VisionTower {
    size: usize,
    patch_size: usize,
    preprocessing: Preprocessing,
    patch_embedding: Linear,
    /// `[T][W]`.
    positions: Vec<f32>,
    encoder: Encoder,
    post_norm: LayerNorm,
    head: MapHead,
    arena: Arena,
}

impl VisionTower {
    pub(crate) fn load(compute: &Compute, checkpoint: &Checkpoint) -> Result<Self, ModelError> {
        let config = &checkpoint.config().vision;
        if !config.vision_use_head {
            return Err(ModelError::NoMapHead(checkpoint.name()));
        }
        let loader = Loader {
            compute,
            checkpoint,
            tower: Tower::Vision,
        };
        let shape = EncoderShape {
            tokens: (config.image_size / config.patch_size).pow(2),
            width: config.hidden_size,
            hidden: config.intermediate_size,
            heads: config.num_attention_heads,
            layers: config.num_hidden_layers,
            epsilon: config.layer_norm_eps,
        };
        let patch = config.num_channels * config.patch_size.pow(2);
        Ok(Self {
            size: config.image_size,
            patch_size: config.patch_size,
            preprocessing: checkpoint.preprocessing().clone(),
            patch_embedding: loader.linear("embeddings.patch_embedding")?,
            positions: loader.vector("embeddings.position_embedding.weight")?,
            encoder: Encoder::load(&loader, shape)?,
            post_norm: loader.norm("post_layernorm", shape.epsilon)?,
            head: MapHead::load(&loader, shape)?,
            arena: Arena::new(compute, &shape, patch),
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
                return Err(ModelError::PictureSize {
                    index,
                    width,
                    height,
                    size: self.size,
                });
            }
        }
        let shape = self.encoder.shape;
        let together = shape.sequences_together();
        for (pictures, out) in pictures
            .chunks(together)
            .zip(out.chunks_mut(together * shape.width))
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
        let arena = &mut self.arena;
        let patch = 3 * self.patch_size.pow(2);
        let patches = &mut arena.hidden[..batch * tokens * patch];
        for (picture, patches) in pictures
            .iter()
            .zip(patches.chunks_exact_mut(tokens * patch))
        {
            let Preprocessing { mean, std, .. } = self.preprocessing;
            write_patches(picture, self.patch_size, mean, std, patches);
        }
        let stream = &mut arena.stream[..batch * tokens * width];
        for stream in stream.chunks_exact_mut(tokens * width) {
            stream.copy_from_slice(&self.positions);
        }
        self.patch_embedding
            .forward(compute, patches, Epilogue::BiasAdd, stream);
        self.encoder.forward(compute, arena, batch, observer);

        let normal = &mut arena.normal[..batch * tokens * width];
        compute.layer_norm(
            &self.post_norm,
            &arena.stream[..batch * tokens * width],
            normal,
        );
        observer.see(Stage::Norm, normal);
        let work = &mut Work {
            key_value: &mut arena.mixed,
            hidden: &mut arena.hidden,
            scratch: &mut arena.scratch,
        };
        self.head.forward(compute, normal, work, out, observer);
    }
}
