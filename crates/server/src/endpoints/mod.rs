//! One file for each dialect's endpoint: its fields, and the shape of its reply.

pub(crate) mod chat;
pub(crate) mod classify;
pub(crate) mod embeddings;
pub(crate) mod huggingface;
pub(crate) mod models;
pub(crate) mod moderations;
pub(crate) mod operations;
pub(crate) mod rerank;
pub(crate) mod score;

use crate::classification::Usage;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::labels::Vectors;
use crate::metrics::Metrics;
use crate::work::{Embedded, Kind, Times};

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

    /// The rows, or with [`Fail`](Self::Fail) the first error. The errors of items are counted here, that of a request
    /// where it leaves.
    fn judge(
        self,
        metrics: &Metrics,
        rows: Vec<Result<Embedded, ApiError>>,
    ) -> Result<Vec<Result<Embedded, ApiError>>, ApiError> {
        match self {
            Self::Item => {
                let errors = rows.iter().filter_map(|row| row.as_ref().err());
                errors.for_each(|error| metrics.error(error.code()));
                Ok(rows)
            }
            Self::Fail => rows
                .into_iter()
                .collect::<Result<Vec<_>, _>>()
                .map(|rows| rows.into_iter().map(Ok).collect()),
        }
    }
}

/// What good inputs took.
fn usage<'a>(rows: impl IntoIterator<Item = &'a Embedded>) -> Usage {
    let mut usage = Usage::default();
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
fn usage_with<'a>(rows: impl IntoIterator<Item = &'a Embedded>, labels: &Vectors) -> Usage {
    let mut usage = usage(rows);
    usage.prompt_tokens += labels.tokens;
    usage.total_tokens = usage.prompt_tokens;
    usage.labels = labels.rows.names().len();
    usage.cached_labels = labels.cached;
    usage
}

fn times<'a>(rows: impl IntoIterator<Item = &'a Embedded>) -> Times {
    rows.into_iter().fold(Times::default(), |times, row| times.longest(row.times))
}

/// Of two rows of length 1 from the same tower: 0 is opposite, 1 is the same.
fn likeness(a: &[f32], b: &[f32]) -> f32 {
    f32::midpoint(1.0, model::cosine(a, b)).clamp(0.0, 1.0)
}
