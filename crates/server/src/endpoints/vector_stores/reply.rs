//! Stores, files and batches as they are given back.

use serde::Serialize;
use serde_json::Value;
use store::{FileBatchRow, FileCounts, FileStatus, StoreFileRow, VectorStoreRow};

/// How many files are how far.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = VectorStoreFileCounts)]
struct Counts {
    in_progress: i64,
    completed: i64,
    failed: i64,
    cancelled: i64,
    total: i64,
}

impl Counts {
    fn new(counts: FileCounts) -> Self {
        Self {
            in_progress: counts.in_progress,
            completed: counts.completed,
            failed: counts.failed,
            cancelled: counts.cancelled,
            total: counts.total(),
        }
    }
}

/// A store.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct VectorStoreReply {
    id: String,
    /// `vector_store`.
    object: &'static str,
    /// Seconds since 1970.
    created_at: i64,
    name: String,
    /// Of the vectors.
    usage_bytes: i64,
    file_counts: Counts,
    /// `in_progress` while files wait, `completed`, or `expired`.
    status: &'static str,
    /// When it was searched or changed, in seconds since 1970.
    last_active_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_after: Option<ExpiresAfter>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[schema(value_type = Object)]
    metadata: Value,
    /// What its vectors were computed by.
    model: String,
    /// Weights, precision and preparation of that model.
    system_fingerprint: String,
    /// How far the move to another model is, or why the last one was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    reindex: Option<ReindexReply>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = VectorStoreExpiresAfter)]
struct ExpiresAfter {
    /// `last_active_at`.
    anchor: &'static str,
    days: i64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = VectorStoreReindex)]
struct ReindexReply {
    /// `in_progress` or `failed`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Files that the new index has.
    completed: i64,
    /// Files that it will have.
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl VectorStoreReply {
    pub(super) fn new(row: VectorStoreRow, counts: FileCounts, moved: i64, now: i64) -> Self {
        let status = match (row.is_expired_at(now), counts.in_progress) {
            (true, _) => "expired",
            (false, 0) => "completed",
            (false, _) => "in_progress",
        };
        let total = counts.completed;
        let reindex = match (row.next, row.reindex_error) {
            (Some(next), _) => Some(ReindexReply {
                status: "in_progress",
                model: Some(next.model),
                completed: moved,
                total,
                error: None,
            }),
            (None, Some(error)) => Some(ReindexReply {
                status: "failed",
                model: None,
                completed: 0,
                total,
                error: Some(error),
            }),
            (None, None) => None,
        };
        Self {
            id: row.id,
            object: "vector_store",
            created_at: row.created_at.div_euclid(1000),
            name: row.name,
            usage_bytes: counts.bytes,
            file_counts: Counts::new(counts),
            status,
            last_active_at: row.last_active_at.div_euclid(1000),
            expires_after: row
                .expires_days
                .map(|days| ExpiresAfter { anchor: "last_active_at", days }),
            expires_at: row.expires_at.map(|time| time.div_euclid(1000)),
            metadata: parsed(&row.metadata),
            model: row.model,
            system_fingerprint: row.fingerprint,
            reindex,
        }
    }
}

/// What the server itself has written.
fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| Value::Object(serde_json::Map::new()))
}

/// Several of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct VectorStoresReply {
    /// `list`.
    object: &'static str,
    data: Vec<VectorStoreReply>,
    #[schema(required)]
    first_id: Option<String>,
    #[schema(required)]
    last_id: Option<String>,
    has_more: bool,
}

impl VectorStoresReply {
    pub(super) fn new(data: Vec<VectorStoreReply>, has_more: bool) -> Self {
        let id = |store: Option<&VectorStoreReply>| store.map(|store| store.id.clone());
        let (first_id, last_id) = (id(data.first()), id(data.last()));
        Self { object: "list", data, first_id, last_id, has_more }
    }
}

/// A store that is gone.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeletedVectorStoreReply {
    id: String,
    /// `vector_store.deleted`.
    object: &'static str,
    deleted: bool,
}

impl DeletedVectorStoreReply {
    pub(super) fn new(id: String) -> Self {
        Self { id, object: "vector_store.deleted", deleted: true }
    }
}

/// A file of a store.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct StoreFileReply {
    /// The file's.
    id: String,
    /// `vector_store.file`.
    object: &'static str,
    /// Of its vector.
    usage_bytes: i64,
    /// When it was added, in seconds since 1970.
    created_at: i64,
    vector_store_id: String,
    /// `in_progress`, `completed`, `failed` or `cancelled`.
    status: &'static str,
    #[schema(required)]
    last_error: Option<LastError>,
    #[schema(value_type = Object)]
    attributes: Value,
    chunking_strategy: ChunkingStrategy,
    filename: String,
    /// `image` or `text`, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = VectorStoreFileError)]
