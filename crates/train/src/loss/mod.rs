//! Losses over a batch of picture and text embeddings, and their gradients, in tiles.
//!
//! Nothing of the size of all pairs is ever held: a tile of cosines is made, turned into the loss's slopes, multiplied
//! into the gradients and forgotten. Memory is that of the embeddings and their gradients.
//!
//! A picture may have several texts. Pairs of a picture with another picture's text of the same meaning (the same key)
//! are masked: they are neither right nor wrong.

pub mod naive;
mod ring;
mod sigmoid;
mod softmax;
mod tiles;

use std::collections::HashMap;

pub use ring::{Place, ring};
pub use sigmoid::{SigmoidLoss, TextPart, sigmoid};
pub use softmax::softmax;

/// The embeddings of a batch, each row of length 1.
#[derive(Clone, Copy, Debug)]
pub struct Embeddings<'a> {
    /// D, numbers in a row.
    pub dimension: usize,
    /// `[B][D]`.
    pub images: &'a [f32],
    /// `[N][D]`.
    pub texts: &'a [f32],
}

/// The owner of a text that belongs to no picture of the batch: it is only ever wrong.
pub const NOBODY: u32 = u32::MAX;

/// Which texts belong to which pictures.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    /// The picture of each text, `[N]`; [`NOBODY`] for one that no picture of the batch has.
    pub owners: &'a [u32],
    /// What each picture shows: equal keys mean the same. `[B]`.
    pub image_keys: &'a [u64],
    /// What each text says, `[N]`.
    pub text_keys: &'a [u64],
}

/// A loss and its slopes.
#[derive(Clone, Debug)]
pub struct LossGradient {
    /// The loss.
    pub loss: f64,
    /// In each number of the picture embeddings.
    pub images: Vec<f32>,
    /// In each number of the text embeddings.
    pub texts: Vec<f32>,
    /// In the scale `t` that cosines are multiplied by.
    pub scale: f64,
    /// In the bias.
    pub bias: f64,
}

/// What is special about a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The text belongs to the picture.
    Match,
    /// The text means what the picture shows, but belongs to another.
    Masked,
}

/// The special pairs of each picture, in the order of the texts.
pub(crate) struct Special {
    of_image: Vec<Vec<(u32, Kind)>>,
}

impl Special {
    /// Finds them for the pictures from `first_image` on; `owners` count from the first picture of the whole batch.
    pub(crate) fn find(pairs: Pairs<'_>, first_image: usize) -> Self {
        let mut texts_of = HashMap::<u64, Vec<u32>>::new();
        for (text, &key) in pairs.text_keys.iter().enumerate() {
            texts_of.entry(key).or_default().push(text as u32);
        }
        let mut own = vec![Vec::new(); pairs.image_keys.len()];
        for (text, &owner) in pairs.owners.iter().enumerate() {
            if let Some(image) = (owner as usize).checked_sub(first_image)
                && let Some(own) = own.get_mut(image)
            {
                own.push(text as u32);
            }
        }
        let images = own.into_iter().zip(pairs.image_keys);
        let of_image = images.map(|(own, key)| {
            let alike = texts_of.get(key).into_iter().flatten().copied();
            let masked = alike.filter(|text| !own.contains(text)).map(|text| (text, Kind::Masked));
            let mut all = masked.collect::<Vec<_>>();
            all.extend(own.iter().map(|&text| (text, Kind::Match)));
            all.sort_unstable_by_key(|&(text, _)| text);
            all
        });
        Self { of_image: of_image.collect() }
    }

    /// Those of a picture whose texts are `first..last`.
    pub(crate) fn within(&self, image: usize, first: usize, last: usize) -> &[(u32, Kind)] {
        let all = &self.of_image[image];
        let at = |text: usize| all.partition_point(|&(found, _)| (found as usize) < text);
        &all[at(first)..at(last)]
    }
}
