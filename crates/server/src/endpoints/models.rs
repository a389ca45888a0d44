//! `GET /v1/models`: what is served, what it takes, and what it costs.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::{Path, State};
use ledger::{MicroDollars, Prices};
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
    /// A token of text: texts are charged by the piece, whatever their length.
    prompt: &'static str,
    /// Nothing is generated.
    completion: &'static str,
    /// A picture that is not in the cache.
    image: String,
    /// A call.
    request: String,
    /// A text that is no label.
    text: String,
}

impl Pricing {
    /// Without accounts nothing is charged.
    fn of(app: &App, model: &str) -> Self {
        let accounts = app.accounts.as_ref();
        let prices = accounts.map_or(Prices::default(), |accounts| accounts.prices(model));
        Self {
            prompt: "0",
            completion: "0",
            image: a_unit(prices.images),
            request: a_unit(prices.requests),
            text: a_unit(prices.texts),
        }
    }
}

/// Dollars for one of a thousand.
fn a_unit(thousand: MicroDollars) -> String {
    let digits = format!("{:010}", thousand.get());
    let (whole, fraction) = digits.split_at(digits.len() - 9);
    let price = format!("{whole}.{fraction}");
    price.trim_end_matches('0').trim_end_matches('.').to_owned()
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
        pricing: Pricing::of(app, &entry.spec.id),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_of_a_thousand_is_written_for_one() {
        let unit = |thousand| a_unit(MicroDollars::new(thousand));
        assert_eq!(unit(94_000), "0.000094");
        assert_eq!(unit(1), "0.000000001");
        assert_eq!(unit(0), "0");
        assert_eq!(unit(2_500_000_000), "2.5");
    }
}
