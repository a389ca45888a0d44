//! The served models: found by name, loaded at start or at first use, dropped when idle or when memory is short.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::{Precision, Siglip};
use tokio::sync::watch;
use weights::{Checkpoint, Tower};

use crate::error::ApiError;
use crate::line::TooLong;
use crate::loaded::{Description, LoadedModel};
use crate::metrics::Metrics;
use crate::queue::Lane;
use crate::settings::ModelSpec;

/// What a client is told to wait for a model that loads. Most take less than a second.
const LOADING_SECONDS: u32 = 2;

/// A model that could not be loaded is not tried again for so long.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_mins(1);

/// How far a model is.
#[derive(Clone)]
pub(crate) enum State {
    /// Not in memory; when the last attempt failed, if it did.
    Cold(Option<Instant>),
    /// A thread is loading it.
    Loading,
    /// It answers.
    Ready(Arc<LoadedModel>),
}

/// A served model.
pub(crate) struct Entry {
    pub(crate) spec: ModelSpec,
    state: watch::Sender<State>,
}

impl Entry {
    /// Serves a model that was not loaded from the folder.
    #[cfg(test)]
    pub(crate) fn put(&self, model: LoadedModel) {
        self.state.send_replace(State::Ready(Arc::new(model)));
    }

    pub(crate) fn state(&self) -> State {
        self.state.borrow().clone()
    }
}

/// All served models in the operator's order.
pub(crate) struct Registry {
    entries: Vec<Arc<Entry>>,
    memory: Option<u64>,
    metrics: Arc<Metrics>,
    /// Held from the counting of memory until the model counts, so that two models do not take the same place.
    counting: Arc<Mutex<()>>,
}

impl Registry {
    pub(crate) fn new(specs: Vec<ModelSpec>, memory: Option<u64>, metrics: Arc<Metrics>) -> Self {
        let entry = |spec| Arc::new(Entry { spec, state: watch::Sender::new(State::Cold(None)) });
        let entries = specs.into_iter().map(entry).collect();
        Self { entries, memory, metrics, counting: Arc::default() }
    }

    pub(crate) fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The model of a name or an alias; the first when none is given.
    ///
    /// # Errors
    /// 404 when there is none.
    pub(crate) fn find(&self, name: Option<&str>) -> Result<&Arc<Entry>, ApiError> {
        let Some(name) = name else {
            return self.entries.first().ok_or_else(|| ApiError::internal("no model is served"));
        };
        let is = |entry: &&Arc<Entry>| {
            entry.spec.id == name || entry.spec.aliases.iter().any(|alias| alias == name)
        };
        self.entries.iter().find(is).ok_or_else(|| {
            let known = self.entries.iter().map(|entry| entry.spec.id.as_str());
            let known = known.collect::<Vec<_>>().join(", ");
            let message = format!("the model {name:?} is not served here; there are: {known}");
            ApiError::not_found("model_not_found", message).at("model")
        })
    }

    /// A model that answers; a cold one is loaded, for which the caller waits at most `patience`.
    ///
    /// # Errors
    /// 404 for an unknown name, 503 for a model that is not ready in time or cannot be loaded.
    pub(crate) async fn get(
        &self,
        name: Option<&str>,
        patience: Duration,
    ) -> Result<Arc<LoadedModel>, ApiError> {
        let entry = self.find(name)?;
        drop_if(entry, |model| !model.is_alive(), "a worker is dead");
        if let State::Ready(model) = &*entry.state.borrow() {
            model.touch();
            return Ok(Arc::clone(model));
        }
        let id = &entry.spec.id;
        // The reason has paths of this machine: it stands in the log.
        let unusable = |pause: Duration| {
            let message = format!("the model {id} cannot be loaded; the server's log says why");
            ApiError::unavailable("model_unusable", message, pause.as_secs() as u32)
        };
        if let State::Cold(Some(failed)) = entry.state()
            && let Some(pause) = PAUSE_AFTER_FAILURE.checked_sub(failed.elapsed())
        {
            return Err(unusable(pause));
        }
        let mut states = entry.state.subscribe();
        self.load(entry);
        let loading = || {
            let message =
                format!("the model {id} is being loaded; try again, or send Prefer: wait=N");
            ApiError::unavailable("model_loading", message, LOADING_SECONDS)
        };
        let settled = states.wait_for(|state| !matches!(state, State::Loading));
        match tokio::time::timeout(patience, settled).await {
            Err(_) => Err(loading()),
            Ok(state) => match &*state.expect("the entry keeps its sender") {
                State::Ready(model) => Ok(Arc::clone(model)),
                State::Loading => Err(loading()),
                State::Cold(_) => Err(unusable(PAUSE_AFTER_FAILURE)),
            },
        }
    }

    /// Begins to load a cold model on a thread of its own.
    pub(crate) fn load(&self, entry: &Arc<Entry>) {
        let began = entry.state.send_if_modified(|state| {
            let cold = matches!(state, State::Cold(_));
            if cold {
                *state = State::Loading;
            }
            cold
        });
        if !began {
            return;
        }
        let loading = Loading {
            entry: Arc::clone(entry),
            others: self.entries.clone(),
            memory: self.memory,
            metrics: Arc::clone(&self.metrics),
            counting: Arc::clone(&self.counting),
        };
        tokio::task::spawn_blocking(move || loading.run());
    }

    /// Waits until no model is being loaded. The first that was not found unusable.
    pub(crate) async fn settled(&self) -> Option<String> {
        let mut first = None;
        for entry in &self.entries {
            let mut states = entry.state.subscribe();
            let settled = states.wait_for(|state| !matches!(state, State::Loading)).await;
            let usable =
                !matches!(&*settled.expect("the entry keeps its sender"), State::Cold(Some(_)));
            if usable && first.is_none() {
                first = Some(entry.spec.id.clone());
            }
        }
        first
    }

