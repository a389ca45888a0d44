//! Vectors in a Qdrant: a back end of [`VectorIndex`] that several servers share.
//!
//! Each index is a collection, stamped with its space in the collection's metadata. Numbers are kept in half precision. Qdrant
//! names points by UUIDs: a point's is the beginning of its id's SHA-256, the id itself is in the payload beside the attributes
//! and what filters look at ([`filter`]). Pages come in the order of the UUIDs.

mod client;
mod filter;

use std::collections::BTreeSet;
use std::sync::Arc;

use index::{
    Attributes, Effort, Entry, Hit, IndexError, IndexServer, Listed, Query, Space, Stored,
    VectorIndex, check_attributes,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use self::client::{About, Client, Method};
use crate::vectors::require_name;

/// Bytes of points in one request; a Qdrant as it comes takes 32 MiB.
const MOST_BYTES: usize = 8 << 20;

/// Points of one answer that has their numbers.
const MOST_POINTS: usize = 1000;

/// The oldest version whose collections have metadata.
const OLDEST: (u32, u32) = (1, 16);

/// A Qdrant. Copies share its connections.
#[derive(Clone, Debug)]
pub struct Qdrant {
    client: Arc<Client>,
}

impl Qdrant {
    /// A server by its address, `http://HOST:6333`; nothing is asked yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(url: &str, api_key: Option<String>) -> Result<Self, IndexError> {
        Ok(Self { client: Arc::new(Client::new(url, api_key)?) })
    }

    /// What a collection is stamped with; nothing when there is none.
    fn stamp(&self, collection: &str) -> Result<Option<Space>, IndexError> {
        let path = format!("/collections/{collection}");
        let Some(found) = self.client.ask_for::<Collection>(Method::GET, &path, None)? else {
            return Ok(None);
        };
        let damaged = |error| {
            let message = format!("the collection {collection} is none of polysight's: {error}");
            IndexError::Backend(message)
        };
        serde_json::from_value(found.config.metadata).map(Some).map_err(damaged)
    }

    /// Makes a collection, and gives its stamp: that of another server, where one was faster.
    fn make(&self, collection: &str, space: &Space) -> Result<Space, IndexError> {
        self.check()?;
        let path = format!("/collections/{collection}");
        let body = json!({
            "vectors": { "size": space.dimensions, "distance": "Dot", "datatype": "float16" },
            "metadata": space,
        });
        let made = self.client.tell(Method::PUT, &path, Some(&body.to_string()));
        let stamp = self.stamp(collection)?;
        stamp.ok_or_else(|| made.err().unwrap_or_else(|| gone(collection)))
    }
}

impl IndexServer for Qdrant {
    fn check(&self) -> Result<(), IndexError> {
        let About { version } = self.client.about()?;
        if crate::vectors::is_new_enough(&version, OLDEST) {
            return Ok(());
        }
        let (major, minor) = OLDEST;
        let problem = format!("Qdrant {version} is too old: {major}.{minor} is the oldest");
        Err(IndexError::Backend(problem))
    }

    fn open(&self, name: &str, space: &Space) -> Result<Box<dyn VectorIndex>, IndexError> {
        let collection = collection(name)?;
        let stored = self.stamp(&collection)?;
        let stored = stored.map_or_else(|| self.make(&collection, space), Ok)?;
        stored.require(space)?;
        // Also where whoever made the collection died before this.
        for (field, kind) in filter::FIELDS {
            let path = format!("/collections/{collection}/index?wait=true");
            let body = json!({ "field_name": field, "field_schema": kind });
            self.client.tell(Method::PUT, &path, Some(&body.to_string()))?;
        }
        Ok(Box::new(Points { client: Arc::clone(&self.client), collection, space: space.clone() }))
    }

    fn remove(&self, name: &str) -> Result<(), IndexError> {
        let path = format!("/collections/{}", collection(name)?);
        self.client.tell(Method::DELETE, &path, None)
    }
}

