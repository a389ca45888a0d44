//! `GET /v1/models`: what is served, what it takes, and what it costs.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::{Path, State};
use serde::Serialize;
use weights::Tower;

use crate::app::App;
use crate::call::{Answer, Reply};
use crate::registry::{self, Entry};
use crate::settings::Limits;

/// The served models in the operator's order.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ModelsReply {
    /// `list`.
    object: &'static str,
    data: Vec<ModelReply>,
}

/// A served model.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ModelReply {
    id: String,
    /// `model`.
    object: &'static str,
    /// When its folder was written, in seconds since 1970.
    created: i64,
    /// `polysight`.
    owned_by: &'static str,
    name: String,
    /// What it knows and what not; may be empty.
    description: String,
    /// Other names that requests may use.
    aliases: Vec<String>,
    architecture: Architecture,
    pricing: Pricing,
    limits: LimitsReply,
    /// `ready`, `loading` or `cold`.
    state: &'static str,
    /// While it is loaded.
    #[schema(required)]
    system_fingerprint: Option<String>,
    /// While it is loaded.
    #[schema(required)]
    precision: Option<String>,
    /// Numbers of an embedding, while it is loaded.
    #[schema(required)]
    dimensions: Option<usize>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Architecture {
    modality: &'static str,
    input_modalities: [&'static str; 2],
    output_modalities: [&'static str; 2],
}

/// US dollars a unit, as decimal texts.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Pricing {
    /// A token of text.
    prompt: &'static str,
    /// Nothing is generated.
    completion: &'static str,
    image: &'static str,
    request: &'static str,
}

/// What one request may hold.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LimitsReply {
    inputs: usize,
    labels: usize,
    body_bytes: u64,
    image_bytes: u64,
    image_pixels: u64,
}

impl LimitsReply {
    fn new(limits: &Limits) -> Self {
        Self {
            inputs: limits.inputs,
            labels: limits.labels,
            body_bytes: limits.body,
            image_bytes: limits.image_bytes,
            image_pixels: limits.image_pixels,
        }
    }
}

/// Without accounts nothing is charged.
const FREE: Pricing = Pricing { prompt: "0", completion: "0", image: "0", request: "0" };

pub(crate) async fn list(State(app): State<Arc<App>>) -> Answer {
    let data = app.registry.entries().iter().map(|entry| describe(&app, entry)).collect();
    Ok(Reply::new(&ModelsReply { object: "list", data }))
}

pub(crate) async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let entry = app.registry.find(Some(&id))?;
    Ok(Reply::new(&describe(&app, entry)))
}

fn describe(app: &App, entry: &Entry) -> ModelReply {
    let (state, loaded) = match entry.state() {
        registry::State::Cold(_) => ("cold", None),
        registry::State::Loading => ("loading", None),
        registry::State::Ready(model) => ("ready", Some(model)),
    };
    let dimensions = loaded.as_ref().and_then(|model| {
        let backend = &model.backend;
        backend.dimension(Tower::Vision).or_else(|| backend.dimension(Tower::Text))
    });
    ModelReply {
        id: entry.spec.id.clone(),
        object: "model",
        created: written(entry),
        owned_by: "polysight",
        name: entry.spec.id.clone(),
        description: entry.spec.description.clone(),
        aliases: entry.spec.aliases.clone(),
        architecture: Architecture {
            modality: "text+image->embedding",
            input_modalities: ["text", "image"],
            output_modalities: ["embedding", "classification"],
        },
        pricing: FREE,
        limits: LimitsReply::new(&app.limits),
        state,
        system_fingerprint: loaded.as_ref().map(|model| model.description.fingerprint.clone()),
        precision: loaded.as_ref().map(|model| model.description.precision.clone()),
        dimensions,
    }
}

fn written(entry: &Entry) -> i64 {
    let metadata = fs_err::metadata(entry.spec.folder.join("config.json"));
    let written = metadata.and_then(|metadata| metadata.modified()).ok();
    let since = written.and_then(|written| written.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_secs() as i64)
}
