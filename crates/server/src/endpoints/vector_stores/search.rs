//! `POST /v1/vector_stores/{id}/search`: the files that fit a text or a picture best.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::Path;
use index::{Comparison, Effort, Filter, Query};
use serde::Serialize;
use serde_json::Value;
use store::{StoreFileRow, VectorStoreRow};

use super::super::{times, usage};
use super::reply::{StoreFileContent, attributes_of, url_of};
use crate::accounts::now;
use crate::archive::{Archive, Owner};
use crate::call::{Answer, Call, Reply};
use crate::classification::Usage;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::loaded::LoadedModel;
use crate::vector_stores::{
    KIND, OpenIndex, Question, Questions, Tower, failed, filter_of, model_of, open_index,
    require_alive,
};
use crate::work;

/// Results of a page.
const MOST: usize = 50;

/// How far pages go.
const FARTHEST: usize = 10_000;

/// Files, the best first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SearchReply {
    /// `vector_store.search_results.page`.
    object: &'static str,
    /// What was asked; a picture without a name is `image`.
    search_query: Vec<String>,
    data: Vec<Found>,
    has_more: bool,
    /// What `page` has to be to go on.
    #[schema(required)]
    next_page: Option<String>,
    model: String,
    system_fingerprint: String,
    usage: Usage,
}

/// A file that fits.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = VectorStoreSearchResult)]
struct Found {
    file_id: String,
    filename: String,
    /// Between a picture and a text the sigmoid probability, else (1 + cosine) / 2.
    score: f32,
    #[schema(value_type = Object)]
    attributes: Value,
    content: Vec<StoreFileContent>,
    cosine: f32,
    /// `image` or `text`.
    kind: String,
    /// Where its bytes are, on this server.
    url: String,
}

/// What is wanted beside the query.
struct Wanted {
    filter: Option<Filter>,
    /// `image` or `text` alone.
    kind: Option<&'static str>,
    most: usize,
    from: usize,
    threshold: f32,
    /// Of the best score.
    cutoff: f32,
}

impl Wanted {
    fn take(fields: &mut Fields) -> Result<Self, ApiError> {
        let filter = filter_of(fields)?;
        let kind = fields.word("kind", &["image", "text"])?;
        let most = fields.whole("max_num_results", 1..=MOST)?.unwrap_or(10);
        let threshold = match fields.take("ranking_options") {
            None => None,
            Some(value) => {
                let mut inner = Fields::inner(value, "ranking_options")?;
                inner.pass_over(&["hybrid_search"]);
                inner.word("ranker", &["none", "auto", "default-2024-11-15"])?;
                inner.fraction("score_threshold")?
            }
        };
        let cutoff = fields.fraction("cutoff")?.unwrap_or(0.0);
        let from = match fields.text("page")? {
            None => 0,
            Some(text) => text.parse().ok().filter(|from| *from <= FARTHEST).ok_or_else(|| {
                let message = "page is none that a search has given as next_page";
                ApiError::invalid("invalid_value", message).at("page")
            })?,
        };
        // Nothing rewrites a query here.
        fields.pass_over(&["rewrite_query", "user"]);
        Ok(Self { filter, kind, most, from, threshold: threshold.unwrap_or(0.0), cutoff })
    }
}

/// `POST /v1/vector_stores/{id}/search`.
pub(crate) async fn search(Owner(owner): Owner, Path(id): Path<String>, mut call: Call) -> Answer {
    let mut questions = Questions::take(&mut call.fields)?;
    let wanted = Wanted::take(&mut call.fields)?;
    let named = call.fields.text("model")?;
    let archive = call.app.archive().await?;
    let store = archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    require_alive(&store, now())?;
    let model = model_of(&call.app, &store, named.as_deref(), call.patience()).await?;
    // Held from now on: the store may move to another model while the query is embedded.
    let index = open_index(&call.app, &archive, &store).await?;
    let parts = std::mem::take(&mut questions.parts);
    let rows = work::embed_all(&call, &model, parts).await?;
    let asked = questions.vectors(&rows)?;
    let shelf = Searched { archive: &archive, store: &store, model: &model, index };
    let hits = shelf.find(asked, &wanted).await?;
    archive.store.touch_vector_store(&id, now()).await.map_err(failed)?;
    let best = hits.first().map_or(0.0, |hit| hit.score);
    let least = wanted.threshold.max(wanted.cutoff * best);
    let mut hits = hits.into_iter().filter(|hit| hit.score >= least).skip(wanted.from);
    let data = hits.by_ref().take(wanted.most).map(Found::new).collect::<Vec<_>>();
    let has_more = hits.next().is_some();
    let next = wanted.from + wanted.most;
    let reply = SearchReply {
        object: "vector_store.search_results.page",
        search_query: questions.said,
        data,
        has_more,
        next_page: (has_more && next <= FARTHEST).then(|| next.to_string()),
        model: model.description.id.clone(),
        system_fingerprint: model.description.fingerprint.clone(),
        usage: usage(&call, &rows),
    };
    Ok(Reply::new(&reply).ignoring(call.fields).timed(times(&rows)))
}