fn collection(name: &str) -> Result<String, IndexError> {
    require_name(name)?;
    Ok(format!("polysight_{name}"))
}

fn gone(collection: &str) -> IndexError {
    IndexError::Backend(format!("the collection {collection} is gone"))
}

/// One index.
#[derive(Debug)]
struct Points {
    client: Arc<Client>,
    collection: String,
    space: Space,
}

impl Points {
    fn path(&self, rest: &str) -> String {
        format!("/collections/{}/points{rest}", self.collection)
    }

    /// Asks for what must be there as long as the collection is.
    fn ask<T: for<'de> Deserialize<'de>>(&self, rest: &str, body: &Value) -> Result<T, IndexError> {
        let answer =
            self.client.ask_for(Method::POST, &self.path(rest), Some(&body.to_string()))?;
        answer.ok_or_else(|| gone(&self.collection))
    }

    fn send(&self, points: &[String]) -> Result<(), IndexError> {
        let body = format!("{{\"points\":[{}]}}", points.join(","));
        self.client.tell(Method::PUT, &self.path("?wait=true"), Some(&body))
    }

    /// Points of these ids.
    fn find(&self, ids: &[Uuid], vectors: bool) -> Result<Vec<Point>, IndexError> {
        let body = json!({ "ids": ids, "with_payload": true, "with_vector": vectors });
        self.ask("", &body)
    }

    /// Points behind an id.
    fn scroll(
        &self,
        after: Option<&str>,
        count: usize,
        vectors: bool,
    ) -> Result<Vec<Point>, IndexError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let offset = after.map(point_id);
        let count = count.min(MOST_POINTS);
        // It begins with the offset itself, where that is still there.
        let limit = count + 1;
        let mut body = json!({ "limit": limit, "with_payload": true, "with_vector": vectors });
        if let Some(offset) = offset {
            body["offset"] = json!(offset);
        }
        let page = self.ask::<Page>("/scroll", &body)?;
        let behind = page.points.into_iter().filter(|point| Some(point.id) != offset);
        Ok(behind.take(count).collect())
    }

    fn nearest(&self, query: &Query<'_>, limit: usize) -> Result<Vec<Point>, IndexError> {
        let params = match query.effort {
            Effort::Exact => json!({ "exact": true }),
            Effort::Fast => json!({ "hnsw_ef": limit.saturating_mul(2).clamp(200, 1000) }),
        };
        let mut body = json!({
            "query": query.vector, "limit": limit, "with_payload": true, "params": params,
        });
        if let Some(filter) = query.filter {
            body["filter"] = filter::condition(filter);
        }
        Ok(self.ask::<Page>("/query", &body)?.points)
    }
}

impl VectorIndex for Points {
    fn space(&self) -> &Space {
        &self.space
    }

    fn count(&self) -> Result<u64, IndexError> {
        Ok(self.ask::<Count>("/count", &json!({ "exact": true }))?.count)
    }

