//! From two embeddings to a probability.
//!
//! `logit = cosine * exp(logit_scale) + logit_bias`, `probability = sigmoid(logit)`: each pair on
//! its own, not a softmax (arXiv 2303.15343, section 3.2).

/// Rows of embeddings, each of length 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    dimension: usize,
    values: Vec<f32>,
}

impl Embeddings {
    /// Divides each row of `values`, `[B][D]`, by its Euclidean length; a row of zeros stays.
    ///
    /// # Panics
    ///
    /// When `values` are not whole rows of `dimension`.
    pub fn normalise(dimension: usize, mut values: Vec<f32>) -> Self {
        assert!(
            dimension > 0 && values.len().is_multiple_of(dimension),
            "embeddings are whole rows"
        );
        for row in values.chunks_exact_mut(dimension) {
            let squares = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
            if squares > 0.0 {
                let length = squares.sqrt();
                for x in row {
                    *x = (f64::from(*x) / length) as f32;
                }
            }
        }
        Self { dimension, values }
    }

    /// Rows that have length 1 already, `[B][D]`; they are taken as they are.
    ///
    /// # Panics
    ///
    /// When `values` are not whole rows of `dimension`.
    pub fn from_unit_rows(dimension: usize, values: Vec<f32>) -> Self {
        assert!(
            dimension > 0 && values.len().is_multiple_of(dimension),
            "embeddings are whole rows"
        );
        Self { dimension, values }
    }

    /// D.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// B.
    pub fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// One row, of D numbers.
    ///
    /// # Panics
    ///
    /// When there are not so many rows.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dimension..(index + 1) * self.dimension]
    }

    /// All rows in their order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dimension)
    }

    /// `[B][D]`, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// How alike an image and a text are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Of the two embeddings, -1..=1.
    pub cosine: f32,
    /// `cosine * exp(logit_scale) + logit_bias`.
    pub logit: f32,
    /// `sigmoid(logit)`: that the text describes the image.
    pub probability: f32,
}

/// A checkpoint's two scalars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scoring {
    /// `exp(logit_scale)`.
    pub factor: f32,
    /// `logit_bias`.
    pub bias: f32,
}

impl Scoring {
    /// From the parameters as a checkpoint stores them.
    pub fn new(logit_scale: f32, logit_bias: f32) -> Self {
        Self { factor: logit_scale.exp(), bias: logit_bias }
    }

    /// The cosine at which the probability is a half.
    pub fn even_cosine(self) -> f32 {
        -self.bias / self.factor
    }

    /// The score of two rows of length 1.
    pub fn score(&self, image: &[f32], text: &[f32]) -> Score {
        let cosine = cosine(image, text);
        let logit = self.logit(cosine);
        Score { cosine, logit, probability: sigmoid(logit) }
    }

    /// The logit of a cosine.
    pub fn logit(&self, cosine: f32) -> f32 {
        cosine * self.factor + self.bias
    }
}

/// The product of two rows of length 1, which is the cosine between them.
///
/// Sixteen partial sums, added up in a fixed order: the same bytes on every machine.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    let (a_blocks, a_rest) = a.as_chunks::<16>();
    let (b_blocks, b_rest) = b.as_chunks::<16>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>();
    sums.iter().sum::<f32>() + rest
}

/// `1 / (1 + exp(-logit))`, without overflow.
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The softmax over `logits`: which of them, when it must be one.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights = logits.iter().map(|logit| (logit - largest).exp()).collect::<Vec<_>>();
    let sum = weights.iter().sum::<f32>();
    weights.iter().map(|weight| weight / sum).collect()
}
