//! The softmax (CLIP) loss, for comparison: each picture chooses among all texts, each text among all pictures.

use kernels::{Compute, Format, Rows, Scratch};

use super::tiles::{TILE, TextTile, TileGradients, Tiles};
use super::{Embeddings, Kind, LossGradient, Pairs, Special};

/// A sum of exponentials, kept with the largest exponent taken out.
#[derive(Clone, Copy)]
struct LogSum {
    largest: f64,
    sum: f64,
}

impl LogSum {
    const NOTHING: Self = Self { largest: f64::NEG_INFINITY, sum: 0.0 };

    fn add(&mut self, logit: f64) {
        if logit > self.largest {
            self.sum = self.sum * (self.largest - logit).exp() + 1.0;
            self.largest = logit;
        } else {
            self.sum += (logit - self.largest).exp();
        }
    }

    /// Negative infinity when nothing was added.
    fn value(self) -> f64 {
        self.largest + self.sum.ln()
    }
}

/// A pair of a tile.
struct Pair<'a> {
    image: usize,
    text: usize,
    kind: Option<Kind>,
    number: &'a mut f32,
}

/// A batch cut into tiles.
struct Batch<'a> {
    compute: &'a Compute,
    images: Tiles,
    texts: Vec<TextTile>,
    special: Special,
    /// How many texts each picture has: one that has none does not choose.
    texts_of: Vec<u32>,
    owners: &'a [u32],
    choosing_images: usize,
    choosing_texts: usize,
    scale: f64,
}

impl Batch<'_> {
    /// Makes the tile of some pictures and texts and shows each of its pairs, with the cosine as its number.
    fn visit(
        &self,
        of_images: usize,
        of_texts: usize,
        tile: &mut Rows,
        see: &mut dyn FnMut(Pair<'_>),
    ) {
        let (texts, rows) = (&self.texts[of_texts], self.images.rows(of_images));
        texts.cosines(self.compute, &self.images.list[of_images], rows, tile);
        let first_text = of_texts * TILE;
        let numbers = &mut tile.numbers()[..rows * texts.count];
        for (row, numbers) in numbers.chunks_exact_mut(texts.count).enumerate() {
            let image = of_images * TILE + row;
            let found = self.special.within(image, first_text, first_text + texts.count);
            let mut found = found.iter().peekable();
            for (column, number) in numbers.iter_mut().enumerate() {
                let text = first_text + column;
                let kind = found.next_if(|(found, _)| *found as usize == text).map(|found| found.1);
                see(Pair { image, text, kind, number });
            }
        }
    }

    /// The weight of each picture that chooses.
    fn per_image(&self) -> f64 {
        0.5 / self.choosing_images as f64
    }

    /// The weight of each text that chooses.
    fn per_text(&self) -> f64 {
        0.5 / self.choosing_texts as f64
    }

    fn image_chooses(&self, image: usize) -> bool {
        self.texts_of[image] > 0
    }

    fn text_chooses(&self, text: usize) -> bool {
        (self.owners[text] as usize) < self.images.count
    }

    /// The weight of a match in the loss.
    fn weight(&self, image: usize) -> f64 {
        self.per_image() / f64::from(self.texts_of[image]) + self.per_text()
    }

    /// The logarithms of the sums of each row and column, and the loss.
    fn sums(&self) -> (Vec<f64>, Vec<f64>, f64) {
        let mut of_images = vec![LogSum::NOTHING; self.images.count];
        let mut of_texts = vec![LogSum::NOTHING; self.owners.len()];
        // What the matches' logits take from the loss.
        let mut matched = 0.0;
        for tile_of_texts in 0..self.texts.len() {
            let mut tile = Rows::new(Format::F32, TILE, self.texts[tile_of_texts].count);
            for tile_of_images in 0..self.images.list.len() {
                self.visit(tile_of_images, tile_of_texts, &mut tile, &mut |pair| {
                    let logit = f64::from(*pair.number) * self.scale;
                    match pair.kind {
                        Some(Kind::Masked) => return,
                        Some(Kind::Match) => matched += logit * self.weight(pair.image),
                        None => {}
                    }
                    if self.image_chooses(pair.image) {
                        of_images[pair.image].add(logit);
                    }
                    if self.text_chooses(pair.text) {
                        of_texts[pair.text].add(logit);
                    }
                });
            }
        }
        let values = |sums: Vec<LogSum>| sums.into_iter().map(LogSum::value).collect::<Vec<_>>();
        let (of_images, of_texts) = (values(of_images), values(of_texts));
        let all = |sums: &[f64]| sums.iter().filter(|sum| sum.is_finite()).sum::<f64>();
        let loss = all(&of_images) * self.per_image() + all(&of_texts) * self.per_text() - matched;
        (of_images, of_texts, loss)
    }
}

