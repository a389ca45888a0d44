//! Vector stores: files whose vectors are kept, searched by texts and pictures.
//!
//! The database says which stores and files there are (`store::vector_stores`); an index (`index::VectorIndex`) has the vectors.
//! An endpoint changes the database and answers; [`look_for_work`] and [`Shelves::wake`] let a task for each store bring its index
//! after: embed what waits, tell it attributes, remove what nobody needs, move it to another model. All of it can be begun anew
//! after any end of the process, and a file is charged in the transaction that lets it be found.

mod attributes;
mod care;
mod contents;
mod filters;
mod payment;
mod place;
mod query;
mod shelves;

use std::sync::Arc;

use index::Space;
use store::{StoreError, VectorStoreRow};

use crate::app::App;
use crate::archive::{Archive, unanswered};
use crate::error::ApiError;
use crate::loaded::LoadedModel;
use crate::uploads::no_file;
pub(crate) use attributes::{attributes_of, attributes_schema, metadata_of};
pub(crate) use care::{freshen, look_for_work};
pub(crate) use filters::filter_of;
pub(crate) use query::{Question, Questions, Tower};
pub(crate) use shelves::{OpenIndex, Shelves, failed as index_failed};

/// The attribute of the index that tells pictures from texts; no name of a caller has such a character.
pub(crate) const KIND: &str = "\u{1}kind";

/// What the store says, as the API says it.
pub(crate) fn failed(error: StoreError) -> ApiError {
    match error {
        StoreError::Missing { what: "file", id } => no_file(&id),
        StoreError::Missing { what, id } => {
            let code = match what {
                "vector store" => "vector_store_not_found",
                "file batch" => "file_batch_not_found",
                _ => "vector_store_file_not_found",
            };
            let id = id.chars().take(80).collect::<String>();
            ApiError::not_found(code, format!("there is no {what} {id:?}"))
        }
        StoreError::Full { .. } => ApiError::invalid("limit_reached", error.to_string()),
        other => unanswered(&other),
    }
}

/// That a store's time is not over.
///
/// # Errors
/// 400 when it is.
pub(crate) fn require_alive(store: &VectorStoreRow, now: i64) -> Result<(), ApiError> {
    if !store.is_expired_at(now) {
        return Ok(());
    }
    let message = format!(
        "the vector store {} has expired; its files are no longer in it, make another",
        store.id
    );
    Err(ApiError::invalid("vector_store_expired", message))
}

/// That a model is the one whose vectors a store has.
///
/// # Errors
/// 400 when it is another, or has other weights, precision or preparation now.
pub(crate) fn require_same(
    store: &VectorStoreRow,
    model: &Arc<LoadedModel>,
) -> Result<(), ApiError> {
    let given = &model.description;
    if given.fingerprint == store.fingerprint {
        return Ok(());
    }
    let message = format!(
        "the vector store {} has vectors of {} ({}); those of {} ({}) do not mix with them; \
         POST /v1/vector_stores/{}/reindex moves it",
        store.id, store.model, store.fingerprint, given.id, given.fingerprint, store.id
    );
    Err(ApiError::invalid("vector_store_of_other_model", message).at("model"))
}

/// The index of a store that answers.
///
/// # Errors
/// 503 when it cannot be opened.
pub(crate) async fn open_index(
    app: &App,
    archive: &Arc<Archive>,
    store: &VectorStoreRow,
) -> Result<OpenIndex, ApiError> {
    let space = Space {
        model: store.model.clone(),
        fingerprint: store.fingerprint.clone(),
        dimensions: store.dimensions,
    };
    app.vector_stores.index(app, archive, &store.id, store.index_number, space).await
}

/// The model of a store, which a request may name.
///
/// # Errors
/// When another one is named, or it is not served as it was.
pub(crate) async fn model_of(
    app: &App,
    store: &VectorStoreRow,
    named: Option<&str>,
    patience: std::time::Duration,
) -> Result<Arc<LoadedModel>, ApiError> {
    let model = app.registry.get(named.or(Some(&store.model)), patience).await?;
    require_same(store, &model)?;
    Ok(model)
}
