//! From a source to the batches of a stage, made ahead of time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokens::Tokenizer;

use crate::data::{Example, Source, Subject, Wish, mix, shuffled};
use crate::error::TrainError;
use crate::loss::NOBODY;
use crate::recipe::{PictureSide, Stage, TextSide};
use crate::trainer::{Batch, PictureInput, TextInput};

/// Batches that are made ahead.
const AHEAD: usize = 2;

/// Keys that one text of the batch stands for: of two pictures with the same caption, neither is wrong for the other.
#[derive(Default)]
struct Alike {
    of_text: HashMap<String, u64>,
    same_as: HashMap<u64, u64>,
}

impl Alike {
    fn see(&mut self, text: String, key: u64) {
        let key = self.one(key);
        let known = *self.of_text.entry(text).or_insert(key);
        let known = self.one(known);
        if known != key {
            self.same_as.insert(key, known);
        }
    }

    /// The one key that stands for all that are the same.
    fn one(&self, mut key: u64) -> u64 {
        while let Some(&other) = self.same_as.get(&key) {
            key = other;
        }
        key
    }
}

/// Makes the batches of one stage.
#[derive(Clone)]
pub(crate) struct Batches {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) stage: Stage,
    /// Of this stage.
    pub(crate) seed: u64,
    /// Embeddings of the locked pictures, `[count][D]`.
    pub(crate) locked: Arc<Vec<f32>>,
    pub(crate) dimension: usize,
}

impl Batches {
    /// How many pictures a locked tower embeds once.
    pub(crate) fn locked_count(&self) -> u64 {
        self.source.count().unwrap_or(self.stage.locked_pictures)
    }

    /// What example `n` of the stage is.
    fn wish(&self, n: u64) -> Wish {
        let (captions, subject) = match self.stage.texts {
            TextSide::Concepts => (0, Subject::Concept),
            TextSide::Tower => (self.stage.captions, Subject::Any),
        };
        let augmentation = self.stage.augmentation;
        let locked = self.stage.pictures == PictureSide::Locked;
        let count = if locked { Some(self.locked_count()) } else { self.source.count() };
        match count {
            Some(count) => {
                let (place, draw) = shuffled(n, count, self.seed);
                Wish { place, draw, captions, subject, augmentation }
            }
            None => Wish { place: mix(self.seed) ^ n, draw: 0, captions, subject, augmentation },
        }
    }

    /// The batch of step `step`.
    pub(crate) fn batch(&self, step: u64) -> Result<Batch, TrainError> {
        let first = step * self.stage.batch as u64;
        let mut pictures = Vec::new();
        let mut embeddings = Vec::new();
        let (mut ids, mut owners, mut image_keys, mut text_keys) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut concepts = Vec::new();
        let mut alike = Alike::default();
        for (index, n) in (first..first + self.stage.batch as u64).enumerate() {
            let wish = self.wish(n);
            let Example { picture, captions, key, concept } = self.source.example(wish)?;
            if self.stage.pictures == PictureSide::Locked {
                let at = wish.place as usize * self.dimension;
                embeddings.extend_from_slice(&self.locked[at..at + self.dimension]);
            } else {
                pictures.push(picture);
            }
            image_keys.push(key);
            for caption in captions {
                let problem = |error: tokens::TokensError| TrainError::Example {
                    index: n,
                    problem: error.to_string(),
                };
                ids.extend(self.tokenizer.encode(&caption).map_err(problem)?.ids);
                owners.push(index as u32);
                text_keys.push(key);
                alike.see(caption, key);
            }
            if self.stage.texts == TextSide::Concepts {
                let concept = concept.ok_or_else(|| TrainError::Example {
                    index: n,
                    problem: "it is of no concept, and the stage trains against concepts"
                        .to_owned(),
                })?;
                concepts.push(concept);
                owners.push(index as u32);
                text_keys.push(key);
            }
        }
        if self.stage.texts == TextSide::Concepts {
            // The concepts that no picture of the batch shows are wrong for all of them.
            let mut shown = vec![false; self.source.concepts() as usize];
            for &concept in &concepts {
                shown[concept as usize] = true;
            }
            let others = shown.iter().enumerate().filter(|(_, shown)| !**shown);
            for (concept, _) in others {
                concepts.push(concept as u32);
                owners.push(NOBODY);
                // No picture of the batch has this key: keys are hashes, and this one is of a number of its own.
                text_keys.push(mix(!(concept as u64)));
            }
        }
        for key in image_keys.iter_mut().chain(&mut text_keys) {
            *key = alike.one(*key);
        }
        let pictures = match self.stage.pictures {
            PictureSide::Tower => PictureInput::Pictures(pictures),
            PictureSide::Locked => PictureInput::Embeddings(embeddings),
        };
        let texts = match self.stage.texts {
            TextSide::Tower => TextInput::Ids(ids),
            TextSide::Concepts => TextInput::Concepts(concepts),
        };
        Ok(Batch { pictures, texts, owners, image_keys, text_keys })
    }

    /// Batches from step `step` on, made by a thread of their own.
    pub(crate) fn made_from(self, step: u64) -> Receiver<Result<Batch, TrainError>> {
        let (sender, receiver) = sync_channel(AHEAD);
        std::thread::spawn(move || self.make(step, &sender));
        receiver
    }

    fn make(&self, first: u64, sender: &SyncSender<Result<Batch, TrainError>>) {
        for step in first..self.stage.steps {
            let batch = self.batch(step);
            let failed = batch.is_err();
            // Whoever took them has ended.
            if sender.send(batch).is_err() || failed {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_with_a_text_in_common_have_one_key() {
        let mut alike = Alike::default();
        for (text, key) in [("a", 1), ("b", 2), ("c", 3), ("b", 1), ("c", 2), ("d", 4)] {
            alike.see(text.to_owned(), key);
        }
        assert_eq!([1, 2, 3].map(|key| alike.one(key)), [alike.one(1); 3]);
        assert_ne!(alike.one(4), alike.one(1));
    }
}
