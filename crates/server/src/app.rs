//! What every request shares.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::accounts::Accounts;
use crate::admission::Budget;
use crate::archive::{Archive, LazyArchive};
use crate::auth::Keys;
use crate::caches::VectorCache;
use crate::error::ApiError;
use crate::fetch::Fetcher;
use crate::health::Health;
use crate::label_sets::LabelSetCache;
use crate::metrics::Metrics;
use crate::rate::RateLimiter;
use crate::registry::Registry;
use crate::settings::{Limits, ModerationCategory, Rates, Settings};
use crate::vector_stores::Shelves;

/// Pictures that are fetched at the same time.
const FETCHES: usize = 64;

/// Sign-ups are few, and each sends an e-mail.
const STRANGERS: Rates = Rates { requests_per_minute: 60, images_per_minute: 1 };

/// One permit of the decoders' memory.
pub(crate) const DECODING_UNIT: u64 = 1 << 20;

/// The server's parts; requests hold it together.
pub(crate) struct App {
    pub(crate) registry: Registry,
    pub(crate) keys: Keys,
    /// When they are switched on.
    pub(crate) accounts: Option<Arc<Accounts>>,
    /// Where people's things are.
    pub(crate) archive: LazyArchive,
    pub(crate) limits: Limits,
    /// Those of one picture, for its header.
    pub(crate) image_limits: pixels::Limits,
    /// The longest pause of a body.
    pub(crate) body_timeout: Duration,
    pub(crate) rates: RateLimiter,
    /// Of all who have no key yet, together.
    pub(crate) strangers: RateLimiter,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pixels: Arc<Budget>,
    /// How long an input may have to wait for the engine.
    pub(crate) longest_wait: Duration,
    pub(crate) bodies: Arc<Budget>,
    pub(crate) fetcher: Fetcher,
    pub(crate) fetches: Semaphore,
    /// Threads that may decode.
    pub(crate) decoders: Arc<Semaphore>,
    /// Mebipixels that may be in decoders at once.
    pub(crate) decoding: Arc<Semaphore>,
    pub(crate) decoding_units: u32,
    pub(crate) labels: VectorCache,
    pub(crate) label_sets: LabelSetCache,
    pub(crate) images: VectorCache,
    pub(crate) vector_stores: Shelves,
    pub(crate) moderation: Vec<ModerationCategory>,
    pub(crate) health: Health,
}

impl App {
    pub(crate) fn new(
        settings: &mut Settings,
        archive: Option<Arc<Archive>>,
        accounts: Option<Accounts>,
        cores: usize,
    ) -> Arc<Self> {
        let metrics = Metrics::new();
        let limits = settings.limits.clone();
        for spec in &mut settings.models {
            let decoding = spec.options.limits.clone();
            spec.options.limits =
                decoding.with_bytes(limits.image_bytes).with_pixels(limits.image_pixels);
        }
        settings.fetch.most_bytes = settings.fetch.most_bytes.min(limits.image_bytes);
        // Two of the largest, whatever the number of threads.
        let units = (2 * limits.image_pixels).div_ceil(DECODING_UNIT).clamp(2, 1 << 20) as u32;
        Arc::new(Self {
            registry: Registry::new(
                std::mem::take(&mut settings.models),
                settings.model_memory,
                Arc::clone(&metrics),
            ),
            keys: Keys::new(&settings.auth),
            accounts: accounts.map(Arc::new),
            archive: LazyArchive::new(settings.archive.take(), archive),
            image_limits: pixels::Limits::default()
                .with_bytes(limits.image_bytes)
                .with_pixels(limits.image_pixels),
            body_timeout: settings.body_timeout,
            rates: RateLimiter::new(settings.rates),
            strangers: RateLimiter::new(STRANGERS),
            pixels: Budget::new(settings.admission.pixels),
            longest_wait: settings.admission.time,
            bodies: Budget::new(settings.admission.bytes),
            fetcher: Fetcher::new(settings.fetch.clone()),
            fetches: Semaphore::new(FETCHES),
            decoders: Arc::new(Semaphore::new(cores)),
            decoding: Arc::new(Semaphore::new(units as usize)),
            decoding_units: units,
            labels: VectorCache::new(settings.caches.labels, metrics.cache("labels")),
            label_sets: LabelSetCache::default(),
            images: VectorCache::new(settings.caches.images, metrics.cache("images")),
            vector_stores: Shelves::default(),
            moderation: std::mem::take(&mut settings.moderation),
            health: Health::default(),
            limits,
            metrics,
        })
    }
    /// The database of people's things.
    ///
    /// # Errors
    /// 503 when it cannot be opened.
    pub(crate) async fn archive(&self) -> Result<Arc<Archive>, ApiError> {
        self.archive.get().await
    }
}
