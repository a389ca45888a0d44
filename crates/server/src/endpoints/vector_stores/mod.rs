//! `/v1/vector_stores`: OpenAI's, over pictures.

mod batches;
mod classify;
mod duplicates;
mod files;
mod reindex;
mod reply;
mod search;

use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::Value;
use store::{
    FileCounts, NewStoreFile, NewVectorStore, StorePage, VectorStoreChange, VectorStoreRow,
};
use weights::Tower;

use super::account::Query;
use super::page::PageFields;
use crate::accounts::now;
use crate::app::App;
use crate::archive::{Archive, Owner};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::fields::{Fields, missing, wrong};
use crate::vector_stores::{attributes_of, failed, metadata_of, require_alive};
pub(crate) use batches::{batch, batch_files, cancel_batch, create_batch};
pub(crate) use classify::{ClassifiedReply, classify_store};
pub(crate) use duplicates::{DuplicatesReply, duplicates};
pub(crate) use files::{add_file, change_file, delete_file, file, file_content, list_files};
pub(crate) use reindex::reindex;
pub(crate) use reply::{
    DeletedStoreFileReply, DeletedVectorStoreReply, FileBatchReply, StoreFileContentReply,
    StoreFileReply, StoreFilesReply, VectorStoreReply, VectorStoresReply,
};
pub(crate) use search::{SearchReply, search};

/// Things of a page when nobody says.
const PAGE: usize = 20;

/// Things of a page.
const MOST_OF_A_PAGE: usize = 100;

/// Days that a store may be left alone.
const DAYS: std::ops::RangeInclusive<usize> = 1..=365;

/// Characters of a store's name and description.
const LONGEST_NAME: usize = 256;

/// `POST /v1/vector_stores`.
pub(crate) async fn create(Owner(owner): Owner, mut call: Call) -> Answer {
    let name = name_of(&mut call.fields)?.unwrap_or_default();
    let metadata =
        metadata_of(&mut call.fields)?.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let expires_days = days_of(&mut call.fields)?;
    let files = call.fields.texts("file_ids")?.unwrap_or_default();
    let files = new_files(files, "file_ids", &no_attributes())?;
    chunking_of(&mut call.fields)?;
    let model = call.model().await?;
    let archive = call.app.archive().await?;
    let Some(dimensions) = model.backend.dimension(Tower::Vision) else {
        let message = format!("the model {} has no vision tower", model.description.id);
        return Err(ApiError::invalid("missing_tower", message).at("model"));
    };
    call.bill.reserve_for_later(&call.app, &model.description.id, files.len() as u64).await?;
    let new = NewVectorStore {
        name: &name,
        metadata: &metadata,
        model: &model.description.id,
        fingerprint: &model.description.fingerprint,
        dimensions,
        expires_days: expires_days.map(|days| days as i64),
        files: &files,
        key_id: call.bill.payer().map(|payer| payer.key.id.as_str()),
        now: now(),
    };
    let row = archive.store.create_vector_store(&owner, &new).await;
    let row = row.map_err(|error| at_file(failed(error), "file_ids"))?;
    if !files.is_empty() {
        call.app.vector_stores.wake(&call.app, &row.id);
    }
    let reply = described(&archive, row).await?;
    Ok(Reply::new(&reply).ignoring(call.fields))
}

/// `GET /v1/vector_stores`.
pub(crate) async fn list(State(app): State<Arc<App>>, Owner(owner): Owner, query: Query) -> Answer {
    let page = PageFields::take(&query, PAGE, MOST_OF_A_PAGE)?.or_before(&query);
    let archive = app.archive().await?;
    let wanted = StorePage {
        after: page.after.clone(),
        before: page.before.clone(),
        order: page.order,
        most: page.wanted(),
    };
    let rows = archive.store.vector_stores(&owner, &wanted).await.map_err(failed)?;
    let (rows, has_more) = page.cut(rows);
    let mut data = Vec::with_capacity(rows.len());
    for row in rows {
        data.push(described(&archive, row).await?);
    }
    Ok(Reply::new(&VectorStoresReply::new(data, has_more)))
}

/// `GET /v1/vector_stores/{id}`.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path(id): Path<String>,
) -> Answer {
    let archive = app.archive().await?;
    let row = archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    Ok(Reply::new(&described(&archive, row).await?))
}

