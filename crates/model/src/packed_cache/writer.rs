//! Writing a file of packed weights, part by part, while they are packed.
//!
//! The file has another name until it is whole and on the disk, so that a process that is killed leaves no half of one.

use std::fs::TryLockError;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::PackedCacheError;
use super::key::Key;
use super::layout::{HEADER_BYTES, Header, Part, next_start};

/// How the names of unfinished files begin and end.
const PREFIX: &str = ".packed-";
const SUFFIX: &str = ".part";

/// An unfinished file.
pub(super) struct Writer {
    path: PathBuf,
    key: Key,
    unfinished: NamedTempFile,
    /// Of the last part, in bytes from the start of the file.
    end: u64,
    parts: Vec<Part>,
    failed: Option<io::Error>,
}

impl Writer {
    /// Begins a file that will be at `path`, and removes what killed processes left beside it.
    pub(super) fn create(path: &Path, key: &Key) -> Result<Self, PackedCacheError> {
        let begin = || {
            let folder = path.parent().expect("the file is in a folder");
            fs_err::create_dir_all(folder)?;
            remove_leftovers(folder)?;
            let mut unfinished = locked_file(folder)?;
            unfinished.write_all(&[0; HEADER_BYTES])?;
            Ok(unfinished)
        };
        Ok(Self {
            path: path.to_owned(),
            key: *key,
            unfinished: begin().map_err(|error| PackedCacheError::not_kept(path, error))?,
            end: HEADER_BYTES as u64,
            parts: Vec::new(),
            failed: None,
        })
    }

    /// Appends a part. When that fails, [`finish`](Self::finish) says so.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        match self.align().and_then(|()| self.unfinished.write_all(bytes)) {
            Ok(()) => {
                let length = bytes.len() as u64;
                self.end += length;
                self.parts.push(Part { length, checksum: crc32fast::hash(bytes) });
            }
            Err(error) => self.failed = Some(error),
        }
    }

    /// Fills up to where the next part begins.
    fn align(&mut self) -> io::Result<()> {
        let begin = next_start(self.end).expect("a file's length fits in 64 bits");
        let padding = [0; HEADER_BYTES];
        self.unfinished.write_all(&padding[..(begin - self.end) as usize])?;
        self.end = begin;
        Ok(())
    }

    /// Completes the file and gives it its name, over any older one.
    pub(super) fn finish(self) -> Result<(), PackedCacheError> {
        let path = self.path.clone();
        self.complete().map_err(|error| PackedCacheError::not_kept(&path, error))
    }

    fn complete(mut self) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.align()?;
        let table = self.parts.iter().flat_map(|part| part.to_bytes()).collect::<Vec<_>>();
        let header = Header {
            key: self.key,
            parts: u32::try_from(self.parts.len()).map_err(io::Error::other)?,
            table_start: self.end,
            table_checksum: crc32fast::hash(&table),
        };
        self.unfinished.write_all(&table)?;
        self.unfinished.seek(SeekFrom::Start(0))?;
        self.unfinished.write_all(&header.to_bytes())?;
        self.unfinished.as_file().sync_all()?;
        self.unfinished.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// A new unfinished file whose lock says that it is no leftover. Where files cannot be locked, none is taken for one.
fn locked_file(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder)?;
        match file.as_file().try_lock() {
            // Somebody who looks for leftovers was faster than the lock.
            Err(TryLockError::WouldBlock) => {}
            Ok(()) if !file.path().exists() => {}
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
}

/// Removes unfinished files that nobody writes any more: the system unlocks a file when its process ends.
fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if !name.starts_with(PREFIX.as_bytes()) || !name.ends_with(SUFFIX.as_bytes()) {
            continue;
        }
        // What cannot be opened or removed does no harm.
        let left = fs_err::File::open(entry.path());
        if left.is_ok_and(|file| file.file().try_lock().is_ok()) {
            let _ = fs_err::remove_file(entry.path());
        }
    }
    Ok(())
}
