//! `/v1/batches`: OpenAI's.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::Value;
use store::{BatchRow, BatchStatus, NewBatch, StoreError};

use super::account::Query;
use super::files::EXPIRES_AFTER;
use super::page::PageFields;
use crate::accounts::now;
use crate::app::App;
use crate::archive::Owner;
use crate::batches::{ENDPOINTS, LineError, MOST_BYTES, WINDOW};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::fields::{Fields, missing};
use crate::uploads;

/// Batches of a list when nobody says.
const LISTED: usize = 20;

/// Batches of a list.
const MOST_LISTED: usize = 100;

/// Pairs of metadata, and characters of their names and values.
const MOST_PAIRS: usize = 16;
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 512;

/// A batch. Times are seconds since 1970.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BatchObject {
    id: String,
    /// `batch`.
    object: &'static str,
    endpoint: String,
    /// What is wrong with the input of a failed batch.
    #[schema(required)]
    errors: Option<BatchErrors>,
    input_file_id: String,
    /// `24h`.
    completion_window: &'static str,
    /// `validating`, `failed`, `in_progress`, `finalizing`, `completed`, `expired`, `cancelling` or `cancelled`.
    status: &'static str,
    /// The file of good answers.
    #[schema(required)]
    output_file_id: Option<String>,
    /// The file of errors, and of lines that were not answered.
    #[schema(required)]
    error_file_id: Option<String>,
    created_at: i64,
    #[schema(required)]
    in_progress_at: Option<i64>,
    expires_at: i64,
    #[schema(required)]
    finalizing_at: Option<i64>,
    #[schema(required)]
    completed_at: Option<i64>,
    #[schema(required)]
    failed_at: Option<i64>,
    #[schema(required)]
    expired_at: Option<i64>,
    #[schema(required)]
    cancelling_at: Option<i64>,
    #[schema(required)]
    cancelled_at: Option<i64>,
    request_counts: RequestCounts,
    #[schema(required)]
    metadata: Option<BTreeMap<String, String>>,
}

/// What is wrong with an input.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BatchErrors {
    /// `list`.
    object: &'static str,
    data: Vec<LineError>,
}

/// Lines of a batch.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RequestCounts {
    total: u64,
    completed: u64,
    failed: u64,
}

/// Batches.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BatchesReply {
    /// `list`.
    object: &'static str,
    data: Vec<BatchObject>,
    #[schema(required)]
    first_id: Option<String>,
    #[schema(required)]
    last_id: Option<String>,
    has_more: bool,
}

impl BatchObject {
    fn new(row: BatchRow) -> Self {
        let seconds = |time: Option<i64>| time.map(|time| time.div_euclid(1000));
        let errors = row.errors.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let metadata = row.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Self {
            id: row.id,
            object: "batch",
            endpoint: row.endpoint,
            errors: errors.map(|data| BatchErrors { object: "list", data }),
            input_file_id: row.input_file_id,
            completion_window: "24h",
            status: row.status.name(),
            output_file_id: row.output_file_id,
            error_file_id: row.error_file_id,
            created_at: row.created_at.div_euclid(1000),
            in_progress_at: seconds(row.in_progress_at),
            expires_at: row.expires_at.div_euclid(1000),
            finalizing_at: seconds(row.finalizing_at),
            completed_at: seconds(row.completed_at),
            failed_at: seconds(row.failed_at),
            expired_at: seconds(row.expired_at),
            cancelling_at: seconds(row.cancelling_at),
            cancelled_at: seconds(row.cancelled_at),
            request_counts: RequestCounts {
                total: row.lines,
                completed: row.completed,
                failed: row.failed,
            },
            metadata,
        }
    }
}

/// `POST /v1/batches`.
pub(crate) async fn create(Owner(owner): Owner, mut call: Call) -> Answer {
    let fields = &mut call.fields;
    let file = fields.text("input_file_id")?;
    let file =
        file.ok_or_else(|| missing("input_file_id", "the id of a file of the purpose batch"))?;
    let endpoint = fields.word("endpoint", &ENDPOINTS)?;
    let endpoint =
        endpoint.ok_or_else(|| missing("endpoint", &format!("one of {}", ENDPOINTS.join(", "))))?;
    if fields.word("completion_window", &["24h"])?.is_none() {
        return Err(missing("completion_window", "24h"));
    }
    let metadata = fields.take("metadata").as_ref().map(metadata).transpose()?;
    let after = fields.take("output_expires_after").map(expires_after).transpose()?;
    let archive = call.app.archive().await?;
    archive.blobs()?;
    let now = now();
    let input = archive.store.file(&owner, &file, now).await;
    let input = input.map_err(|error| uploads::failed(error).at("input_file_id"))?;
    if input.purpose != "batch" {
        let message = format!("the file is for {}; upload it for batch", input.purpose);
        return Err(ApiError::invalid("invalid_purpose", message).at("input_file_id"));
    }
    if input.bytes > MOST_BYTES {
        let message = format!(
            "the file has {} bytes; the limit of a batch's input is {MOST_BYTES}",
            input.bytes
        );
        return Err(ApiError::too_large("batch_too_large", message).at("input_file_id"));
    }
    let new = NewBatch {
        owner: &owner,
        key_id: call.bill.payer().map_or("", |payer| &payer.key.id),
        endpoint,
        input: &input,
        metadata,
        output_expires_after: after,
        expires_at: now + WINDOW,
        now,
    };
    let row = archive.store.create_batch(&new).await.map_err(failed)?;
    Ok(Reply::new(&BatchObject::new(row)).ignoring(call.fields))
}

