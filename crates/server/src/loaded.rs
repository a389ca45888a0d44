//! A model in memory: what computes, its queues, and whether it still computes the same.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::{Embeddings, ModelError, Scoring};
use pixels::RgbImage;
use tokens::Encoding;
use tokio::sync::Semaphore;
use weights::Tower;

use crate::backend::Backend;
use crate::error::ApiError;
use crate::line::Line;
use crate::metrics::Metrics;
use crate::queue::{BatchQueue, Lane, QueueError};

/// Pictures that go through the vision tower together. More of them are not faster: see `benches/rivals`.
const IMAGES_TOGETHER: usize = 16;

/// Texts that go through the text tower together.
const TEXTS_TOGETHER: usize = 32;

/// Pictures of a lane that are decoded ahead of the engine: four batches.
const IMAGES_AHEAD: usize = 4 * IMAGES_TOGETHER;

/// A text of the canary.
const CANARY_TEXT: &str = "a canary in a coal mine";

/// How a model is described to the outside.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) id: String,
    /// See [`model::Siglip::fingerprint`].
    pub(crate) fingerprint: String,
    pub(crate) precision: String,
    /// An estimate of the weights in memory.
    pub(crate) bytes: u64,
}

/// A model that answers.
pub(crate) struct LoadedModel {
    pub(crate) description: Description,
    /// No two loaded models of a process have the same.
    pub(crate) generation: u64,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) images: BatchQueue<RgbImage>,
    pub(crate) texts: BatchQueue<Encoding>,
    pub(crate) image_line: Arc<Line>,
    pub(crate) text_line: Arc<Line>,
    places: Places,
    canary: Canary,
    last_used: Mutex<Instant>,
}

/// Places for decoded pictures. Each lane has its own: a lone picture does not wait until those of large requests,
/// which stand before it, are computed.
#[derive(Debug)]
struct Places {
    small: Arc<Semaphore>,
    bulk: Arc<Semaphore>,
}

/// What fixed inputs gave when the model was loaded.
#[derive(Debug, Default)]
struct Canary {
    image: Option<Vec<f32>>,
    text: Option<Vec<f32>>,
}

impl LoadedModel {
    /// Loads both towers and starts the queues. Takes seconds.
    pub(crate) fn start(
        description: Description,
        backend: Arc<dyn Backend>,
        metrics: &Metrics,
    ) -> Result<Self, ModelError> {
        static GENERATION: AtomicU64 = AtomicU64::new(0);
        let mut canary = Canary::default();
        if backend.dimension(Tower::Vision).is_some() {
            backend.load(Tower::Vision)?;
            let picture = canary_picture(backend.as_ref());
            canary.image = Some(backend.embed_images(&[&picture])?.values().to_vec());
        }
        if backend.dimension(Tower::Text).is_some() {
            backend.load(Tower::Text)?;
            let text = backend.tokenize(CANARY_TEXT)?;
            canary.text = Some(backend.embed_texts(&[&text])?.values().to_vec());
        }
        let id = description.id.as_str();
        let [image_line, text_line] = [Arc::<Line>::default(), Arc::default()];
        let (engine, line) = (Arc::clone(&backend), Arc::clone(&image_line));
        let images = BatchQueue::start(
            "images",
            IMAGES_TOGETHER,
            metrics.queue(id, "vision"),
            move |all| timed(&line, all.len(), || engine.embed_images(all)),
        )?;
        let (engine, line) = (Arc::clone(&backend), Arc::clone(&text_line));
        let texts =
            BatchQueue::start("texts", TEXTS_TOGETHER, metrics.queue(id, "text"), move |all| {
                timed(&line, all.len(), || engine.embed_texts(all))
            })?;
        Ok(Self {
            description,
            generation: GENERATION.fetch_add(1, Ordering::Relaxed),
            backend,
            images,
            texts,
            image_line,
            text_line,
            places: Places {
                small: Arc::new(Semaphore::new(IMAGES_AHEAD)),
                bulk: Arc::new(Semaphore::new(IMAGES_AHEAD)),
            },
            canary,
            last_used: Mutex::new(Instant::now()),
        })
    }

    /// What turns cosines into probabilities.
    ///
    /// # Errors
    /// When the checkpoint lacks it.
    pub(crate) fn scoring(&self) -> Result<Scoring, ApiError> {
        self.backend.scoring().map_err(|error| {
            ApiError::invalid("model_without_scores", error.to_string()).at("model")
        })
    }