/// `POST /v1/vector_stores/{id}`.
pub(crate) async fn update(Owner(owner): Owner, Path(id): Path<String>, mut call: Call) -> Answer {
    let fields = &mut call.fields;
    let name = name_of(fields)?;
    let metadata = metadata_of(fields)?;
    let keeps = !fields.names("expires_after");
    let days = days_of(fields)?.map(|days| days as i64);
    let change = VectorStoreChange {
        name: name.as_deref(),
        metadata: metadata.as_ref(),
        expires_days: if keeps { None } else { Some(days) },
    };
    let archive = call.app.archive().await?;
    let row = archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    require_alive(&row, now())?;
    let row = archive.store.change_vector_store(&owner, &id, &change, now()).await;
    let reply = described(&archive, row.map_err(failed)?).await?;
    Ok(Reply::new(&reply).ignoring(call.fields))
}

/// `DELETE /v1/vector_stores/{id}`.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path(id): Path<String>,
) -> Answer {
    let archive = app.archive().await?;
    archive.store.delete_vector_store(&owner, &id).await.map_err(failed)?;
    app.vector_stores.wake(&app, &id);
    Ok(Reply::new(&DeletedVectorStoreReply::new(id)))
}

/// A store with what it has.
async fn described(archive: &Archive, row: VectorStoreRow) -> Result<VectorStoreReply, ApiError> {
    let counts = if row.is_expired {
        FileCounts::default()
    } else {
        archive.store.file_counts(&row.id).await.map_err(failed)?
    };
    let moved = match &row.next {
        Some(next) => archive.store.files_moved(&row.id, next.number).await.map_err(failed)?,
        None => 0,
    };
    Ok(VectorStoreReply::new(row, counts, moved, now()))
}

fn name_of(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    // Nobody reads it, and OpenAI's clients may send it.
    fields.pass_over(&["description"]);
    let Some(name) = fields.text("name")? else { return Ok(None) };
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let message =
            format!("name has at most {LONGEST_NAME} characters, none of them a control character");
        return Err(ApiError::invalid("invalid_value", message).at("name"));
    }
    Ok(Some(name))
}

/// Takes `expires_after`.
fn days_of(fields: &mut Fields) -> Result<Option<usize>, ApiError> {
    let Some(value) = fields.take("expires_after") else { return Ok(None) };
    let mut fields = Fields::inner(value, "expires_after")?;
    if fields.word("anchor", &["last_active_at"])?.is_none() {
        return Err(missing("expires_after.anchor", "last_active_at"));
    }
    let days = fields.whole("days", DAYS)?;
    days.map(Some).ok_or_else(|| missing("expires_after.days", "a whole number from 1 to 365"))
}

/// Takes `chunking_strategy`, which has no effect: a file is one vector.
fn chunking_of(fields: &mut Fields) -> Result<(), ApiError> {
    let place = fields.place("chunking_strategy");
    match fields.take("chunking_strategy") {
        None => Ok(()),
        Some(value @ Value::Object(_)) => {
            let mut inner = Fields::inner(value, &place)?;
            inner.word("type", &["auto", "static", "other"]).map(drop)
        }
        Some(other) => Err(wrong(&place, &other, "an object")),
    }
}

fn no_attributes() -> Value {
    Value::Object(serde_json::Map::new())
}

/// Files that are added with the same attributes.
fn new_files(
    ids: Vec<String>,
    place: &str,
    attributes: &Value,
) -> Result<Vec<NewStoreFile>, ApiError> {
    let most = store::MOST_FILES_AT_ONCE;
    if ids.len() > most {
        let message = format!("{place}: {} files; the limit is {most}", ids.len());
        return Err(ApiError::invalid("too_many_files", message).at(place));
    }
    let new = |file_id| NewStoreFile { file_id, attributes: attributes.clone() };
    Ok(ids.into_iter().map(new).collect())
}

/// A file that is not there, where it was named.
fn at_file(error: ApiError, place: &str) -> ApiError {
    if error.code() == "file_not_found" { error.at(place) } else { error }
}

/// The attributes of one file, and what else may stand beside them.
fn file_fields(fields: &mut Fields) -> Result<NewStoreFile, ApiError> {
    let place = fields.place("file_id");
    let file_id = fields.text("file_id")?.ok_or_else(|| missing(&place, "the id of a file"))?;
    let attributes = attributes_of(fields)?;
    chunking_of(fields)?;
    Ok(NewStoreFile { file_id, attributes })
}