struct LastError {
    /// `unsupported_file`: neither a picture nor a text. `invalid_file`: a picture that cannot be decoded. `server_error`: all else.
    code: String,
    message: String,
}

/// A file is one vector.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = VectorStoreChunkingStrategy)]
struct ChunkingStrategy {
    /// `other`.
    #[serde(rename = "type")]
    kind: &'static str,
}

impl StoreFileReply {
    pub(super) fn new(row: StoreFileRow) -> Self {
        let last_error = row.error.filter(|_| row.status == FileStatus::Failed);
        Self {
            id: row.file_id,
            object: "vector_store.file",
            usage_bytes: row.usage_bytes,
            created_at: row.created_at.div_euclid(1000),
            vector_store_id: row.vector_store_id,
            status: row.status.name(),
            last_error: last_error
                .map(|error| LastError { code: error.code, message: error.message }),
            attributes: parsed(&row.attributes),
            chunking_strategy: ChunkingStrategy { kind: "other" },
            filename: row.filename,
            kind: Some(row.kind).filter(|kind| !kind.is_empty()),
        }
    }
}

/// Several of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct StoreFilesReply {
    /// `list`.
    object: &'static str,
    data: Vec<StoreFileReply>,
    #[schema(required)]
    first_id: Option<String>,
    #[schema(required)]
    last_id: Option<String>,
    has_more: bool,
}

impl StoreFilesReply {
    pub(super) fn new(rows: Vec<StoreFileRow>, has_more: bool) -> Self {
        let data = rows.into_iter().map(StoreFileReply::new).collect::<Vec<_>>();
        let id = |file: Option<&StoreFileReply>| file.map(|file| file.id.clone());
        let (first_id, last_id) = (id(data.first()), id(data.last()));
        Self { object: "list", data, first_id, last_id, has_more }
    }
}

/// A file that is no longer in its store.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeletedStoreFileReply {
    id: String,
    /// `vector_store.file.deleted`.
    object: &'static str,
    deleted: bool,
}

impl DeletedStoreFileReply {
    pub(super) fn new(id: String) -> Self {
        Self { id, object: "vector_store.file.deleted", deleted: true }
    }
}

/// What a file says.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct StoreFileContentReply {
    /// `vector_store.file_content.page`.
    object: &'static str,
    data: Vec<StoreFileContent>,
    has_more: bool,
    #[schema(required)]
    next_page: Option<String>,
    file_id: String,
    filename: String,
    #[schema(value_type = Object)]
    attributes: Value,
}

impl StoreFileContentReply {
    pub(super) fn new(row: StoreFileRow) -> Self {
        Self {
            object: "vector_store.file_content.page",
            data: vec![StoreFileContent::of(&row)],
            has_more: false,
            next_page: None,
            attributes: parsed(&row.attributes),
            file_id: row.file_id,
            filename: row.filename,
        }
    }
}

/// Of a text as much as the model reads; of a picture its name, and where it is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = VectorStoreFileContent)]
pub(super) struct StoreFileContent {
    /// `text`.
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
}

impl StoreFileContent {
    pub(super) fn of(row: &StoreFileRow) -> Self {
        let text = if row.kind == "text" { row.excerpt.clone() } else { row.filename.clone() };
        Self { kind: "text", text }
    }
}

/// Where a file's bytes are.
pub(super) fn url_of(file_id: &str) -> String {
    format!("/v1/files/{file_id}/content")
}

/// The attributes of a file as JSON.
pub(super) fn attributes_of(row: &StoreFileRow) -> Value {
    parsed(&row.attributes)
}

/// Files that were added together.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FileBatchReply {
    id: String,
    /// `vector_store.files_batch`.
    object: &'static str,
    /// Seconds since 1970.
    created_at: i64,
    vector_store_id: String,
    /// `in_progress` while files wait; `cancelled`; `failed` when all did; else `completed`.
    status: &'static str,
    file_counts: Counts,
}

impl FileBatchReply {
    pub(super) fn new(row: FileBatchRow) -> Self {
        let counts = row.counts;
        let status = match row.cancelled_at {
            Some(_) => "cancelled",
            None if counts.in_progress > 0 => "in_progress",
            None if counts.failed > 0 && counts.failed == counts.total() => "failed",
            None => "completed",
        };
        Self {
            id: row.id,
            object: "vector_store.files_batch",
            created_at: row.created_at.div_euclid(1000),
            vector_store_id: row.vector_store_id,
            status,
            file_counts: Counts::new(counts),
        }
    }
}