    /// Whether some loaded model takes a lone picture, or none is loaded.
    ///
    /// # Errors
    /// The shortest wait, when all have too many.
    pub(crate) fn judge_picture(&self, longest: Duration) -> Result<(), TooLong> {
        let mut refused = None::<TooLong>;
        for entry in &self.entries {
            if let State::Ready(model) = &*entry.state.borrow() {
                match model.image_line.judge(Lane::Small, longest) {
                    Ok(()) => return Ok(()),
                    Err(found) if refused.is_none_or(|known| found.wait < known.wait) => {
                        refused = Some(found);
                    }
                    Err(_) => {}
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Drops the models that nobody used for `timeout`.
    pub(crate) fn drop_idle(&self, timeout: Duration) {
        for entry in &self.entries {
            let unused = |model: &Arc<LoadedModel>| {
                // A request that takes long uses the model all the time.
                let in_use = Arc::strong_count(model) > 1;
                if in_use {
                    model.touch();
                }
                !in_use && model.idle() >= timeout
            };
            drop_if(entry, unused, "idle");
        }
        report(&self.entries, &self.metrics);
    }
}

/// The memory for all models, which nobody else takes a part of meanwhile.
struct Memory<'a> {
    most: u64,
    _counting: MutexGuard<'a, ()>,
}

struct Loading {
    entry: Arc<Entry>,
    others: Vec<Arc<Entry>>,
    memory: Option<u64>,
    metrics: Arc<Metrics>,
    counting: Arc<Mutex<()>>,
}

impl Loading {
    fn run(&self) {
        let id = &self.entry.spec.id;
        let began = Instant::now();
        let memory = self.memory.map(|most| Memory {
            most,
            _counting: self.counting.lock().unwrap_or_else(PoisonError::into_inner),
        });
        let open = || self.open(memory.as_ref());
        let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(open));
        let state = match opened {
            Ok(Ok(model)) => {
                let seconds = began.elapsed().as_secs_f64();
                let fingerprint = &model.description.fingerprint;
                tracing::info!(model = id, fingerprint, seconds, "model loaded");
                State::Ready(Arc::new(model))
            }
            Ok(Err(error)) => {
                tracing::error!(model = id, %error, "the model cannot be loaded");
                State::Cold(Some(Instant::now()))
            }
            Err(_) => {
                tracing::error!(model = id, "loading the model panicked");
                State::Cold(Some(Instant::now()))
            }
        };
        self.entry.state.send_replace(state);
        report(&self.others, &self.metrics);
    }

    fn open(&self, memory: Option<&Memory<'_>>) -> Result<LoadedModel, model::ModelError> {
        let spec = &self.entry.spec;
        let siglip = Siglip::open(&spec.folder, &spec.options)?;
        let bytes = weight_bytes(siglip.checkpoint(), siglip.precision());
        if let Some(memory) = memory {
            self.make_room(bytes, memory);
        }
        let description = Description {
            id: spec.id.clone(),
            fingerprint: siglip.fingerprint()?,
            precision: siglip.precision().to_string(),
            bytes,
        };
        let siglip = Arc::new(siglip);
        let model = LoadedModel::start(description, siglip.clone(), &self.metrics)?;
        for problem in siglip.take_packed_cache_problems() {
            tracing::warn!(model = spec.id, %problem, "packed weights");
        }
        Ok(model)
    }

    /// Drops the least recently used models until `bytes` more fit.
    fn make_room(&self, bytes: u64, memory: &Memory<'_>) {
        loop {
            let ready = self.others.iter().filter_map(|entry| match entry.state() {
                State::Ready(model) => Some((Arc::clone(entry), model)),
                _ => None,
            });
            let ready = ready.collect::<Vec<_>>();
            let used = ready.iter().map(|(_, model)| model.description.bytes).sum::<u64>();
            if used.saturating_add(bytes) <= memory.most {
                return;
            }
            let Some((entry, _)) = ready.iter().max_by_key(|(_, model)| model.idle()) else {
                return;
            };
            drop_if(entry, |_| true, "memory is short");
        }
    }
}

/// Requests that hold the model finish with it.
fn drop_if(entry: &Entry, condition: impl Fn(&Arc<LoadedModel>) -> bool, why: &str) {
    let dropped = entry.state.send_if_modified(|state| {
        let drop = matches!(state, State::Ready(model) if condition(model));
        if drop {
            *state = State::Cold(None);
        }
        drop
    });
    if dropped {
        tracing::info!(model = entry.spec.id, why, "model dropped");
    }
}

fn report(entries: &[Arc<Entry>], metrics: &Metrics) {
    let bytes = entries.iter().filter_map(|entry| match entry.state() {
        State::Ready(model) => Some(model.description.bytes as i64),
        _ => None,
    });
    let bytes = bytes.collect::<Vec<_>>();
    metrics.models_loaded.set(bytes.len() as i64);
    metrics.model_bytes.set(bytes.iter().sum());
}

/// What the towers' parameters take; token rows stay in the mapped file.
fn weight_bytes(checkpoint: &Checkpoint, precision: Precision) -> u64 {
    let config = checkpoint.config();
    let table = (config.text.vocab_size * config.text.hidden_size) as u64;
    let parameters = checkpoint
        .tensors()
        .iter()
        .map(|tensor| tensor.shape().iter().product::<usize>() as u64)
        .sum::<u64>();
    let table = if checkpoint.has(Tower::Text) { table } else { 0 };
    let each = match precision {
        Precision::Int8 => 1,
        Precision::Bf16 => 2,
        _ => 4,
    };
    parameters.saturating_sub(table) * each
}
