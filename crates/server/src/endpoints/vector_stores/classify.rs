//! `POST /v1/vector_stores/{id}/classify`: new labels over every stored picture, at the price of a product with each.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::Path;
use serde::Serialize;

use super::super::classify::{Classes, OF_LABELS};
use super::super::usage_with;
use crate::accounts::now;
use crate::archive::Owner;
use crate::bill::Measured;
use crate::call::{Answer, Call, Reply};
use crate::classification::{Prediction, ScoreMode, Selection, Usage};
use crate::error::ApiError;
use crate::label_sets;
use crate::labels::Candidates;
use crate::vector_stores::{
    KIND, failed, filter_of, index_failed, model_of, open_index, require_alive,
};

/// Pictures of a page when nobody says.
const PAGE: usize = 100;

/// Pictures of a page.
const MOST_OF_A_PAGE: usize = 1000;

/// Vectors that are looked at for a page: those that a filter leaves out count too.
const LOOKED_AT: usize = 10_000;

/// Pictures with what they show.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ClassifiedReply {
    /// `list`.
    object: &'static str,
    model: String,
    system_fingerprint: String,
    /// What `score` is.
    score_mode: ScoreMode,
    /// As they were asked for.
    templates: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_set: Option<String>,
    data: Vec<Classified>,
    has_more: bool,
    /// What `page` has to be to go on.
    #[schema(required)]
    next_page: Option<String>,
    usage: Usage,
}

/// A picture with what it shows.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = VectorStoreClassified)]
struct Classified {
    /// `classification`.
    object: &'static str,
    file_id: String,
    filename: String,
    /// The best label, selected or not.
    prediction: String,
    score: f32,
    /// The best ones first.
    predictions: Vec<Prediction>,
}

/// `POST /v1/vector_stores/{id}/classify`.
pub(crate) async fn classify_store(owner: Owner, Path(id): Path<String>, mut call: Call) -> Answer {
    let named = label_sets::named(&mut call.fields, OF_LABELS)?;
    let candidates = match &named {
        None => Some(Candidates::take(&mut call.fields, call.app.limits.labels)?),
        Some(_) => None,
    };
    let multi_label = call.fields.flag("multi_label")?.unwrap_or(false);
    let mode = if multi_label { ScoreMode::Probability } else { ScoreMode::Relative };
    let threshold = call.fields.fraction("threshold")?;
    let most = call.fields.whole("top_k", 1..=100)?.unwrap_or(1);
    let selection = Selection { mode, threshold, most };
    let filter = filter_of(&mut call.fields)?;
    let limit = call.fields.whole("limit", 1..=MOST_OF_A_PAGE)?.unwrap_or(PAGE);
    let page = call.fields.text("page")?;
    let model = call.fields.text("model")?;
    call.fields.pass_over(&["user"]);
    let archive = call.app.archive().await?;
    let store = archive.store.vector_store(&owner.0, &id).await.map_err(failed)?;
    require_alive(&store, now())?;
    let index = open_index(&call.app, &archive, &store).await?;
    let classes = match (candidates, named) {
        (Some(candidates), _) => Classes::Labels(candidates),
        (None, named) => {
            let named = named.unwrap_or_default();
            Classes::Set(label_sets::find(&call.app, &owner, &named, "label_set").await?)
        }
    };
    let model = model_of(&call.app, &store, model.as_deref(), call.patience()).await?;
    call.bill.reserve(&call.app, &model.description.id, 0, 0).await?;
    let vectors = Arc::new(classes.vectors(&call.app, &model).await?);
    let (scorer, after) = (Arc::clone(&vectors), page);
    let work = move || {
        let rows = index.page(after.as_deref(), LOOKED_AT.min(limit * 4))?;
        let mut last = after;
        let (mut seen, mut found) = (0, Vec::new());
        let all = rows.len();
        let is_full = all == LOOKED_AT.min(limit * 4);
        for row in rows {
            if found.len() == limit {
                break;
            }
            seen += 1;
            let is_picture = row.attributes.get(KIND) == Some(&"image".into());
            if is_picture && filter.as_ref().is_none_or(|filter| filter.holds(&row.attributes)) {
                found.push((row.id.clone(), scorer.predictions(&selection, &row.vector)));
            }
            last = Some(row.id);
        }
        Ok::<_, index::IndexError>((found, last.filter(|_| is_full || seen < all)))
    };
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|_| ApiError::internal("the classification failed"))?;
    let (found, next_page) = done.map_err(|error| index_failed(&error))?;
    call.bill.measure(Measured::new(0, 0, 0));
    archive.store.touch_vector_store(&id, now()).await.map_err(failed)?;
    let ids = found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>();
    let rows = archive.store.files_of_vectors(&id, &ids).await.map_err(failed)?;
    let mut rows =
        rows.into_iter().map(|row| (row.vector_id.clone(), row)).collect::<HashMap<_, _>>();
    let data = found.into_iter().filter_map(|(vector, predictions)| {
        let row = rows.remove(&vector)?;
        let best = predictions.first()?;
        Some(Classified {
            object: "classification",
            file_id: row.file_id,
            filename: row.filename,
            prediction: best.label.clone(),
            score: best.score,
            predictions,
        })
    });
    let reply = ClassifiedReply {
        object: "list",
        model: model.description.id.clone(),
        system_fingerprint: model.description.fingerprint.clone(),
        score_mode: classes.score_mode(mode),
        templates: classes.templates().to_vec(),
        label_set: classes.label_set(),
        data: data.collect(),
        has_more: next_page.is_some(),
        next_page,
        usage: usage_with(&call, [], vectors.counted()),
    };
    Ok(Reply::new(&reply).ignoring(call.fields))
}
