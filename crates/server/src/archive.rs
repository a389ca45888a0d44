//! The database that a server keeps people's things in: files, batches, vector stores, label sets.
//!
//! With accounts it is theirs and open from the start. Without, it is opened and brought up to date at the first request that
//! needs it, or at the start where it is there already, since batches may be waiting in it: a server that only answers touches
//! no folder, and two of them may run side by side. What things are and how they are kept is the `store`'s to say.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRequestParts;
use http::request::Parts;
use index::IndexServer;
use store::{Blobs, Location, Process, Store, StoreError};
use tokio::sync::OnceCell;

use crate::accounts::{LEASE, now};
use crate::app::App;
use crate::bill::{Bill, SharedBill};
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::settings::{ArchiveSettings, Storage};
use crate::uploads::Arrivals;

/// An open database, the folder beside it, and this process's place among those that share it.
pub(crate) struct Archive {
    pub(crate) store: Store,
    pub(crate) process: Process,
    /// Files on their way in.
    pub(crate) arrivals: Arrivals,
    blobs: Option<Blobs>,
    /// Where the vectors of new stores are to be, when the operator says so.
    pub(crate) vectors: Option<Arc<dyn IndexServer>>,
    /// Of what is too large for the database.
    folder: Option<PathBuf>,
    /// Held for as long as this server lives: no other has the same file.
    lock: Option<fs_err::File>,
}

impl Archive {
    /// Opens the database, and brings its tables up to date where no other server can be at work with older ones.
    ///
    /// # Errors
    /// When the database cannot be opened, has tables of another version, or is a file that another server uses.
    pub(crate) async fn open(settings: &ArchiveSettings) -> Result<Self, StoreError> {
        let store = Store::open(&settings.location).await?;
        let migrations = store.migrations().await?;
        let applied = migrations.iter().filter(|migration| migration.applied).count();
        if store.is_shared() && applied > 0 && applied < migrations.len() {
            let message = "servers of an older version may be at work with them".to_owned();
            return Err(StoreError::Version(message));
        }
        let lock = lock(&settings.location)?;
        store.migrate().await?;
        let process = store.enter(now()).await?;
        let blobs = settings.blobs()?;
        let folder = settings.folder.clone();
        let vectors = settings.vectors.clone();
        let arrivals = Arrivals::default();
        let archive = Self { store, process, arrivals, blobs, vectors, folder, lock };
        archive.sweep().await?;
        Ok(archive)
    }

    /// The bytes of files.
    ///
    /// # Errors
    /// 503 when the operator named no place for them and there is no default.
    pub(crate) fn blobs(&self) -> Result<&Blobs, ApiError> {
        self.blobs.as_ref().ok_or_else(no_folder)
    }

    /// The folder of what is too large for the database.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Since when a process must have been seen to count as alive.
    pub(crate) fn alive_since(&self) -> i64 {
        if self.is_alone() { i64::MAX } else { now() - LEASE }
    }

    /// Whether no other server can have the same database.
    pub(crate) fn is_alone(&self) -> bool {
        self.lock.is_some()
    }

    /// Says that this server is alive, tidies up, and tells the metrics what is stored.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn beat(&self, metrics: &Metrics) -> Result<(), StoreError> {
        self.store.beat(&self.process, now()).await?;
        self.store.expire_files(now()).await?;
        self.store.expire_vector_stores(now()).await?;
        self.sweep().await?;
        let stored = self.store.stored().await?;
        metrics.files.set(stored.files as i64);
        metrics.file_bytes.set(stored.bytes as i64);
        self.store.tidy().await
    }

    /// Removes what nobody needs any more, and what processes that died had begun to write.
    async fn sweep(&self) -> Result<(), StoreError> {
        let Some(blobs) = &self.blobs else { return Ok(()) };
        for object in self.store.loose_objects(&self.process, self.alive_since()).await? {
            match blobs.remove(&object).await {
                Ok(()) => self.store.forget_object(&object).await?,
                // It is tried again.
                Err(error) => tracing::warn!(%error, "a file's bytes could not be removed"),
            }
        }
        Ok(())
    }

    /// Ends in order.
    pub(crate) async fn leave(&self) {
        if let Err(error) = self.store.leave(&self.process).await {
            tracing::error!(%error, "the database");
        }
        self.store.close().await;
    }
}

