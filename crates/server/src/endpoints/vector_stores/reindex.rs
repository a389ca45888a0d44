//! `POST /v1/vector_stores/{id}/reindex`: to another model, while the vectors of the one before keep answering.

use axum::extract::Path;
use store::NextIndex;
use weights::Tower;

use super::described;
use crate::accounts::now;
use crate::archive::Owner;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::fields::missing;
use crate::vector_stores::{failed, require_alive};

/// `POST /v1/vector_stores/{id}/reindex`.
pub(crate) async fn reindex(Owner(owner): Owner, Path(id): Path<String>, mut call: Call) -> Answer {
    let Some(name) = call.fields.text("model")? else {
        return Err(missing("model", "the model to which the store is moved"));
    };
    let archive = call.app.archive().await?;
    let store = archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    require_alive(&store, now())?;
    let model = call.model_named(Some(&name)).await?;
    let given = &model.description;
    if given.fingerprint == store.fingerprint {
        let message = format!("the vector store {id} has vectors of {name} already");
        return Err(ApiError::invalid("vector_store_of_this_model", message).at("model"));
    }
    let Some(dimensions) = model.backend.dimension(Tower::Vision) else {
        let message = format!("the model {} has no vision tower", given.id);
        return Err(ApiError::invalid("missing_tower", message).at("model"));
    };
    let counts = archive.store.file_counts(&id).await.map_err(failed)?;
    let files = counts.completed.unsigned_abs();
    call.bill.reserve_for_later(&call.app, &given.id, files).await?;
    let next = NextIndex {
        number: 0,
        model: given.id.clone(),
        fingerprint: given.fingerprint.clone(),
        dimensions,
        key_id: call.bill.payer().map(|payer| payer.key.id.clone()),
    };
    let row = archive.store.begin_reindex(&owner, &id, &next, now()).await.map_err(failed)?;
    call.app.vector_stores.wake(&call.app, &id);
    let reply = described(&archive, row).await?;
    Ok(Reply::new(&reply).ignoring(call.fields))
}