/// A store that is searched.
struct Searched<'a> {
    archive: &'a Arc<Archive>,
    store: &'a VectorStoreRow,
    model: &'a Arc<LoadedModel>,
    index: OpenIndex,
}

/// A file that was found.
struct Hit {
    row: StoreFileRow,
    score: f32,
    cosine: f32,
}

impl Searched<'_> {
    /// The best files, one more than a page needs, the best first.
    async fn find(&self, asked: Vec<Question>, wanted: &Wanted) -> Result<Vec<Hit>, ApiError> {
        let kinds = self.kinds(wanted).await?;
        let scoring = if asked.iter().any(|question| question.tower == Tower::Text)
            && kinds.contains(&Some("image")) | kinds.contains(&None)
        {
            Some(self.model.scoring()?)
        } else {
            None
        };
        let enough = wanted.from + wanted.most + 1;
        let mut hits = Vec::new();
        for kind in kinds {
            let filter = narrowed(wanted.filter.clone(), kind);
            for question in &asked {
                let near = self.nearest(question, filter.clone(), enough).await?;
                hits.extend(near.into_iter().map(|(row, cosine)| {
                    let score = question.score(cosine, row.kind == "image", scoring);
                    Hit { row, score, cosine }
                }));
            }
        }
        hits.sort_by(|a, b| {
            let scores = b.score.total_cmp(&a.score).then(b.cosine.total_cmp(&a.cosine));
            scores.then_with(|| a.row.vector_id.cmp(&b.row.vector_id))
        });
        // A file counts by the question that it fits best.
        let mut seen = std::collections::HashSet::new();
        hits.retain(|hit| seen.insert(hit.row.vector_id.clone()));
        hits.truncate(enough);
        Ok(hits)
    }

    /// The kinds that are searched apart, since their scores differ: nothing for a store of one kind.
    async fn kinds(&self, wanted: &Wanted) -> Result<Vec<Option<&'static str>>, ApiError> {
        if let Some(kind) = wanted.kind {
            return Ok(vec![Some(kind)]);
        }
        let has =
            async |kind| self.archive.store.has_kind(&self.store.id, kind).await.map_err(failed);
        if has("image").await? && has("text").await? {
            return Ok(vec![Some("image"), Some("text")]);
        }
        Ok(vec![None])
    }

    /// The nearest files that there are, with their cosines. The index may know some that were taken away.
    async fn nearest(
        &self,
        question: &Question,
        filter: Option<Filter>,
        enough: usize,
    ) -> Result<Vec<(StoreFileRow, f32)>, ApiError> {
        let mut count = enough;
        loop {
            let (index, vector, filter) =
                (self.index.clone(), question.vector.clone(), filter.clone());
            let search = move || {
                let effort = Effort::default();
                index.search(&Query { vector: &vector, count, filter: filter.as_ref(), effort })
            };
            let found = tokio::task::spawn_blocking(search).await;
            let found = found.map_err(|_| ApiError::internal("the search failed"))?;
            let found = found.map_err(|error| crate::vector_stores::index_failed(&error))?;
            let ids = found.iter().map(|hit| hit.id.as_str()).collect::<Vec<_>>();
            let rows = self.archive.store.files_of_vectors(&self.store.id, &ids).await;
            let rows = rows.map_err(failed)?.into_iter().map(|row| (row.vector_id.clone(), row));
            let mut rows = rows.collect::<HashMap<_, _>>();
            let is_all = found.len() < count;
            let hits =
                found.into_iter().filter_map(|hit| Some((rows.remove(&hit.id)?, hit.product)));
            let hits = hits.take(enough).collect::<Vec<_>>();
            if hits.len() == enough || is_all {
                return Ok(hits);
            }
            count *= 2;
        }
    }
}

/// A filter and, with one, a kind.
pub(super) fn narrowed(filter: Option<Filter>, kind: Option<&'static str>) -> Option<Filter> {
    let Some(kind) = kind else { return filter };
    let comparison = Comparison::Equal(kind.into());
    let mut all = vec![Filter::Attribute { key: KIND.to_owned(), comparison }];
    all.extend(filter);
    Some(Filter::All(all))
}

impl Found {
    fn new(hit: Hit) -> Self {
        let Hit { row, score, cosine } = hit;
        Self {
            content: vec![StoreFileContent::of(&row)],
            attributes: attributes_of(&row),
            url: url_of(&row.file_id),
            file_id: row.file_id,
            filename: row.filename,
            score,
            cosine,
            kind: row.kind,
        }
    }
}