    /// In parts of 8 MiB: an error may leave the first of them.
    fn put(&self, entries: &[Entry<'_>]) -> Result<(), IndexError> {
        entries.iter().try_for_each(|entry| entry.check(&self.space))?;
        let (mut points, mut bytes) = (Vec::new(), 0);
        for Entry { id, vector, attributes } in Entry::last_of_each_id(entries) {
            let payload = Payload::new(id, attributes);
            let point = json!({ "id": point_id(id), "vector": vector, "payload": payload });
            let point = point.to_string();
            if !points.is_empty() && bytes + point.len() > MOST_BYTES {
                self.send(&points)?;
                points.clear();
                bytes = 0;
            }
            bytes += point.len();
            points.push(point);
        }
        if points.is_empty() { Ok(()) } else { self.send(&points) }
    }

    fn set_attributes(&self, id: &str, attributes: &Attributes) -> Result<bool, IndexError> {
        check_attributes(id, attributes)?;
        let point = point_id(id);
        if self.find(&[point], false)?.is_empty() {
            return Ok(false);
        }
        let body = json!({ "payload": Payload::new(id, attributes), "points": [point] });
        self.client.tell(Method::PUT, &self.path("/payload?wait=true"), Some(&body.to_string()))?;
        Ok(true)
    }

    fn remove(&self, ids: &[&str]) -> Result<u64, IndexError> {
        let points = ids.iter().map(|id| point_id(id)).collect::<BTreeSet<_>>();
        let points = points.into_iter().collect::<Vec<_>>();
        let mut removed = 0;
        for part in points.chunks(MOST_POINTS) {
            removed += self.find(part, false)?.len() as u64;
            let path = self.path("/delete?wait=true");
            let body = json!({ "points": part }).to_string();
            self.client.tell(Method::POST, &path, Some(&body))?;
        }
        Ok(removed)
    }

    fn get(&self, id: &str) -> Result<Option<Stored>, IndexError> {
        Ok(self.find(&[point_id(id)], true)?.pop().map(Point::stored))
    }

    fn page(&self, after: Option<&str>, count: usize) -> Result<Vec<Stored>, IndexError> {
        Ok(self.scroll(after, count, true)?.into_iter().map(Point::stored).collect())
    }

    fn list(&self, after: Option<&str>, count: usize) -> Result<Vec<Listed>, IndexError> {
        let listed = |Point { payload, .. }: Point| Listed {
            id: payload.id,
            attributes: payload.attributes,
        };
        Ok(self.scroll(after, count, false)?.into_iter().map(listed).collect())
    }

    fn search(&self, query: &Query<'_>) -> Result<Vec<Hit>, IndexError> {
        query.check(&self.space)?;
        let mut limit = query.count;
        loop {
            if limit == 0 {
                return Ok(Vec::new());
            }
            let found = self.nearest(query, limit)?;
            let is_all = found.len() < limit;
            let mut hits = found.into_iter().map(Point::hit).collect::<Vec<_>>();
            // Of long texts Qdrant orders the beginnings alone.
            hits.retain(|hit| query.filter.is_none_or(|filter| filter.holds(&hit.attributes)));
            if is_all || hits.len() >= query.count {
                hits.sort_by(Hit::by_rank);
                hits.truncate(query.count);
                return Ok(hits);
            }
            limit = limit.saturating_mul(4);
        }
    }
}

/// The name of a point.
fn point_id(id: &str) -> Uuid {
    let hash = Sha256::digest(id.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// What a point has beside its numbers.
#[derive(Debug, Deserialize, Serialize)]
struct Payload {
    id: String,
    attributes: Attributes,
    /// For filters; it is of no use to anybody else.
    #[serde(flatten, skip_deserializing)]
    looked_at: filter::LookedAt,
}

impl Payload {
    fn new(id: &str, attributes: &Attributes) -> Self {
        Self {
            id: id.to_owned(),
            attributes: attributes.clone(),
            looked_at: filter::LookedAt::of(attributes),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Point {
    id: Uuid,
    payload: Payload,
    #[serde(default)]
    vector: Option<Vec<f32>>,
    #[serde(default)]
    score: f32,
}

impl Point {
    fn stored(self) -> Stored {
        Stored {
            id: self.payload.id,
            vector: self.vector.unwrap_or_default(),
            attributes: self.payload.attributes,
        }
    }

    fn hit(self) -> Hit {
        Hit { id: self.payload.id, product: self.score, attributes: self.payload.attributes }
    }
}

#[derive(Debug, Deserialize)]
struct Page {
    points: Vec<Point>,
}

#[derive(Debug, Deserialize)]
struct Count {
    count: u64,
}

#[derive(Debug, Deserialize)]
struct Collection {
    config: Configuration,
}

#[derive(Debug, Deserialize)]
struct Configuration {
    #[serde(default)]
    metadata: Value,
}
