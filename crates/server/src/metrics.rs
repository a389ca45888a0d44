//! What Prometheus is told.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    path: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    model: String,
    tower: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    cache: &'static str,
}

/// The numbers of one queue.
#[derive(Clone)]
pub(crate) struct QueueMetrics {
    /// Items in the queue.
    pub(crate) waiting: Gauge,
    /// Items of a batch.
    pub(crate) batch_size: Histogram,
    /// Seconds of an item in the queue.
    pub(crate) wait: Histogram,
    /// Seconds of a batch in the engine.
    pub(crate) engine: Histogram,
    /// Items computed: pictures or texts.
    pub(crate) done: Counter,
}

impl Default for QueueMetrics {
    fn default() -> Self {
        Self {
            waiting: Gauge::default(),
            batch_size: batch_sizes(),
            wait: seconds(),
            engine: seconds(),
            done: Counter::default(),
        }
    }
}

/// The numbers of one cache.
#[derive(Clone, Debug, Default)]
pub(crate) struct CacheMetrics {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) bytes: Gauge,
}

/// A stage on the way of a request, apart from those of the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The body's way over the network.
    Read,
    /// Fetching the URL of a picture.
    Fetch,
    /// Decoding and resizing a picture.
    Decode,
    /// The whole request.
    Total,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Fetch => "fetch",
            Self::Decode => "decode",
            Self::Total => "total",
        }
    }
}

/// All numbers of the server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    errors: Family<CodeLabels, Counter>,
    stages: Family<StageLabels, Histogram, fn() -> Histogram>,
    waiting: Family<QueueLabels, Gauge>,
    batch_size: Family<QueueLabels, Histogram, fn() -> Histogram>,
    wait: Family<QueueLabels, Histogram, fn() -> Histogram>,
    engine: Family<QueueLabels, Histogram, fn() -> Histogram>,
    done: Family<QueueLabels, Counter>,
    cache_hits: Family<CacheLabels, Counter>,
    cache_misses: Family<CacheLabels, Counter>,
    cache_bytes: Family<CacheLabels, Gauge>,
    pub(crate) in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) waiting_pixels: Gauge,
    pub(crate) body_bytes: Gauge,
    pub(crate) models_loaded: Gauge,
    pub(crate) model_bytes: Gauge<i64>,
    pub(crate) files: Gauge,
    pub(crate) file_bytes: Gauge,
    pub(crate) batch_lines: Counter,
    pub(crate) panics: Counter<u64, AtomicU64>,
}

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        let mut metrics = Self {
            registry: Registry::with_prefix("polysight"),
            requests: Family::default(),
            errors: Family::default(),
            stages: Family::new_with_constructor(seconds),
            waiting: Family::default(),
            batch_size: Family::new_with_constructor(batch_sizes),
            wait: Family::new_with_constructor(seconds),
            engine: Family::new_with_constructor(seconds),
            done: Family::default(),
            cache_hits: Family::default(),
            cache_misses: Family::default(),
            cache_bytes: Family::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            waiting_pixels: Gauge::default(),
            body_bytes: Gauge::default(),
            models_loaded: Gauge::default(),
            model_bytes: Gauge::default(),
            files: Gauge::default(),
            file_bytes: Gauge::default(),
            batch_lines: Counter::default(),
            panics: Counter::default(),
        };
        metrics.register();
        Arc::new(metrics)
    }

    fn register(&mut self) {
        let all = &mut self.registry;
        all.register("requests", "Requests answered", self.requests.clone());
        all.register(
            "errors",
            "Errors by code, of requests and of single inputs",
            self.errors.clone(),
        );
        let help = "Time of a stage";
        all.register_with_unit("stage", help, Unit::Seconds, self.stages.clone());
        all.register("queue_items", "Items waiting for the engine", self.waiting.clone());
        all.register("batch_size", "Items of a batch", self.batch_size.clone());
        let help = "Time of an item in the queue";
        all.register_with_unit("queue_wait", help, Unit::Seconds, self.wait.clone());
        let help = "Time of a batch in the engine";
        all.register_with_unit("engine_batch", help, Unit::Seconds, self.engine.clone());
        all.register("embedded", "Pictures and texts computed", self.done.clone());
        all.register("cache_hits", "Vectors taken from a cache", self.cache_hits.clone());
        all.register("cache_misses", "Vectors not in a cache", self.cache_misses.clone());
        all.register("cache_bytes", "Bytes of a cache", self.cache_bytes.clone());
        all.register("requests_in_flight", "Requests being answered", self.in_flight.clone());
        all.register("connections", "Open connections", self.connections.clone());
        let help = "Pixels of pictures that are not embedded yet";
        all.register("waiting_pixels", help, self.waiting_pixels.clone());
        all.register("body_bytes", "Bytes of bodies in memory", self.body_bytes.clone());
        all.register("models_loaded", "Models in memory", self.models_loaded.clone());
        all.register("model_bytes", "Bytes of loaded weights", self.model_bytes.clone());
        all.register("files", "Files that were uploaded", self.files.clone());
        let help = "Bytes of files in storage, equal contents once";
        all.register("file_bytes", help, self.file_bytes.clone());
        all.register("batch_lines", "Lines of batches answered here", self.batch_lines.clone());
        all.register("panics", "Requests that a bug of the server ended", self.panics.clone());
    }

    /// In the text format of `OpenMetrics` 1.0.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            text.clear();
            let _infallible = writeln!(text, "# EOF");
        }
        text
    }

    pub(crate) fn request(&self, path: &'static str, status: u16, duration: Duration) {
        self.requests.get_or_create(&RequestLabels { path, status }).inc();
        self.stage(Stage::Total, duration);
    }

    pub(crate) fn error(&self, code: &'static str) {
        self.errors.get_or_create(&CodeLabels { code }).inc();
    }

    pub(crate) fn stage(&self, stage: Stage, duration: Duration) {
        let labels = StageLabels { stage: stage.name() };
        self.stages.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    pub(crate) fn queue(&self, model: &str, tower: &'static str) -> QueueMetrics {
        let labels = QueueLabels { model: model.to_owned(), tower };
        QueueMetrics {
            waiting: self.waiting.get_or_create_owned(&labels),
            batch_size: self.batch_size.get_or_create_owned(&labels),
            wait: self.wait.get_or_create_owned(&labels),
            engine: self.engine.get_or_create_owned(&labels),
            done: self.done.get_or_create_owned(&labels),
        }
    }

    pub(crate) fn cache(&self, cache: &'static str) -> CacheMetrics {
        let labels = CacheLabels { cache };
        CacheMetrics {
            hits: self.cache_hits.get_or_create_owned(&labels),
            misses: self.cache_misses.get_or_create_owned(&labels),
            bytes: self.cache_bytes.get_or_create_owned(&labels),
        }
    }
}

/// From a quarter of a millisecond to more than a minute.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 2.0, 19))
}

fn batch_sizes() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 7))
}
