//! One file for each dialect's endpoint: its fields, and the shape of its reply.

pub(crate) mod account;
pub(crate) mod batches;
pub(crate) mod chat;
pub(crate) mod classify;
pub(crate) mod embeddings;
pub(crate) mod files;
pub(crate) mod huggingface;
pub(crate) mod label_sets;
pub(crate) mod models;
pub(crate) mod moderations;
pub(crate) mod operations;
mod page;
pub(crate) mod rerank;
pub(crate) mod score;
pub(crate) mod vector_stores;

use std::sync::Arc;

use crate::call::Call;
use crate::classification::Usage;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::input::Part;
use crate::labels::Counted;
use crate::loaded::LoadedModel;
use crate::work::{self, Embedded, Kind, Times};

/// What becomes of the other inputs when one fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// The request fails.
    Fail,
    /// The item is an error object.
    Item,
}

impl OnError {
    fn take(fields: &mut Fields) -> Result<Self, ApiError> {
        Ok(match fields.word("on_error", &["fail", "item"])? {
            Some("item") => Self::Item,
            _ => Self::Fail,
        })
    }

    /// A row for each part. With [`Fail`](Self::Fail) the first error ends the work. The errors of items are counted here,
    /// that of a request where it leaves.
    async fn embed(
        self,
        call: &Call,
        model: &Arc<LoadedModel>,
        parts: Vec<Part>,
    ) -> Result<Vec<Result<Embedded, ApiError>>, ApiError> {
        match self {
            Self::Fail => {
                let rows = work::embed_all(call, model, parts).await?;
                Ok(rows.into_iter().map(Ok).collect())
            }
            Self::Item => {
                let rows = work::embed_each(call, model, parts).await?;
                let errors = rows.iter().filter_map(|row| row.as_ref().err());
                errors.for_each(|error| call.app.metrics.error(error.code()));
                Ok(rows)
            }
        }
    }
}

/// What good inputs took.
fn usage<'a>(call: &Call, rows: impl IntoIterator<Item = &'a Embedded>) -> Usage {
    let mut usage = Usage { cost: call.bill.cost(), ..Usage::default() };
    for row in rows {
        usage.prompt_tokens += row.tokens;
        if row.kind == Kind::Image {
            usage.images += 1;
            usage.cached_images += usize::from(row.cached);
        }
    }
    usage.total_tokens = usage.prompt_tokens;
    usage
}

/// The same and the labels.
fn usage_with<'a>(
    call: &Call,
    rows: impl IntoIterator<Item = &'a Embedded>,
    counted: Counted,
) -> Usage {
    let mut usage = usage(call, rows);
    usage.prompt_tokens += counted.tokens;
    usage.total_tokens = usage.prompt_tokens;
    usage.labels = counted.labels;
    usage.cached_labels = counted.cached;
    usage
}

fn times<'a>(rows: impl IntoIterator<Item = &'a Embedded>) -> Times {
    rows.into_iter().fold(Times::default(), |times, row| times.longest(row.times))
}

/// Of two rows of length 1 from the same tower: 0 is opposite, 1 is the same.
fn likeness(a: &[f32], b: &[f32]) -> f32 {
    f32::midpoint(1.0, model::cosine(a, b)).clamp(0.0, 1.0)
}
