//! Where the bytes of files are: a folder, or a bucket that speaks S3.
//!
//! An object is written once, under a name that nobody else uses, and is there whole or not at all: a folder gets it under
//! another name first, and it is on the disk, with the folder's own entry, before it is renamed. Which objects count is said by
//! the database alone (`files.rs`), so storage is never listed and nothing in it is ever overwritten.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt as _, WriteMultipart};
use sha2::{Digest, Sha256};

use crate::error::StoreError;

/// Bytes of a part that is sent to storage; S3 takes 5 MiB at least.
const PART: usize = 8 << 20;

/// Parts of one upload that are on their way at once.
const PARTS_AT_ONCE: usize = 2;

/// A place for the bytes of files. Copies share it.
#[derive(Clone)]
pub struct Blobs {
    objects: Arc<dyn ObjectStore>,
    /// Stands before every name, with a slash at its end.
    prefix: String,
    /// Where half-written files may be left by a process that died.
    folder: Option<PathBuf>,
}

impl fmt::Debug for Blobs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Blobs({})", self.objects)
    }
}

/// An account of a bucket that speaks S3.
#[cfg(feature = "s3")]
#[derive(Clone)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What stands before the names of objects; may be empty.
    pub prefix: String,
    /// The region; `us-east-1` where the server knows none.
    pub region: String,
    /// The server's URL; none is Amazon's own.
    pub endpoint: Option<String>,
    /// Key id and secret; none asks the machine that runs at Amazon.
    pub credentials: Option<Credentials>,
}

/// What a bucket is opened with.
#[cfg(feature = "s3")]
#[derive(Clone)]
pub struct Credentials {
    /// The key's id.
    pub key_id: String,
    /// The key's secret.
    pub secret: String,
    /// Of a key that is valid for a while.
    pub session: Option<String>,
}

impl Blobs {
    /// A folder; it is made when it is missing. Several servers must have the same one.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn folder(folder: &Path) -> Result<Self, StoreError> {
        fs_err::create_dir_all(folder)?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(storage)?.with_fsync(true);
        Ok(Self {
            objects: Arc::new(objects),
            prefix: String::new(),
            folder: Some(std::path::absolute(folder)?),
        })
    }

    /// A bucket.
    ///
    /// # Errors
    /// When its settings make no sense; nothing is asked yet.
    #[cfg(feature = "s3")]
    pub fn bucket(bucket: &Bucket) -> Result<Self, StoreError> {
        // The client of HTTP asks for the process's own; where there is one already, it is this.
        let _there_is_one =
            tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let mut builder = object_store::aws::AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_region(&bucket.region);
        if let Some(endpoint) = &bucket.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(true);
        }
        if let Some(credentials) = &bucket.credentials {
            builder = builder
                .with_access_key_id(&credentials.key_id)
                .with_secret_access_key(&credentials.secret);
            if let Some(session) = &credentials.session {
                builder = builder.with_token(session);
            }
        }
        let prefix = bucket.prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { objects: Arc::new(builder.build().map_err(storage)?), prefix, folder: None })
    }

    fn path(&self, object: &str) -> ObjectPath {
        ObjectPath::from(format!("{}{object}", self.prefix))
    }

    /// Begins to write an object, which nobody sees before it is finished.
    ///
    /// # Errors
    /// When storage does not take it.
    pub async fn begin(&self, object: &str) -> Result<BlobWriter, StoreError> {
        let upload = self.objects.put_multipart(&self.path(object)).await.map_err(storage)?;
        let upload = WriteMultipart::new_with_chunk_size(upload, PART);
        Ok(BlobWriter { upload, hash: Sha256::new(), bytes: 0 })
    }

    /// The bytes of an object, or of a part of it, as they come.
    ///
    /// # Errors
    /// When it is not there; a stream that breaks off ends with an error.
    pub async fn read(
        &self,
        object: &str,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
        let found = self.objects.get_opts(&self.path(object), options).await.map_err(storage)?;
        Ok(found.into_stream().map(|part| part.map_err(storage)).boxed())
    }

    /// The same in one piece.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub async fn read_whole(
        &self,
        object: &str,
        range: Option<Range<u64>>,
    ) -> Result<Bytes, StoreError> {
        let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
        let found = self.objects.get_opts(&self.path(object), options).await.map_err(storage)?;
        found.bytes().await.map_err(storage)
    }

    /// Removes an object, whole or half-written; one that is not there is removed already.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn remove(&self, object: &str) -> Result<(), StoreError> {
        if let Some(folder) = &self.folder {
            // The name under which the folder gets it first; it is the first of its name, which is used once.
            let half = folder.join(format!("{object}#1"));
            match fs_err::remove_file(half) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        match self.objects.delete(&self.path(object)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(storage(error)),
        }
    }
}

/// An object on its way to storage.
#[derive(Debug)]
pub struct BlobWriter {
    upload: WriteMultipart,
    hash: Sha256,
    bytes: u64,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// 64 hexadecimal digits.
    pub sha256: String,
    /// How many.
    pub bytes: u64,
}

impl BlobWriter {
    /// Takes the next bytes, and waits while storage is slower than they come.
    ///
    /// # Errors
    /// When a part could not be written.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.upload.wait_for_capacity(PARTS_AT_ONCE).await.map_err(storage)?;
        self.hash.update(&bytes);
        self.bytes += bytes.len() as u64;
        self.upload.put(bytes);
        Ok(())
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the object visible, and waits until it is on the disk.
    ///
    /// # Errors
    /// When a part could not be written.
    pub async fn finish(self) -> Result<Written, StoreError> {
        let sha256 = data_encoding::HEXLOWER.encode(&self.hash.finalize());
        self.upload.finish().await.map_err(storage)?;
        Ok(Written { sha256, bytes: self.bytes })
    }

    /// Leaves nothing behind.
    ///
    /// # Errors
    /// When storage does not answer; what is left then is removed later.
    pub async fn abort(self) -> Result<(), StoreError> {
        self.upload.abort().await.map_err(storage)
    }
}

fn storage(error: object_store::Error) -> StoreError {
    StoreError::Storage(Box::new(error))
}
