//! Embeddings cut into the tiles of a loss.

use kernels::{Compute, Format, Output, PackedLinear, Rows, Scratch, WeightGradient};

/// Pictures and texts of a tile: its cosines stay in the second-level cache.
pub(super) const TILE: usize = 512;

/// Rows of embeddings, a tile of them at a time.
pub(super) struct Tiles {
    pub(super) list: Vec<Rows>,
    pub(super) count: usize,
}

impl Tiles {
    pub(super) fn new(embeddings: &[f32], dimension: usize) -> Self {
        let tile = |rows: &[f32]| {
            let mut tile = Rows::new(Format::F32, rows.len() / dimension, dimension);
            tile.numbers().copy_from_slice(rows);
            tile
        };
        Self {
            list: embeddings.chunks(TILE * dimension).map(tile).collect(),
            count: embeddings.len() / dimension,
        }
    }

    /// How many rows tile `index` has.
    pub(super) fn rows(&self, index: usize) -> usize {
        TILE.min(self.count - index * TILE)
    }
}

/// A tile of texts, as both products read it.
pub(super) struct TextTile {
    cosines: PackedLinear,
    gradients: PackedLinear,
    pub(super) count: usize,
}

impl TextTile {
    pub(super) fn new(compute: &Compute, texts: &[f32], dimension: usize) -> Self {
        let count = texts.len() / dimension;
        let cosines = compute.pack(Format::F32, dimension, &vec![0.0; count], &|text, row| {
            row.copy_from_slice(&texts[text * dimension..(text + 1) * dimension]);
        });
        let gradients = compute.pack(Format::F32, count, &vec![0.0; dimension], &|column, row| {
            for (to, from) in row.iter_mut().zip(texts[column..].iter().step_by(dimension)) {
                *to = *from;
            }
        });
        Self { cosines, gradients, count }
    }

    /// `tile = images x texts^T`.
    pub(super) fn cosines(&self, compute: &Compute, images: &Rows, rows: usize, tile: &mut Rows) {
        let count = rows * self.count;
        compute.matmul(images, rows, &self.cosines, Output::Store(&mut tile.numbers()[..count]));
    }

    /// Adds `slopes x texts` to the pictures' gradients and `slopes^T x images` to the texts'.
    pub(super) fn add_gradients(
        &self,
        compute: &Compute,
        slopes: &Rows,
        images: &Rows,
        rows: usize,
        gradients: TileGradients<'_>,
        scratch: &mut Scratch,
    ) {
        let TileGradients { images: of_images, texts } = gradients;
        compute.matmul(slopes, rows, &self.gradients, Output::Add(of_images));
        let of_texts = WeightGradient { weight: texts, bias: &mut [] };
        compute.outer(slopes, images, rows, of_texts, scratch);
    }
}

/// The gradients of a tile's pictures and texts.
pub(super) struct TileGradients<'a> {
    pub(super) images: &'a mut [f32],
    pub(super) texts: &'a mut [f32],
}
