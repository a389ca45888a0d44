//! What a training learns from, and the order in which it comes.

use pixels::RgbImage;

use crate::error::TrainError;
use crate::recipe::{Stage, TextSide};

/// A picture with captions.
#[derive(Clone, Debug)]
pub struct Example {
    /// Of the size that was wanted, where one was.
    pub picture: Option<RgbImage>,
    /// As many as were wanted, or fewer.
    pub captions: Vec<String>,
    /// Equal for examples that show the same.
    pub key: u64,
    /// Its place among the source's concepts, where it has one.
    pub concept: Option<u32>,
}

/// Which example is wanted, and what of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wish {
    /// Below the source's count.
    pub place: u64,
    /// For the how-manieth time: whatever is random about an example follows from both.
    pub draw: u64,
    /// Which of the source's examples.
    pub kind: Kind,
    /// Whether its picture is wanted too.
    pub picture: bool,
}

/// What a stage asks of its examples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kind {
    /// Texts for each.
    pub captions: usize,
    /// What they show.
    pub subject: Subject,
    /// How much a drawn picture is varied, 0 to 1; pictures in files are taken as they are.
    pub augmentation: f32,
}

impl Kind {
    /// What a stage asks for.
    pub fn of(stage: &Stage) -> Self {
        let captions = if stage.texts == TextSide::Concepts { 0 } else { stage.captions };
        let subject = if stage.has_concepts() { Subject::Concept } else { Subject::Any };
        Self { captions, subject, augmentation: stage.augmentation }
    }
}

/// What an example is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Whatever the source has.
    Any,
    /// One of its concepts.
    Concept,
}

/// Examples in any order. The same wish gives the same example.
pub trait Source: Send + Sync {
    /// How many there are; none: as many as anybody wants.
    fn count(&self) -> Option<u64>;

    /// How many concepts its examples are of; 0 where it knows none.
    fn concepts(&self) -> u32 {
        0
    }

    /// The names of a concept and their languages; none where it knows none.
    fn names(&self, _concept: u32) -> Vec<(String, String)> {
        Vec::new()
    }

    /// One example.
    ///
    /// # Errors
    /// When it cannot be read.
    fn example(&self, wish: Wish) -> Result<Example, TrainError>;
}

/// The `n`-th example of a training over `count` examples: each once in an epoch, in an order of its own for each epoch
/// and seed.
pub fn shuffled(n: u64, count: u64, seed: u64) -> (u64, u64) {
    let (epoch, at) = (n / count, n % count);
    let permutation = Permutation { count, key: mix(seed ^ mix(epoch)) };
    (permutation.place(at), epoch)
}

/// A permutation of `0..count` that is computed place by place: four rounds of Feistel over the next power of four, and
/// another turn whenever that leaves the range.
struct Permutation {
    count: u64,
    key: u64,
}

impl Permutation {
    fn place(&self, at: u64) -> u64 {
        let half = (64 - self.count.saturating_sub(1).leading_zeros()).div_ceil(2).max(1);
        let mask = (1_u64 << half) - 1;
        let mut place = at;
        loop {
            let (mut left, mut right) = (place >> half, place & mask);
            for round in 0..4 {
                let next = left ^ (mix(right ^ self.key.rotate_left(round * 16)) & mask);
                (left, right) = (right, next);
            }
            place = left << half | right;
            if place < self.count {
                return place;
            }
        }
    }
}

/// A number that has nothing to do with its origin: `SplitMix64`'s last step.
pub fn mix(value: u64) -> u64 {
    let mut bits = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_every_example_once_and_each_epoch_its_own_order() {
        for count in [1, 2, 3, 10, 64, 1000] {
            let epoch = |number: u64| {
                let places = (number * count..(number + 1) * count).map(|n| shuffled(n, count, 7));
                places.collect::<Vec<_>>()
            };
            let (first, second) = (epoch(0), epoch(1));
            assert!(first.iter().all(|&(_, draw)| draw == 0));
            assert!(second.iter().all(|&(_, draw)| draw == 1));
            for places in [&first, &second] {
                let mut places = places.iter().map(|&(place, _)| place).collect::<Vec<_>>();
                places.sort_unstable();
                assert_eq!(places, (0..count).collect::<Vec<_>>());
            }
            let places = |epoch: &[(u64, u64)]| epoch.iter().map(|pair| pair.0).collect::<Vec<_>>();
            assert!(count < 10 || places(&first) != places(&second));
        }
    }
}
