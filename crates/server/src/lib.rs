//! polysight's HTTP API: parse, admit, batch, answer.
//!
//! The way of a request: [`router`] -> `layers` (id, timeout, key, rate, with accounts the
//! `bill`) -> `call` (body) -> an endpoint (`input`, `labels`) -> `work` (fetch, cache, admission, the hold on the
//! ledger, decode) -> `queue` (one batch at a time for each tower) -> the engine -> the endpoint's reply -> the bill is
//! settled. One direction; an error leaves through `error` alone.
//!
//! What this crate does not know: how a tower computes, where model folders come from, the environment, the command
//! line.
#![forbid(unsafe_code)]

mod accounts;
mod admission;
mod app;
mod archive;
mod auth;
mod backend;
mod batches;
mod bill;
mod caches;
mod call;
mod classification;
mod endpoints;
mod error;
#[cfg(test)]
mod fake;
pub mod fetch;
mod fields;
mod health;
mod input;
mod label_sets;
mod labels;
mod layers;
mod line;
mod listen;
mod loaded;
mod mail;
mod metrics;
mod multipart;
mod openapi;
mod pages;
mod queue;
mod rate;
mod registry;
mod router;
mod run;
mod settings;
mod uploads;
mod vector_stores;
mod wire;
mod work;

pub use classification::{ClassifyReply, Head, Item, Prediction, ScoreMode, Selection, Usage};
pub use endpoints::account::usage::usage_csv;
pub use error::{ErrorObject, image_error_code};
pub use run::{ServerError, Serving, Working, run, work};
pub use settings::{
    AccountSettings, Admission, ApiKey, ArchiveSettings, Auth, CacheSizes, Limits, Loading,
    ModelSpec, ModerationCategory, Rates, Settings, SignUp, Smtp, Storage, TlsFiles,
};
