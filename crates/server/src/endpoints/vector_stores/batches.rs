//! `/v1/vector_stores/{id}/file_batches`: files that are added together.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::Value;
use store::NewStoreFile;

use super::super::account::Query;
use super::files::page_of;
use super::reply::FileBatchReply;
use super::{at_file, chunking_of, file_fields, new_files};
use crate::accounts::now;
use crate::app::App;
use crate::archive::Owner;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::fields::{Fields, missing};
use crate::vector_stores::{attributes_of, failed, require_alive};

/// `POST /v1/vector_stores/{id}/file_batches`.
pub(crate) async fn create_batch(
    Owner(owner): Owner,
    Path(id): Path<String>,
    mut call: Call,
) -> Answer {
    let files = files_of(&mut call.fields)?;
    let archive = call.app.archive().await?;
    let store = archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    require_alive(&store, now())?;
    call.bill.reserve_for_later(&call.app, &store.model, files.len() as u64).await?;
    let key = call.bill.payer().map(|payer| payer.key.id.as_str());
    let row = archive.store.create_store_batch(&owner, &id, key, &files, now()).await;
    let row = row.map_err(|error| at_file(failed(error), "file_ids"))?;
    archive.store.touch_vector_store(&id, now()).await.map_err(failed)?;
    call.app.vector_stores.wake(&call.app, &id);
    Ok(Reply::new(&FileBatchReply::new(row)).ignoring(call.fields))
}

/// `file_ids` with the same attributes, or `files` with attributes of their own.
fn files_of(fields: &mut Fields) -> Result<Vec<NewStoreFile>, ApiError> {
    let ids = fields.texts("file_ids")?;
    let own = fields.list("files")?;
    let attributes = attributes_of(fields)?;
    chunking_of(fields)?;
    let files = match (ids, own) {
        (Some(_), Some(_)) => {
            let message = "file_ids and files exclude each other";
            return Err(ApiError::invalid("invalid_value", message).at("files"));
        }
        (None, None) => return Err(missing("file_ids", "a list of ids of files")),
        (Some(ids), None) => new_files(ids, "file_ids", &attributes)?,
        (None, Some(own)) => own_files(own)?,
    };
    if files.is_empty() {
        let message = "the batch has no files; give one at least";
        return Err(ApiError::invalid("empty_input", message).at("file_ids"));
    }
    Ok(files)
}

fn own_files(values: Vec<Value>) -> Result<Vec<NewStoreFile>, ApiError> {
    let most = store::MOST_FILES_AT_ONCE;
    if values.len() > most {
        let message = format!("files: {} files; the limit is {most}", values.len());
        return Err(ApiError::invalid("too_many_files", message).at("files"));
    }
    let file = |(index, value)| file_fields(&mut Fields::inner(value, &format!("files[{index}]"))?);
    values.into_iter().enumerate().map(file).collect()
}

/// `GET /v1/vector_stores/{id}/file_batches/{batch_id}`.
pub(crate) async fn batch(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path((id, batch)): Path<(String, String)>,
) -> Answer {
    let archive = app.archive().await?;
    archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    let row = archive.store.store_batch(&id, &batch).await.map_err(failed)?;
    Ok(Reply::new(&FileBatchReply::new(row)))
}

/// `POST /v1/vector_stores/{id}/file_batches/{batch_id}/cancel`; clients send no body.
pub(crate) async fn cancel_batch(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path((id, batch)): Path<(String, String)>,
) -> Answer {
    let archive = app.archive().await?;
    archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    let row = archive.store.cancel_store_batch(&id, &batch, now()).await.map_err(failed)?;
    app.vector_stores.wake(&app, &id);
    Ok(Reply::new(&FileBatchReply::new(row)))
}

/// `GET /v1/vector_stores/{id}/file_batches/{batch_id}/files`.
pub(crate) async fn batch_files(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path((id, batch)): Path<(String, String)>,
    query: Query,
) -> Answer {
    let archive = app.archive().await?;
    archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    archive.store.store_batch(&id, &batch).await.map_err(failed)?;
    page_of(&archive, &id, Some(batch), &query).await
}