/// The mean of both cross-entropies over a batch, in which each picture's own texts share its right answer; masked pairs
/// take no part. Who has no right answer, a picture without a text or a text without a picture, does not choose and is not
/// counted.
///
/// The tiles are made twice: once for the sums of each row and column, once for the slopes.
///
/// # Panics
/// When lengths do not fit.
pub fn softmax(
    compute: &Compute,
    embeddings: Embeddings<'_>,
    pairs: Pairs<'_>,
    scale: f32,
) -> LossGradient {
    let Embeddings { dimension, images, texts } = embeddings;
    let chunk = TILE * dimension;
    let mut texts_of = vec![0_u32; images.len() / dimension];
    for &owner in pairs.owners {
        if let Some(count) = texts_of.get_mut(owner as usize) {
            *count += 1;
        }
    }
    let tiles = texts.chunks(chunk).map(|texts| TextTile::new(compute, texts, dimension));
    let batch = Batch {
        compute,
        images: Tiles::new(images, dimension),
        texts: tiles.collect(),
        special: Special::find(pairs, 0),
        choosing_images: texts_of.iter().filter(|&&count| count > 0).count(),
        choosing_texts: texts_of.iter().sum::<u32>() as usize,
        texts_of,
        owners: pairs.owners,
        scale: f64::from(scale),
    };
    let (image_sums, text_sums, loss) = batch.sums();
    let mut gradient = LossGradient {
        loss,
        images: vec![0.0; images.len()],
        texts: vec![0.0; texts.len()],
        scale: 0.0,
        bias: 0.0,
    };
    let mut scratch = Scratch::default();
    let of_texts = gradient.texts.chunks_mut(chunk);
    for (tile_of_texts, (texts, of_texts)) in batch.texts.iter().zip(of_texts).enumerate() {
        let mut tile = Rows::new(Format::F32, TILE, texts.count);
        for (index, of_images) in gradient.images.chunks_mut(chunk).enumerate() {
            let mut sum = 0.0;
            batch.visit(index, tile_of_texts, &mut tile, &mut |pair| {
                let cosine = f64::from(*pair.number);
                let target = match pair.kind {
                    Some(Kind::Masked) => {
                        *pair.number = 0.0;
                        return;
                    }
                    Some(Kind::Match) => batch.weight(pair.image),
                    None => 0.0,
                };
                let logit = cosine * batch.scale;
                let mut slope = -target;
                if batch.image_chooses(pair.image) {
                    slope += (logit - image_sums[pair.image]).exp() * batch.per_image();
                }
                if batch.text_chooses(pair.text) {
                    slope += (logit - text_sums[pair.text]).exp() * batch.per_text();
                }
                sum += slope * cosine;
                *pair.number = (slope * batch.scale) as f32;
            });
            gradient.scale += sum;
            let gradients = TileGradients { images: of_images, texts: of_texts };
            let (images, rows) = (&batch.images.list[index], batch.images.rows(index));
            texts.add_gradients(compute, &tile, images, rows, gradients, &mut scratch);
        }
    }
    gradient
}
