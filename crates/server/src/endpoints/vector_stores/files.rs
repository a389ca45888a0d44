//! `/v1/vector_stores/{id}/files`: what is in a store.

use std::sync::Arc;

use axum::extract::{Path, State};
use store::{FileStatus, NewStoreFile, StoreFilePage, VectorStoreRow};

use super::super::account::Query;
use super::super::page::PageFields;
use super::reply::{DeletedStoreFileReply, StoreFileContentReply, StoreFileReply, StoreFilesReply};
use super::{MOST_OF_A_PAGE, PAGE, at_file, file_fields};
use crate::accounts::now;
use crate::app::App;
use crate::archive::{Archive, Owner};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::fields::missing;
use crate::vector_stores::{attributes_of, failed, freshen, require_alive};

/// `POST /v1/vector_stores/{id}/files`.
pub(crate) async fn add_file(
    Owner(owner): Owner,
    Path(id): Path<String>,
    mut call: Call,
) -> Answer {
    let new = file_fields(&mut call.fields)?;
    let archive = call.app.archive().await?;
    let store = archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    require_alive(&store, now())?;
    call.bill.reserve_for_later(&call.app, &store.model, 1).await?;
    add(&call, &archive, &owner, &store, std::slice::from_ref(&new), "file_id").await?;
    let row = archive.store.store_file(&id, &new.file_id).await.map_err(failed)?;
    Ok(Reply::new(&StoreFileReply::new(row)).ignoring(call.fields))
}

/// Adds files, and has them looked after.
async fn add(
    call: &Call,
    archive: &Arc<Archive>,
    owner: &store::Owner,
    store: &VectorStoreRow,
    files: &[NewStoreFile],
    place: &str,
) -> Result<(), ApiError> {
    let key = call.bill.payer().map(|payer| payer.key.id.as_str());
    let added = archive.store.add_store_files(owner, &store.id, key, files, now()).await;
    added.map_err(|error| at_file(failed(error), place))?;
    archive.store.touch_vector_store(&store.id, now()).await.map_err(failed)?;
    call.app.vector_stores.wake(&call.app, &store.id);
    Ok(())
}

/// `GET /v1/vector_stores/{id}/files`.
pub(crate) async fn list_files(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    let archive = app.archive().await?;
    archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    page_of(&archive, &id, None, &query).await
}

/// A page of a store's or a batch's files.
pub(super) async fn page_of(
    archive: &Archive,
    store: &str,
    batch: Option<String>,
    query: &Query,
) -> Answer {
    let page = PageFields::take(query, PAGE, MOST_OF_A_PAGE)?.or_before(query);
    let all =
        [FileStatus::InProgress, FileStatus::Completed, FileStatus::Failed, FileStatus::Cancelled];
    let status = match query.text("filter") {
        None => None,
        Some(name) => {
            let found = all.into_iter().find(|status| status.name() == name);
            Some(found.ok_or_else(|| {
                let known = all.map(FileStatus::name).join(", ");
                let message = format!("filter must be one of {known}");
                ApiError::invalid("invalid_value", message).at("filter")
            })?)
        }
    };
    let wanted = StoreFilePage {
        batch,
        status,
        after: page.after.clone(),
        before: page.before.clone(),
        order: page.order,
        most: page.wanted(),
    };
    let rows = archive.store.store_files(store, &wanted).await.map_err(failed)?;
    let (rows, has_more) = page.cut(rows);
    Ok(Reply::new(&StoreFilesReply::new(rows, has_more)))
}

/// `GET /v1/vector_stores/{id}/files/{file_id}`.
pub(crate) async fn file(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path((id, file)): Path<(String, String)>,
) -> Answer {
    let archive = app.archive().await?;
    archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    let row = archive.store.store_file(&id, &file).await.map_err(failed)?;
    Ok(Reply::new(&StoreFileReply::new(row)))
}

/// `POST /v1/vector_stores/{id}/files/{file_id}`: other attributes.
pub(crate) async fn change_file(
    Owner(owner): Owner,
    Path((id, file)): Path<(String, String)>,
    mut call: Call,
) -> Answer {
    if !call.fields.names("attributes") {
        return Err(missing("attributes", "an object of names and values, or null"));
    }
    let attributes = attributes_of(&mut call.fields)?;
    let archive = call.app.archive().await?;
    let store = archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    require_alive(&store, now())?;
    let row = archive.store.change_store_file(&id, &file, &attributes).await.map_err(failed)?;
    freshen(&call.app, &archive, &store).await?;
    archive.store.touch_vector_store(&id, now()).await.map_err(failed)?;
    Ok(Reply::new(&StoreFileReply::new(row)).ignoring(call.fields))
}

/// `DELETE /v1/vector_stores/{id}/files/{file_id}`: the file itself stays.
pub(crate) async fn delete_file(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path((id, file)): Path<(String, String)>,
) -> Answer {
    let archive = app.archive().await?;
    archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    archive.store.remove_store_file(&id, &file).await.map_err(failed)?;
    app.vector_stores.wake(&app, &id);
    Ok(Reply::new(&DeletedStoreFileReply::new(file)))
}

/// `GET /v1/vector_stores/{id}/files/{file_id}/content`.
pub(crate) async fn file_content(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path((id, file)): Path<(String, String)>,
) -> Answer {
    let archive = app.archive().await?;
    archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    let row = archive.store.store_file(&id, &file).await.map_err(failed)?;
    Ok(Reply::new(&StoreFileContentReply::new(row)))
}
