//! The sigmoid loss of a batch that several processes share: pictures stay, texts go around.

use kernels::{Compute, LogitLine};

use super::{Embeddings, LossGradient, Pairs, SigmoidLoss, TextPart};
use crate::peers::Peers;

/// Where a process's pairs are in the whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The pictures before its own; owners of texts count them.
    pub first_image: usize,
    /// The texts of all processes.
    pub texts_of_batch: usize,
}

/// The sigmoid loss of a process's pictures against all texts of the batch, and the slopes in its own embeddings.
///
/// Each part of the texts visits every process and comes home with the slopes that it collected, so that nobody holds more
/// than its own pictures and one part of the texts. Loss, scale and bias are this process's share of the whole.
pub fn ring(
    compute: &Compute,
    peers: &dyn Peers,
    embeddings: Embeddings<'_>,
    pairs: Pairs<'_>,
    place: Place,
    line: LogitLine,
) -> LossGradient {
    let Embeddings { dimension, images, texts } = embeddings;
    let Place { first_image, texts_of_batch } = place;
    let keys = pairs.image_keys;
    let mut loss =
        SigmoidLoss::new(compute, line, dimension, images, keys, first_image, texts_of_batch);
    let mut part = Travelling::new(texts, pairs);
    for _ in 0..peers.rank().count {
        part.visit(&mut loss);
        peers.shift(&mut part.numbers, &mut part.keys);
    }
    LossGradient { texts: part.slopes().to_vec(), ..loss.finish() }
}

/// A part of the texts as it travels: one message of numbers, one of keys.
struct Travelling {
    /// Embeddings, then their slopes.
    numbers: Vec<f32>,
    /// Of each text, then the owner of each.
    keys: Vec<u64>,
}

impl Travelling {
    fn new(texts: &[f32], pairs: Pairs<'_>) -> Self {
        let mut numbers = Vec::with_capacity(2 * texts.len());
        numbers.extend_from_slice(texts);
        numbers.resize(2 * texts.len(), 0.0);
        let owners = pairs.owners.iter().map(|&owner| u64::from(owner));
        let keys = pairs.text_keys.iter().copied().chain(owners).collect();
        Self { numbers, keys }
    }

    fn slopes(&self) -> &[f32] {
        &self.numbers[self.numbers.len() / 2..]
    }

    fn visit(&mut self, loss: &mut SigmoidLoss<'_>) {
        let (keys, owners) = self.keys.split_at(self.keys.len() / 2);
        let owners = owners.iter().map(|&owner| owner as u32).collect::<Vec<_>>();
        let half = self.numbers.len() / 2;
        let (embeddings, slopes) = self.numbers.split_at_mut(half);
        let found = loss.add(TextPart { embeddings, owners: &owners, keys });
        slopes.iter_mut().zip(found).for_each(|(sum, slope)| *sum += slope);
    }
}