impl ArchiveSettings {
    fn blobs(&self) -> Result<Option<Blobs>, StoreError> {
        match (&self.storage, &self.folder) {
            (Some(Storage::Folder(folder)), _) => Blobs::folder(folder).map(Some),
            #[cfg(feature = "s3")]
            (Some(Storage::Bucket(bucket)), _) => Blobs::bucket(bucket).map(Some),
            (None, Some(folder)) => Blobs::folder(&folder.join("files")).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// The archive, once somebody needs it.
pub(crate) struct LazyArchive {
    settings: Option<ArchiveSettings>,
    opened: OnceCell<Arc<Archive>>,
    /// Whether the last try failed, so that the log says it once.
    failed: AtomicBool,
}

impl LazyArchive {
    pub(crate) fn new(settings: Option<ArchiveSettings>, opened: Option<Arc<Archive>>) -> Self {
        Self { settings, opened: OnceCell::new_with(opened), failed: AtomicBool::new(false) }
    }

    /// The archive; it is opened by whoever comes first.
    ///
    /// # Errors
    /// 503 when it cannot be opened.
    pub(crate) async fn get(&self) -> Result<Arc<Archive>, ApiError> {
        let open = async || {
            let settings = self.settings.as_ref().ok_or_else(no_folder)?;
            let opened = Archive::open(settings).await;
            let failed = self.failed.swap(opened.is_err(), Ordering::Relaxed);
            opened.map(Arc::new).map_err(|error| {
                if !failed {
                    tracing::error!(%error, location = %settings.location, "the database cannot be opened");
                }
                let message = "the server's database cannot be opened, its log says why; \
                               servers side by side need a --data-folder each";
                ApiError::unavailable("archive_unavailable", message, 10)
            })
        };
        self.opened.get_or_try_init(open).await.cloned()
    }

    /// Opens a database that is there already: what was begun in it goes on without anybody asking. Where that fails it is
    /// tried again when somebody asks.
    pub(crate) async fn open_if_there(&self) {
        let there = self.settings.as_ref().is_some_and(|settings| match &settings.location {
            Location::Sqlite(path) => path.exists(),
            Location::Postgres(_) => true,
        });
        if there {
            let _failures_are_logged = self.get().await;
        }
    }

    /// The archive, if somebody has needed it.
    pub(crate) fn opened(&self) -> Option<&Arc<Archive>> {
        self.opened.get()
    }
}

fn no_folder() -> ApiError {
    let message = "the server has no place for data; its operator names one with --data-folder";
    ApiError::unavailable("archive_unavailable", message, 120)
}

/// 503: the database does not answer, which the log says.
pub(crate) fn unanswered(error: &StoreError) -> ApiError {
    tracing::error!(%error, "the database");
    ApiError::unavailable("archive_unavailable", "the server's database does not answer now", 1)
}

/// Whose things a call is about.
pub(crate) struct Owner(pub(crate) store::Owner);

impl Owner {
    /// The account of the key, or the one owner of a server without accounts.
    ///
    /// # Errors
    /// 403 for an admin's key, which owns nothing.
    pub(crate) fn of(bill: &Bill) -> Result<Self, ApiError> {
        let Some(payer) = bill.payer() else { return Ok(Self(store::Owner::alone())) };
        let Some(account) = &payer.key.account_id else {
            let message =
                "an admin's key manages accounts and owns nothing; use a key of an account";
            return Err(ApiError::forbidden("admin_key", message));
        };
        Ok(Self(store::Owner::account(account)))
    }
}

impl FromRequestParts<Arc<App>> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        Self::of(parts.extensions.get::<SharedBill>().expect("the router authenticates first"))
    }
}

/// The lock beside a SQLite file; none on PostgreSQL.
///
/// # Errors
/// When another server has it: each would take the other's calls for those of a dead one.
fn lock(location: &Location) -> Result<Option<fs_err::File>, StoreError> {
    let Location::Sqlite(path) = location else { return Ok(None) };
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = fs_err::OpenOptions::new();
    let file = options.create(true).append(true).open(PathBuf::from(name))?;
    match file.file().try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            let message =
                format!("another server uses {location}; several servers share a PostgreSQL");
            Err(StoreError::Location(message))
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lazy(folder: &Path) -> LazyArchive {
        let location = Location::Sqlite(folder.join("polysight.db"));
        let folder = Some(folder.to_owned());
        let settings = ArchiveSettings { location, folder, storage: None, vectors: None };
        LazyArchive::new(Some(settings), None)
    }

    #[tokio::test]
    async fn nothing_is_touched_before_somebody_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("data");
        let archive = lazy(&place);
        assert!(!place.exists());
        let (one, other) = tokio::join!(archive.get(), archive.get());
        assert!(Arc::ptr_eq(&one.ok().unwrap(), &other.ok().unwrap()));
        assert!(place.join("polysight.db").exists());
        assert!(archive.opened().unwrap().is_alone());
    }

    #[tokio::test]
    async fn a_file_belongs_to_one_server_and_the_next_may_have_it() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (lazy(folder.path()), lazy(folder.path()));
        first.get().await.ok().unwrap().leave().await;
        let error = second.get().await.err().unwrap();
        assert_eq!((error.status.as_u16(), error.code()), (503, "archive_unavailable"));
        drop(first);
        assert!(second.get().await.is_ok(), "a failure is not for ever");
    }

    #[tokio::test]
    async fn a_server_without_a_place_says_so() {
        let error = LazyArchive::new(None, None).get().await.err().unwrap();
        assert!(error.object.message.contains("--data-folder"));
    }
}