/// The caller's own pairs, as JSON.
fn metadata(value: &Value) -> Result<String, ApiError> {
    let fits = |(name, value): (&String, &Value)| {
        let value = value.as_str().is_some_and(|value| value.chars().count() <= LONGEST_VALUE);
        value && name.chars().count() <= LONGEST_NAME
    };
    match value.as_object() {
        Some(pairs) if pairs.len() <= MOST_PAIRS && pairs.iter().all(fits) => Ok(value.to_string()),
        _ => {
            let message = format!(
                "metadata must be an object of at most {MOST_PAIRS} texts, with names of at most {LONGEST_NAME} \
                 characters and values of at most {LONGEST_VALUE}"
            );
            Err(ApiError::invalid("invalid_value", message).at("metadata"))
        }
    }
}

/// Seconds.
fn expires_after(value: Value) -> Result<i64, ApiError> {
    let mut fields = Fields::inner(value, "output_expires_after")?;
    if fields.word("anchor", &["created_at"])?.is_none() {
        return Err(missing("output_expires_after.anchor", "created_at"));
    }
    let (least, most) = EXPIRES_AFTER.into_inner();
    let range = usize::try_from(least).unwrap_or(0)..=usize::try_from(most).unwrap_or(usize::MAX);
    let seconds = fields.whole("seconds", range)?;
    let seconds = seconds.ok_or_else(|| missing("output_expires_after.seconds", "a number"))?;
    Ok(i64::try_from(seconds).unwrap_or(most))
}

/// `GET /v1/batches`: `limit`, `after`.
pub(crate) async fn list(State(app): State<Arc<App>>, Owner(owner): Owner, query: Query) -> Answer {
    let page = PageFields::take(&query, LISTED, MOST_LISTED)?;
    let archive = app.archive().await?;
    let rows = archive.store.batches(&owner, page.after.as_deref(), page.wanted() as u32).await;
    let (rows, has_more) = page.cut(rows.map_err(|error| failed(error).at("after"))?);
    let data = rows.into_iter().map(BatchObject::new).collect::<Vec<_>>();
    let id = |batch: Option<&BatchObject>| batch.map(|batch| batch.id.clone());
    let reply = BatchesReply {
        object: "list",
        first_id: id(data.first()),
        last_id: id(data.last()),
        data,
        has_more,
    };
    Ok(Reply::new(&reply))
}

/// `GET /v1/batches/{id}`.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path(id): Path<String>,
) -> Answer {
    let row = app.archive().await?.store.batch(&owner, &id).await.map_err(failed)?;
    Ok(Reply::new(&BatchObject::new(row)))
}

/// `POST /v1/batches/{id}/cancel`.
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path(id): Path<String>,
) -> Answer {
    let archive = app.archive().await?;
    let row = archive.store.cancel_batch(&owner, &id, now()).await.map_err(failed)?;
    if !matches!(row.status, BatchStatus::Cancelling | BatchStatus::Cancelled) {
        let message = format!("the batch is {} and can no longer be cancelled", row.status.name());
        return Err(ApiError::invalid("batch_not_cancellable", message).at("id"));
    }
    Ok(Reply::new(&BatchObject::new(row)))
}

/// What the store says of batches, as the API says it.
fn failed(error: StoreError) -> ApiError {
    match error {
        // The very same words for another account's.
        StoreError::Missing { what: "batch", id } => {
            let id = id.chars().take(80).collect::<String>();
            ApiError::not_found("batch_not_found", format!("there is no batch {id:?}")).at("id")
        }
        StoreError::Missing { .. } => uploads::failed(error).at("input_file_id"),
        StoreError::Full { .. } => {
            ApiError::busy("too_many_batches", format!("{error}; wait until one has"), 60)
        }
        other => uploads::failed(other),
    }
}
