//! From a source to the batches of a stage, made ahead of time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokens::Tokenizer;

use crate::data::{Example, Kind, Source, Wish, mix, shuffled};
use crate::error::TrainError;
use crate::loss::{NOBODY, Place};
use crate::peers::Rank;
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
    /// Whose part of each batch is made.
    pub(crate) rank: Rank,
}

impl Batches {
    /// How many pictures a locked tower embeds once.
    pub(crate) fn locked_count(&self) -> u64 {
        self.source.count().unwrap_or(self.stage.locked_pictures)
    }

    /// What example `n` of the stage is; a picture is nothing that another process needs.
    fn wish(&self, n: u64, is_own: bool) -> Wish {
        let side = self.stage.pictures;
        let count = match side {
            PictureSide::Locked => Some(self.locked_count()),
            PictureSide::Tower | PictureSide::Concepts => self.source.count(),
        };
        let (place, draw) = match count {
            Some(count) => shuffled(n, count, self.seed),
            None => (mix(self.seed) ^ n, 0),
        };
        let kind = Kind::of(&self.stage);
        Wish { place, draw, kind, picture: is_own && side == PictureSide::Tower }
    }

    /// This process's part of the batch of step `step`. All captions of the batch are looked at, so that the same pairs are
    /// masked as in one process.
    pub(crate) fn batch(&self, step: u64) -> Result<Batch, TrainError> {
        let own = self.rank.part(self.stage.batch);
        let mut pictures = Vec::new();
        let mut embeddings = Vec::new();
        let (mut ids, mut owners, mut image_keys, mut text_keys) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // Those of the whole batch.
        let mut concepts = Vec::new();
        let mut texts_of_batch = 0;
        let mut alike = Alike::default();
        for index in 0..self.stage.batch {
            let n = step * self.stage.batch as u64 + index as u64;
            let is_own = own.contains(&index);
            let wish = self.wish(n, is_own);
            let Example { picture, captions, key, concept } = self.source.example(wish)?;
            texts_of_batch += captions.len();
            if self.stage.has_concepts() {
                concepts.push(concept.ok_or_else(|| TrainError::Example {
                    index: n,
                    problem:
                        "it is of no concept, and the stage trains against concepts".to_owned(),
                })?);
            }
            if is_own {
                pictures.extend(picture);
                image_keys.push(key);
                if self.stage.pictures == PictureSide::Locked {
                    let at = wish.place as usize * self.dimension;
                    embeddings.extend_from_slice(&self.locked[at..at + self.dimension]);
                }
            }
            for caption in captions {
                if is_own {
                    let problem = |error: tokens::TokensError| TrainError::Example {
                        index: n,
                        problem: error.to_string(),
                    };
                    ids.extend(self.tokenizer.encode(&caption).map_err(problem)?.ids);
                    owners.push((index - own.start) as u32);
                    text_keys.push(key);
                }
                alike.see(caption, key);
            }
        }
        // The concepts that no example of the batch shows are wrong for all of them; each process has a part of them.
        let others = self.others(&concepts);
        let own_others_at = self.rank.part(others.len());
        let own_others = &others[own_others_at.clone()];
        let mut concepts = concepts.get(own.clone()).unwrap_or_default().to_vec();
        concepts.extend_from_slice(own_others);
        // No example of the batch has such a key: keys are hashes, and these are of numbers of their own.
        let keys_of_others = own_others.iter().map(|&concept| mix(!u64::from(concept)));
        let mut first_image = own.start;
        if self.stage.texts == TextSide::Concepts {
            texts_of_batch = self.stage.batch + others.len();
            text_keys.clone_from(&image_keys);
            text_keys.extend(keys_of_others);
            owners.extend(0..own.len() as u32);
        } else if self.stage.pictures == PictureSide::Concepts {
            first_image += own_others_at.start;
            image_keys.extend(keys_of_others);
        }
        for owner in &mut owners {
            *owner += first_image as u32;
        }
        owners.resize(text_keys.len(), NOBODY);
        for key in image_keys.iter_mut().chain(&mut text_keys) {
            *key = alike.one(*key);
        }
        let texts = match self.stage.texts {
            TextSide::Tower => TextInput::Ids(ids),
            TextSide::Concepts => TextInput::Concepts(concepts.clone()),
        };
        let pictures = match self.stage.pictures {
            PictureSide::Tower => PictureInput::Pictures(pictures),
            PictureSide::Locked => PictureInput::Embeddings(embeddings),
            PictureSide::Concepts => PictureInput::Concepts(concepts),
        };
        let place = Place { first_image, texts_of_batch };
        Ok(Batch { pictures, texts, owners, image_keys, text_keys, place })
    }

    /// The concepts that are not among `shown`; none where the stage has no table of them.
    fn others(&self, shown: &[u32]) -> Vec<u32> {
        if !self.stage.has_concepts() {
            return Vec::new();
        }
        let mut is_shown = vec![false; self.source.concepts() as usize];
        for &concept in shown {
            is_shown[concept as usize] = true;
        }
        (0..self.source.concepts()).filter(|&concept| !is_shown[concept as usize]).collect()
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