    /// Where the decoded pictures of a lane may wait.
    pub(crate) fn places(&self, lane: Lane) -> &Arc<Semaphore> {
        match lane {
            Lane::Small => &self.places.small,
            Lane::Bulk => &self.places.bulk,
        }
    }

    pub(crate) fn touch(&self) {
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(crate) fn idle(&self) -> Duration {
        self.last_used.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Whether both threads live.
    pub(crate) fn is_alive(&self) -> bool {
        self.images.is_alive() && self.texts.is_alive()
    }

    /// Whether both threads live and the canary's vectors are those of the start, to the last bit.
    ///
    /// # Errors
    /// What is wrong, in one line.
    pub(crate) async fn check(&self) -> Result<(), String> {
        if !self.is_alive() {
            return Err("a worker is dead".to_owned());
        }
        let failed = |error: QueueError| format!("the canary failed: {error}");
        if let Some(expected) = &self.canary.image {
            let picture = canary_picture(self.backend.as_ref());
            let now = self.images.embed(picture, Lane::Small).await.map_err(failed)?;
            agree(expected, &now.row)?;
        }
        if let Some(expected) = &self.canary.text {
            let text = self.backend.tokenize(CANARY_TEXT).map_err(|error| error.to_string())?;
            let now = self.texts.embed(text, Lane::Small).await.map_err(failed)?;
            agree(expected, &now.row)?;
        }
        Ok(())
    }
}

/// Embeds, and lets the line learn how long it took.
fn timed(
    line: &Line,
    items: usize,
    embed: impl FnOnce() -> Result<Embeddings, ModelError>,
) -> Result<Embeddings, String> {
    let began = Instant::now();
    let rows = embed().map_err(|error| error.to_string())?;
    line.computed(items, began.elapsed());
    Ok(rows)
}

/// The same input gives the same bytes, whatever else is in the batch.
fn agree(expected: &[f32], now: &[f32]) -> Result<(), String> {
    let same = expected.len() == now.len()
        && expected.iter().zip(now).all(|(a, b)| a.to_bits() == b.to_bits());
    if same { Ok(()) } else { Err("the canary's embedding has drifted".to_owned()) }
}

/// A picture with a little of every frequency and colour.
fn canary_picture(backend: &dyn Backend) -> RgbImage {
    let size = backend.picture_size();
    let mut state = 1_u32;
    let samples = (0..size.width as usize * size.height as usize * 3).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    RgbImage::from_raw(size.width, size.height, samples.collect()).expect("three samples a pixel")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{self, DEATH, Fake};

    #[tokio::test]
    async fn a_model_that_computes_as_it_did_is_well_and_one_that_does_not_has_drifted() {
        let fake = Arc::<Fake>::default();
        let model = fake::loaded(&fake);
        assert_eq!(model.check().await, Ok(()));
        fake.drifts.store(true, Ordering::Relaxed);
        let problem = model.check().await.unwrap_err();
        assert_eq!(problem, "the canary's embedding has drifted");
        fake.drifts.store(false, Ordering::Relaxed);
        assert_eq!(model.check().await, Ok(()));
    }

    #[tokio::test]
    async fn a_model_whose_thread_ended_says_so_and_its_callers_hear_it() {
        let model = fake::loaded(&Arc::default());
        let deadly = model.backend.tokenize(DEATH).unwrap();
        let error = model.texts.embed(deadly, Lane::Small).await.unwrap_err();
        assert!(matches!(error, QueueError::Closed), "{error}");
        while model.is_alive() {
            tokio::task::yield_now().await;
        }
        assert_eq!(model.check().await, Err("a worker is dead".to_owned()));
        let text = model.backend.tokenize("a").unwrap();
        assert!(model.texts.embed(text, Lane::Small).await.is_err());
    }

    #[test]
    fn one_bit_is_a_drift() {
        assert!(agree(&[0.5, -0.25], &[0.5, -0.25]).is_ok());
        assert!(agree(&[0.5], &[f32::from_bits(0.5_f32.to_bits() + 1)]).is_err());
        assert!(agree(&[0.5], &[0.5, 0.0]).is_err());
        assert!(agree(&[f32::NAN], &[f32::NAN]).is_ok());
    }
}
