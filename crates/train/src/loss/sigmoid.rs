//! The sigmoid loss: each pair by itself is right or wrong.

use kernels::{Compute, Format, LogitLine, RowSums, Rows, Scratch};

use super::tiles::{TILE, TextTile, TileGradients, Tiles};
use super::{Embeddings, Kind, LossGradient, Pairs, Special};

/// The sigmoid loss of one process's pictures, to which texts are added part by part.
///
/// `L = (1 / N) sum over pictures and texts of log(1 + exp(-z (t cosine + b)))`, with `z` = 1 for a picture's own text, -1
/// for another's, and no term for masked pairs; N is the number of texts of the whole batch. With one text a picture this
/// is the loss of "Sigmoid Loss for Language Image Pre-Training" (arXiv 2303.15343).
pub struct SigmoidLoss<'a> {
    compute: &'a Compute,
    dimension: usize,
    line: LogitLine,
    /// N.
    texts_of_batch: usize,
    images: Tiles,
    image_keys: &'a [u64],
    /// Where these pictures begin in the whole batch.
    first_image: usize,
    gradients: Vec<f32>,
    sums: Sums,
    scratch: Scratch,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    loss: f64,
    probability: f64,
    product: f64,
}

/// Some of a batch's texts.
#[derive(Clone, Copy, Debug)]
pub struct TextPart<'a> {
    /// `[n][D]`.
    pub embeddings: &'a [f32],
    /// The picture of each, counted from the first of the whole batch.
    pub owners: &'a [u32],
    /// What each says.
    pub keys: &'a [u64],
}

impl<'a> SigmoidLoss<'a> {
    /// A loss of pictures `[B][D]` without any texts so far.
    pub fn new(
        compute: &'a Compute,
        line: LogitLine,
        dimension: usize,
        images: &[f32],
        image_keys: &'a [u64],
        first_image: usize,
        texts_of_batch: usize,
    ) -> Self {
        Self {
            compute,
            dimension,
            line,
            texts_of_batch,
            images: Tiles::new(images, dimension),
            image_keys,
            first_image,
            gradients: vec![0.0; images.len()],
            sums: Sums::default(),
            scratch: Scratch::default(),
        }
    }

    /// Adds some texts and returns the slopes in their embeddings.
    pub fn add(&mut self, part: TextPart<'_>) -> Vec<f32> {
        let TextPart { embeddings, owners, keys } = part;
        let (compute, dimension) = (self.compute, self.dimension);
        let pairs = Pairs { owners, image_keys: self.image_keys, text_keys: keys };
        let special = Special::find(pairs, self.first_image);
        let mut of_texts = vec![0.0; embeddings.len()];
        let chunk = TILE * dimension;
        let mut sums = vec![RowSums::default(); TILE];
        for (index, (texts, of_texts)) in
            embeddings.chunks(chunk).zip(of_texts.chunks_mut(chunk)).enumerate()
        {
            let first_text = index * TILE;
            let texts = TextTile::new(compute, texts, dimension);
            let mut tile = Rows::new(Format::F32, TILE, texts.count);
            let of_images = self.gradients.chunks_mut(chunk);
            for (index, (images, of_images)) in self.images.list.iter().zip(of_images).enumerate() {
                let rows = self.images.rows(index);
                texts.cosines(compute, images, rows, &mut tile);
                let numbers = &mut tile.numbers()[..rows * texts.count];
                let corrections =
                    corrections(&special, index * TILE, first_text, texts.count, numbers);
                compute.sigmoid_tile(self.line, numbers, &mut sums[..rows]);
                for sums in &sums[..rows] {
                    self.sums.loss += f64::from(sums.loss);
                    self.sums.probability += f64::from(sums.probability);
                    self.sums.product += f64::from(sums.product);
                }
                for correction in corrections {
                    correction.apply(self.line, numbers, &mut self.sums);
                }
                let gradients = TileGradients { images: of_images, texts: of_texts };
                texts.add_gradients(compute, &tile, images, rows, gradients, &mut self.scratch);
            }
        }
        let factor = self.factor();
        for slope in &mut of_texts {
            *slope *= factor;
        }
        of_texts
    }

    /// What remains when all texts were added; `texts` is empty.
    pub fn finish(mut self) -> LossGradient {
        let factor = self.factor();
        for slope in &mut self.gradients {
            *slope *= factor;
        }
        let count = self.texts_of_batch as f64;
        LossGradient {
            loss: self.sums.loss / count,
            images: self.gradients,
            texts: Vec::new(),
            scale: self.sums.product / count,
            bias: self.sums.probability / count,
        }
    }

    fn factor(&self) -> f32 {
        self.line.scale / self.texts_of_batch as f32
    }
}

/// A pair that is not simply wrong.
struct Correction {
    /// In the tile.
    place: usize,
    cosine: f32,
    kind: Kind,
}

/// The special pairs of a tile, with the cosines that stand in it now.
fn corrections(
    special: &Special,
    first_image: usize,
    first_text: usize,
    texts: usize,
    tile: &[f32],
) -> Vec<Correction> {
    let rows = tile.chunks_exact(texts).enumerate().flat_map(|(row, cosines)| {
        let found = special.within(first_image + row, first_text, first_text + texts);
        found.iter().map(move |&(text, kind)| {
            let column = text as usize - first_text;
            Correction { place: row * texts + column, cosine: cosines[column], kind }
        })
    });
    rows.collect()
}

impl Correction {
    /// Replaces the terms of a wrong pair, which stand in the tile and the sums.
    fn apply(&self, line: LogitLine, tile: &mut [f32], sums: &mut Sums) {
        let cosine = f64::from(self.cosine);
        let logit = f64::from(self.cosine.mul_add(line.scale, line.bias));
        let probability = f64::from(tile[self.place]);
        let (loss, slope) = match self.kind {
            // log(1 + exp(-l)) = log(1 + exp(l)) - l
            Kind::Match => (-logit, -1.0),
            Kind::Masked => (-softplus(logit), -probability),
        };
        sums.loss += loss;
        sums.probability += slope;
        sums.product += slope * cosine;
        tile[self.place] = match self.kind {
            Kind::Match => -(1.0 / (1.0 + logit.exp())) as f32,
            Kind::Masked => 0.0,
        };
    }
}

pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The sigmoid loss of a whole batch.
///
/// # Panics
/// When lengths do not fit.
pub fn sigmoid(
    compute: &Compute,
    embeddings: Embeddings<'_>,
    pairs: Pairs<'_>,
    line: LogitLine,
) -> LossGradient {
    let Embeddings { dimension, images, texts } = embeddings;
    let count = texts.len() / dimension;
    let mut loss = SigmoidLoss::new(compute, line, dimension, images, pairs.image_keys, 0, count);
    let part = TextPart { embeddings: texts, owners: pairs.owners, keys: pairs.text_keys };
    let texts = loss.add(part);
    LossGradient { texts, ..loss.finish() }
}
