//! Files on their way in: how many bytes may come, from how many at once, and what becomes of those that break off.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use store::{BlobWriter, FileRow, NewFile, StoreError};

use crate::accounts::now;
use crate::archive::{Archive, unanswered};
use crate::error::ApiError;

/// Uploads of one owner at once. Each takes a few megabytes of memory on its way to storage.
const OF_ONE_OWNER: usize = 16;

/// Uploads of all owners at once.
const OF_ALL: usize = 64;

/// What is on its way in.
#[derive(Debug, Default)]
pub(crate) struct Arrivals(Mutex<HashMap<store::Owner, Arriving>>);

#[derive(Debug, Default)]
struct Arriving {
    uploads: usize,
    bytes: u64,
}

/// How much a file and an owner's files may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes of one file.
    pub(crate) file: u64,
    /// Bytes of all of an owner's files; `None`: any.
    pub(crate) quota: Option<u64>,
}

/// A file that is being uploaded. Whoever drops it gives it up.
pub(crate) struct Upload {
    archive: Arc<Archive>,
    owner: store::Owner,
    room: Room,
    /// What the owner's files took when it began.
    used: u64,
    object: String,
    writer: Option<BlobWriter>,
    /// What it has counted among the arrivals.
    counted: u64,
}

impl Upload {
    /// Begins an upload.
    ///
    /// # Errors
    /// 429 while too many are on their way, 413 when the owner has no room, 503 when storage does not answer.
    pub(crate) async fn begin(
        archive: Arc<Archive>,
        owner: store::Owner,
        room: Room,
    ) -> Result<Self, ApiError> {
        let used = archive.store.file_usage(&owner).await.map_err(|error| unanswered(&error))?;
        archive.arrivals.enter(&owner)?;
        let mut upload =
            Self { archive, owner, room, used, object: String::new(), writer: None, counted: 0 };
        let archive = &upload.archive;
        let object = archive.store.announce_object(&archive.process, now()).await;
        upload.object = object.map_err(failed)?;
        upload.writer = Some(archive.blobs()?.begin(&upload.object).await.map_err(failed)?);
        Ok(upload)
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// 413 when the file or the owner's files are too large, 503 when storage does not answer.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), ApiError> {
        let Some(writer) = &mut self.writer else {
            return Err(ApiError::internal("an upload went on behind its end"));
        };
        let length = bytes.len() as u64;
        if writer.bytes() + length > self.room.file {
            return Err(too_large(self.room.file));
        }
        let arriving = self.archive.arrivals.grow(&self.owner, length);
        self.counted += length;
        if let Some(quota) = self.room.quota
            && self.used.saturating_add(arriving) > quota
        {
            let error = StoreError::NoRoom { needed: arriving, used: self.used, quota };
            return Err(failed(error));
        }
        writer.write(bytes).await.map_err(failed)
    }

    /// Makes a file of what has come; it is on the disk when this comes back.
    ///
    /// # Errors
    /// 400 when nothing has come, 413 when the owner has no room for it, 503 when storage or the database does not answer.
    pub(crate) async fn keep(
        mut self,
        filename: &str,
        purpose: &str,
        expires_after: Option<i64>,
    ) -> Result<FileRow, ApiError> {
        let Some(writer) = self.writer.take() else {
            return Err(ApiError::internal("an upload ended twice"));
        };
        if writer.bytes() == 0 {
            self.writer = Some(writer);
            let message = "the file is empty; send one byte at least";
            return Err(ApiError::invalid("empty_file", message).at("file"));
        }
        let written = writer.finish().await.map_err(failed)?;
        let now = now();
        let new = NewFile {
            owner: &self.owner,
            filename,
            purpose,
            written: &written,
            object: &self.object,
            expires_at: expires_after.map(|seconds| now + seconds * 1000),
            quota: self.room.quota,
            now,
        };
        self.archive.store.create_file(&self.archive.process, &new).await.map_err(failed)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.archive.arrivals.leave(&self.owner, self.counted);
        let object = std::mem::take(&mut self.object);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if object.is_empty() {
            return;
        }
        let (archive, writer) = (Arc::clone(&self.archive), self.writer.take());
        runtime.spawn(async move {
            if let Some(writer) = writer {
                // What is left of it is removed with the object.
                let _failed = writer.abort().await;
            }
            // A file's object is no longer announced, so nothing happens to it.
            if let Err(error) = archive.store.give_up_object(&object).await {
                tracing::error!(%error, "the database");
            }
        });
    }
}

impl Arrivals {
    fn enter(&self, owner: &store::Owner) -> Result<(), ApiError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let everybody = all.values().map(|arriving| arriving.uploads).sum::<usize>();
        let own = all.get(owner).map_or(0, |arriving| arriving.uploads);
        if own >= OF_ONE_OWNER || everybody >= OF_ALL {
            let message = format!(
                "as many files are being uploaded as may be at once: {OF_ONE_OWNER} of yours, {OF_ALL} of all; try again"
            );
            return Err(ApiError::busy("too_many_uploads", message, 1));
        }
        all.entry(owner.clone()).or_default().uploads += 1;
        Ok(())
    }

    /// Counts bytes; gives all that are on their way from this owner.
    fn grow(&self, owner: &store::Owner, bytes: u64) -> u64 {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let arriving = all.entry(owner.clone()).or_default();
        arriving.bytes += bytes;
        arriving.bytes
    }

    fn leave(&self, owner: &store::Owner, bytes: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(arriving) = all.get_mut(owner) {
            arriving.uploads -= 1;
            arriving.bytes = arriving.bytes.saturating_sub(bytes);
            if arriving.uploads == 0 {
                all.remove(owner);
            }
        }
    }
}

/// 413.
pub(crate) fn too_large(limit: u64) -> ApiError {
    let message = format!("the file is larger than the limit of {limit} bytes");
    ApiError::too_large("file_too_large", message).at("file")
}

/// What the store says of files, as the API says it.
pub(crate) fn failed(error: StoreError) -> ApiError {
    match error {
        // The very same words for another account's.
        StoreError::Missing { id, .. } => no_file(&id),
        StoreError::NoRoom { .. } => {
            ApiError::too_large("file_quota_reached", format!("{error}; delete some")).at("file")
        }
        StoreError::Invalid(message) => ApiError::invalid("invalid_value", message),
        StoreError::Storage(_) | StoreError::Io(_) => {
            tracing::error!(%error, "the storage of files");
            let message = "the storage of files does not answer now";
            ApiError::unavailable("storage_unavailable", message, 5)
        }
        other => unanswered(&other),
    }
}

/// 404.
pub(crate) fn no_file(id: &str) -> ApiError {
    let id = id.chars().take(80).collect::<String>();
    ApiError::not_found("file_not_found", format!("there is no file {id:?}")).at("id")
}
