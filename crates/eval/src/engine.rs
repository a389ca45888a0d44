//! The engine of this program as an embedder.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use model::{Embeddings, Scoring, Siglip};
use pixels::RgbImage;

use crate::{Embedder, EmbedderError, Identity, PictureEmbedding};

/// A model of this machine.
pub struct EngineEmbedder<'a> {
    siglip: &'a Siglip,
    name: String,
    instruction_set: &'static str,
    threads: usize,
    truncated: AtomicUsize,
}

impl<'a> EngineEmbedder<'a> {
    /// A model by the name that reports give it; pictures are decoded on `threads` threads.
    pub fn new(
        siglip: &'a Siglip,
        name: &str,
        instruction_set: &'static str,
        threads: usize,
    ) -> Self {
        let truncated = AtomicUsize::new(0);
        Self { siglip, name: name.to_owned(), instruction_set, threads, truncated }
    }

    /// How many of the texts so far are longer than the text tower and lost their end.
    pub fn truncated_texts(&self) -> usize {
        self.truncated.load(Ordering::Relaxed)
    }

    /// Decodes and resizes pictures side by side.
    fn prepare(&self, pictures: &[Vec<u8>]) -> Vec<Result<RgbImage, String>> {
        let prepared = pictures.iter().map(|_| OnceLock::new()).collect::<Vec<_>>();
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let (Some(bytes), Some(slot)) = (pictures.get(index), prepared.get(index)) else {
                    return;
                };
                let _only_here = slot.set(self.prepare_one(bytes));
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.threads.min(pictures.len()) {
                scope.spawn(work);
            }
            work();
        });
        prepared
            .into_iter()
            .map(|slot| slot.into_inner().expect("every picture was somebody's work"))
            .collect()
    }

    fn prepare_one(&self, bytes: &[u8]) -> Result<RgbImage, String> {
        // One picture must not hurt the others, not even through a bug of a decoder.
        match catch_unwind(AssertUnwindSafe(|| self.siglip.preprocessor().prepare(bytes))) {
            Ok(prepared) => prepared.map_err(|error| error.to_string()),
            Err(_) => Err("the decoder failed; this is a bug of polysight".to_owned()),
        }
    }
}

impl Embedder for EngineEmbedder<'_> {
    fn identity(&self) -> Result<Identity, EmbedderError> {
        Ok(Identity {
            name: self.name.clone(),
            fingerprint: Some(self.siglip.fingerprint()?),
            computed_by: format!("{} on {}", self.siglip.precision(), self.instruction_set),
        })
    }

    fn scoring(&self) -> Option<Scoring> {
        self.siglip.scoring().ok()
    }

    fn embed_pictures(&self, pictures: &[Vec<u8>]) -> Result<Vec<PictureEmbedding>, EmbedderError> {
        let prepared = self.prepare(pictures);
        let images = prepared.iter().flatten().collect::<Vec<_>>();
        if images.is_empty() {
            return Ok(prepared.into_iter().map(|failed| failed.map(|_| Vec::new())).collect());
        }
        let embeddings = self.siglip.embed_images(&images)?;
        let mut rows = embeddings.rows();
        let embedding = |prepared: Result<RgbImage, String>| {
            prepared.map(|_| rows.next().expect("a row for each picture").to_vec())
        };
        Ok(prepared.into_iter().map(embedding).collect())
    }

    fn embed_texts(&self, texts: &[String]) -> Result<Embeddings, EmbedderError> {
        let encode = |text: &String| self.siglip.tokenize(text);
        let encodings = texts.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
        let truncated = encodings.iter().filter(|encoding| encoding.truncated).count();
        self.truncated.fetch_add(truncated, Ordering::Relaxed);
        Ok(self.siglip.embed_texts(&encodings)?)
    }
}
