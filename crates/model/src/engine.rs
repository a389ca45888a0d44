//! What computes embeddings, and the CPU's way of doing it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernels::{Compute, Isa};
use pixels::RgbImage;
use weights::{Checkpoint, Tower};

use crate::linear::Loader;
use crate::packed_cache::Request;
use crate::stage::Observer;
use crate::text::TextTower;
use crate::vision::VisionTower;
use crate::{ModelError, PackedCacheError, Precision};

/// Computes raw embeddings; a GPU can take the CPU's place.
///
/// The same input gives the same bytes for any batch, order and number of threads on one
/// instruction set.
pub trait Engine: Send + Sync {
    /// D of a tower's embeddings; `None` when the model lacks the tower.
    fn dimension(&self, tower: Tower) -> Option<usize>;

    /// Loads a tower now, rather than at its first use.
    ///
    /// # Errors
    ///
    /// When the model lacks the tower or its weights cannot be read.
    fn load(&self, tower: Tower) -> Result<(), ModelError>;

    /// Embeds B pictures of the tower's size into `out`, `[B][D]`, not normalised.
    ///
    /// # Errors
    ///
    /// When the model lacks the tower, or a picture has another size.
    ///
    /// # Panics
    ///
    /// When `out` does not have B x D elements.
    fn embed_images(
        &self,
        pictures: &[&RgbImage],
        out: &mut [f32],
        observer: &mut dyn Observer,
    ) -> Result<(), ModelError>;

    /// Embeds B texts, `[B][T]` ids, into `out`, `[B][D]`, not normalised.
    ///
    /// # Errors
    ///
    /// When the model lacks the tower, or an id is beyond the token table.
    ///
    /// # Panics
    ///
    /// When `ids` are not whole texts, or `out` does not have B x D elements.
    fn embed_texts(
        &self,
        ids: &[u32],
        out: &mut [f32],
        observer: &mut dyn Observer,
    ) -> Result<(), ModelError>;
}

/// The engine on this machine's CPU.
///
/// Towers are loaded at their first use, each with its own activations, and work side by side: a
/// text does not wait for a batch of pictures, only for the job that holds the threads.
pub struct CpuEngine {
    compute: Compute,
    checkpoint: Arc<Checkpoint>,
    precision: Precision,
    packed_cache: Option<PathBuf>,
    cache_problems: Mutex<Vec<PackedCacheError>>,
    vision: Mutex<Option<VisionTower>>,
    text: Mutex<Option<TextTower>>,
}

impl CpuEngine {
    /// An engine for `checkpoint` on `threads` threads; nothing is loaded yet.
    pub fn new(
        checkpoint: Arc<Checkpoint>,
        isa: Isa,
        threads: usize,
        precision: Precision,
    ) -> Self {
        Self {
            compute: Compute::new(isa, threads),
            checkpoint,
            precision: precision.resolve(isa),
            packed_cache: None,
            cache_problems: Mutex::new(Vec::new()),
            vision: Mutex::new(None),
            text: Mutex::new(None),
        }
    }

    /// The same engine, which keeps packed towers in `folder` and takes them from there when they are of this very
    /// checkpoint, instruction set and precision. It is made when there is none; what is in it may be deleted at any
    /// time. Whoever can write there decides what the engine computes.
    #[must_use]
    pub fn with_packed_cache(self, folder: PathBuf) -> Self {
        Self { packed_cache: Some(folder), ..self }
    }

    /// What went wrong with the folder of packed towers since the last call. Nothing failed for it.
    pub fn take_packed_cache_problems(&self) -> Vec<PackedCacheError> {
        std::mem::take(&mut lock(&self.cache_problems))
    }

    fn load_tower<T>(
        &self,
        tower: Tower,
        build: impl Fn(&Loader<'_>) -> Result<T, ModelError>,
    ) -> Result<T, ModelError> {
        let Self { compute, checkpoint, precision, .. } = self;
        let request = Request { compute, checkpoint, tower, precision: *precision };
        match &self.packed_cache {
            None => request.load(build),
            Some(folder) => request.load_through(folder, build, &mut |problem| {
                lock(&self.cache_problems).push(problem);
            }),
        }
    }

    fn require(&self, tower: Tower) -> Result<(), ModelError> {
        if self.checkpoint.has(tower) {
            return Ok(());
        }
        Err(ModelError::NoTower { model: self.checkpoint.name(), tower })
    }

    fn with_vision<R>(
        &self,
        body: impl FnOnce(&mut VisionTower) -> Result<R, ModelError>,
    ) -> Result<R, ModelError> {
        self.require(Tower::Vision)?;
        let mut tower = lock(&self.vision);
        if tower.is_none() {
            let build = |loader: &Loader<'_>| VisionTower::load(loader, self.precision);
            *tower = Some(self.load_tower(Tower::Vision, build)?);
        }
        body(tower.as_mut().expect("the tower was just loaded"))
    }

    fn with_text<R>(
        &self,
        body: impl FnOnce(&mut TextTower) -> Result<R, ModelError>,
    ) -> Result<R, ModelError> {
        self.require(Tower::Text)?;
        let mut tower = lock(&self.text);
        if tower.is_none() {
            let build = |loader: &Loader<'_>| TextTower::load(loader, self.precision);
            *tower = Some(self.load_tower(Tower::Text, build)?);
        }
        body(tower.as_mut().expect("the tower was just loaded"))
    }
}

impl Engine for CpuEngine {
    fn dimension(&self, tower: Tower) -> Option<usize> {
        let config = self.checkpoint.config();
        self.checkpoint.has(tower).then(|| match tower {
            Tower::Vision => config.vision.hidden_size,
            Tower::Text if self.checkpoint.has_text_head() => config.text.projection_size,
            Tower::Text => config.text.hidden_size,
        })
    }

    fn load(&self, tower: Tower) -> Result<(), ModelError> {
        match tower {
            Tower::Vision => self.with_vision(|_| Ok(())),
            Tower::Text => self.with_text(|_| Ok(())),
        }
    }

    fn embed_images(
        &self,
        pictures: &[&RgbImage],
        out: &mut [f32],
        observer: &mut dyn Observer,
    ) -> Result<(), ModelError> {
        let dimension = self.dimension(Tower::Vision).unwrap_or(0);
        assert_eq!(out.len(), pictures.len() * dimension, "the output has a row per picture");
        self.with_vision(|tower| tower.embed(&self.compute, pictures, out, observer))
    }

    fn embed_texts(
        &self,
        ids: &[u32],
        out: &mut [f32],
        observer: &mut dyn Observer,
    ) -> Result<(), ModelError> {
        let tokens = self.checkpoint.config().text.max_position_embeddings;
        assert_eq!(ids.len() % tokens, 0, "every text has as many ids as the tower has positions");
        let dimension = self.dimension(Tower::Text).unwrap_or(0);
        assert_eq!(out.len(), ids.len() / tokens * dimension, "the output has a row per text");
        self.with_text(|tower| tower.embed(&self.compute, ids, out, observer))
    }
}

/// Locks, also after a panic: a tower's activations are written anew by each call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
