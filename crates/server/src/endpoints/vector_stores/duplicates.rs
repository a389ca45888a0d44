//! `POST /v1/vector_stores/{id}/duplicates`: pictures that are nearly the same.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::Path;
use index::{Effort, Filter, IndexError, Query, Sets, VectorIndex};
use serde::Serialize;

use super::search::narrowed;
use crate::accounts::now;
use crate::archive::Owner;
use crate::bill::Measured;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::vector_stores::{failed, filter_of, index_failed, open_index, require_alive};

/// From which cosine two pictures are doubles.
const THRESHOLD: f32 = 0.95;

/// Pictures of a store that are compared with each other.
const MOST: u64 = 50_000;

/// Vectors that are taken from the index at a time.
const PAGE: usize = 512;

/// How many of the nearest of each picture are looked at; groups that are larger hang together by others.
const NEIGHBOURS: usize = 32;

/// Groups of a reply when nobody says.
const GROUPS: usize = 100;

/// Groups of a reply.
const MOST_GROUPS: usize = 10_000;

/// Pictures that are nearly the same.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DuplicatesReply {
    /// `vector_store.duplicates`.
    object: &'static str,
    threshold: f32,
    /// Pictures that were compared.
    pictures: usize,
    /// The largest first.
    groups: Vec<Vec<Double>>,
    /// Whether there are more groups.
    has_more: bool,
}

/// A picture of a group.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = VectorStoreDouble)]
struct Double {
    file_id: String,
    filename: String,
    /// To the first of its group, which was added first.
    cosine: f32,
}

/// `POST /v1/vector_stores/{id}/duplicates`.
pub(crate) async fn duplicates(
    Owner(owner): Owner,
    Path(id): Path<String>,
    mut call: Call,
) -> Answer {
    let threshold = call.fields.fraction("threshold")?.unwrap_or(THRESHOLD);
    let filter = filter_of(&mut call.fields)?;
    let limit = call.fields.whole("limit", 1..=MOST_GROUPS)?.unwrap_or(GROUPS);
    let archive = call.app.archive().await?;
    let store = archive.store.vector_store(&owner, &id).await.map_err(failed)?;
    require_alive(&store, now())?;
    call.bill.reserve(&call.app, &store.model, 0, 0).await?;
    let index = open_index(&call.app, &archive, &store).await?;
    let gone = Gone::default();
    let is_gone = Arc::clone(&gone.0);
    let filter = narrowed(filter, Some("image"));
    let compare = move || groups(&*index, filter.as_ref(), threshold, &is_gone);
    let found = tokio::task::spawn_blocking(compare).await;
    let found = found.map_err(|_| ApiError::internal("the comparison failed"))?;
    let found = found.map_err(|error| index_failed(&error))?;
    let Some(Compared { pictures, groups }) = found else {
        let message = format!(
            "the store has more than {MOST} vectors, which are too many to compare with each other; polysight dedupe has no limit"
        );
        return Err(ApiError::invalid("too_many_pictures", message));
    };
    call.bill.measure(Measured::new(0, 0, 0));
    archive.store.touch_vector_store(&id, now()).await.map_err(failed)?;
    let has_more = groups.len() > limit;
    let shown = groups.into_iter().take(limit).collect::<Vec<_>>();
    let ids = shown.iter().flatten().map(|(id, _)| id.as_str()).collect::<Vec<_>>();
    let rows = archive.store.files_of_vectors(&id, &ids).await.map_err(failed)?;
    let rows = rows.into_iter().map(|row| (row.vector_id.clone(), row)).collect::<HashMap<_, _>>();
    let group = |group: Vec<(String, f32)>| {
        let doubles = group.into_iter().filter_map(|(vector, cosine)| {
            let row = rows.get(&vector)?;
            let (file_id, filename) = (row.file_id.clone(), row.filename.clone());
            Some(Double { file_id, filename, cosine })
        });
        doubles.collect::<Vec<_>>()
    };
    let groups = shown.into_iter().map(group).filter(|group| group.len() > 1).collect();
    let object = "vector_store.duplicates";
    let reply = DuplicatesReply { object, threshold, pictures, groups, has_more };
    Ok(Reply::new(&reply).ignoring(call.fields))
}

/// Tells a comparison that nobody waits for it.
#[derive(Default)]
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Compared {
    pictures: usize,
    /// Vectors with their cosines to the first of their group.
    groups: Vec<Vec<(String, f32)>>,
}

/// Groups of two and more; nothing when there are too many pictures.
fn groups(
    index: &dyn VectorIndex,
    filter: Option<&Filter>,
    threshold: f32,
    is_gone: &AtomicBool,
) -> Result<Option<Compared>, IndexError> {
    if index.count()? > MOST {
        return Ok(None);
    }
    let mut sets = Sets::default();
    let (mut after, mut pictures) = (None::<String>, 0);
    loop {
        let page = index.page(after.as_deref(), PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        let fits =
            |stored: &&index::Stored| filter.is_none_or(|filter| filter.holds(&stored.attributes));
        for stored in page.iter().filter(fits) {
            if is_gone.load(Ordering::Relaxed) {
                return Ok(Some(Compared { pictures, groups: Vec::new() }));
            }
            pictures += 1;
            let (vector, count, effort) = (&stored.vector, NEIGHBOURS, Effort::Fast);
            for hit in index.search(&Query { vector, count, filter, effort })? {
                if hit.product >= threshold && hit.id != stored.id {
                    sets.join(&stored.id, &hit.id);
                }
            }
        }
    }
    let mut groups = Vec::new();
    for ids in sets.into_groups() {
        let mut group = Vec::with_capacity(ids.len());
        let mut first = None::<Vec<f32>>;
        for id in ids {
            let Some(stored) = index.get(&id)? else { continue };
            let first = first.get_or_insert_with(|| stored.vector.clone());
            group.push((id, model::cosine(first, &stored.vector)));
        }
        groups.push(group);
    }
    groups.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a[0].0.cmp(&b[0].0)));
    Ok(Some(Compared { pictures, groups }))
}
