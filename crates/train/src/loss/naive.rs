//! What the losses mean, in f64, over the full matrix of pairs.

use std::collections::HashSet;

use kernels::LogitLine;

use super::sigmoid::softplus;
use super::{Embeddings, LossGradient, Pairs};

/// The cosine of every pair, `[B][N]`.
fn cosines(embeddings: Embeddings<'_>) -> Vec<f64> {
    let Embeddings { dimension, images, texts } = embeddings;
    let mut all = Vec::new();
    for image in images.chunks_exact(dimension) {
        for text in texts.chunks_exact(dimension) {
            all.push(image.iter().zip(text).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum());
        }
    }
    all
}

/// Whether a pair matches; none where it is masked.
fn matches(pairs: Pairs<'_>, image: usize, text: usize) -> Option<bool> {
    let own = pairs.owners[text] as usize == image;
    (own || pairs.image_keys[image] != pairs.text_keys[text]).then_some(own)
}

/// From the loss's slope in each cosine's logit to all slopes.
fn gradient(
    embeddings: Embeddings<'_>,
    cosines: &[f64],
    slopes: &[f64],
    scale: f64,
    loss: f64,
) -> LossGradient {
    let Embeddings { dimension, images, texts } = embeddings;
    let (mut of_images, mut of_texts) = (vec![0.0; images.len()], vec![0.0; texts.len()]);
    let count = texts.len() / dimension;
    for (pair, slope) in slopes.iter().enumerate() {
        let (image, text) = (pair / count * dimension, pair % count * dimension);
        for d in 0..dimension {
            of_images[image + d] += scale * slope * f64::from(texts[text + d]);
            of_texts[text + d] += scale * slope * f64::from(images[image + d]);
        }
    }
    LossGradient {
        loss,
        images: of_images.into_iter().map(|x| x as f32).collect(),
        texts: of_texts.into_iter().map(|x| x as f32).collect(),
        scale: slopes.iter().zip(cosines).map(|(slope, cosine)| slope * cosine).sum(),
        bias: slopes.iter().sum(),
    }
}

/// The twin of [`sigmoid`](super::sigmoid()).
pub fn sigmoid(embeddings: Embeddings<'_>, pairs: Pairs<'_>, line: LogitLine) -> LossGradient {
    let cosines = cosines(embeddings);
    let (scale, bias) = (f64::from(line.scale), f64::from(line.bias));
    let count = pairs.owners.len();
    let mut loss = 0.0;
    let slope = |(pair, cosine): (usize, &f64)| {
        let logit = scale * cosine + bias;
        match matches(pairs, pair / count, pair % count) {
            None => 0.0,
            Some(true) => {
                loss += softplus(-logit);
                -1.0 / (1.0 + logit.exp()) / count as f64
            }
            Some(false) => {
                loss += softplus(logit);
                1.0 / (1.0 + (-logit).exp()) / count as f64
            }
        }
    };
    let slopes = cosines.iter().enumerate().map(slope).collect::<Vec<_>>();
    gradient(embeddings, &cosines, &slopes, scale, loss / count as f64)
}

/// The twin of [`softmax`](super::softmax()).
pub fn softmax(embeddings: Embeddings<'_>, pairs: Pairs<'_>, scale: f32) -> LossGradient {
    let cosines = cosines(embeddings);
    let scale = f64::from(scale);
    let (images, texts) = (pairs.image_keys.len(), pairs.owners.len());
    let mut slopes = vec![0.0; cosines.len()];
    let mut loss = 0.0;
    // One choice: the pairs it is among, and its weight in the loss.
    let mut choose = |among: Vec<usize>, weight: f64| {
        let kind = |pair: &usize| matches(pairs, pair / texts, pair % texts);
        let among = among.into_iter().filter(|pair| kind(pair).is_some()).collect::<Vec<_>>();
        let right = among.iter().filter(|pair| kind(pair) == Some(true)).count() as f64;
        if right == 0.0 {
            return;
        }
        let exponential = |pair: &usize| (scale * cosines[*pair]).exp();
        let sum = among.iter().map(exponential).sum::<f64>();
        for pair in &among {
            let target = if kind(pair) == Some(true) { 1.0 / right } else { 0.0 };
            let probability = exponential(pair) / sum;
            loss -= weight * target * probability.ln();
            slopes[*pair] += weight * (probability - target);
        }
    };
    // Who has no right answer is not counted.
    let is_owned = |&owner: &&u32| (*owner as usize) < images;
    let owned = pairs.owners.iter().filter(is_owned).copied().collect::<Vec<_>>();
    let owners = owned.iter().collect::<HashSet<_>>();
    for image in 0..images {
        let weight = 0.5 / owners.len() as f64;
        choose((0..texts).map(|text| image * texts + text).collect(), weight);
    }
    for text in 0..texts {
        let weight = 0.5 / owned.len() as f64;
        choose((0..images).map(|image| image * texts + text).collect(), weight);
    }
    LossGradient { bias: 0.0, ..gradient(embeddings, &cosines, &slopes, scale, loss) }
}
