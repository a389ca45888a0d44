//! A file on its way: written chunk by chunk, hashed as it grows, continued after a crash, and named only when right.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::HubError;
use crate::layout::{create_parent, remove_if_there};

/// How much of a part that is already there is hashed at a time.
const CHUNK: usize = 1 << 18;

/// The incomplete file of a blob.
pub(crate) struct Part {
    path: PathBuf,
    file: fs_err::File,
    /// Bytes in the file, all of them hashed.
    length: u64,
    hash: Hash,
}

/// The hash that an etag of the hub is.
enum Hash {
    /// Of the contents: large files.
    Sha256(Sha256),
    /// Of the contents behind git's header: small files.
    GitBlob(Sha1),
    /// The etag is no hash.
    Unknown,
}

impl Hash {
    fn new(etag: &str, total: Option<u64>) -> Self {
        let is_hex = etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        match (etag.len(), total) {
            (64, _) if is_hex => Self::Sha256(Sha256::new()),
            // The length is part of what git hashes.
            (40, Some(total)) if is_hex => {
                let mut hash = Sha1::new();
                hash.update(format!("blob {total}\0"));
                Self::GitBlob(hash)
            }
            _ => Self::Unknown,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::GitBlob(hash) => hash.update(bytes),
            Self::Unknown => {}
        }
    }

    /// The hash in hexadecimal digits.
    fn finish(self) -> Option<String> {
        match self {
            Self::Sha256(hash) => Some(hexadecimal(&hash.finalize())),
            Self::GitBlob(hash) => Some(hexadecimal(&hash.finalize())),
            Self::Unknown => None,
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for half in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        digits.push(char::from(b"0123456789abcdef"[usize::from(half)]));
    }
    digits
}

impl Part {
    /// Opens the part at `path`, or begins one, and hashes what is there. A part that is longer than `total` cannot
    /// become the file and is begun anew.
    pub(crate) fn open(path: &Path, etag: &str, total: Option<u64>) -> Result<Self, HubError> {
        create_parent(path)?;
        let file = fs_err::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut part =
            Self { path: path.to_owned(), file, length: 0, hash: Hash::new(etag, total) };
        let found = part.file.metadata()?.len();
        if total.is_some_and(|total| found > total) {
            part.restart(etag, total)?;
            return Ok(part);
        }
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = part.file.read(&mut chunk)?;
            if count == 0 {
                return Ok(part);
            }
            part.hash.update(&chunk[..count]);
            part.length += count as u64;
        }
    }

    /// How many bytes are there.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends what arrived.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), HubError> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Throws away what is there.
    pub(crate) fn restart(&mut self, etag: &str, total: Option<u64>) -> Result<(), HubError> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.length = 0;
        self.hash = Hash::new(etag, total);
        Ok(())
    }

    /// Checks length and hash, makes sure that the disk has everything, and moves the file to its place.
    ///
    /// # Errors
    /// A wrong length or hash deletes the part: there is no way to tell which bytes of it are wrong.
    pub(crate) fn finish(
        self,
        blob: &Path,
        file: &str,
        etag: &str,
        total: Option<u64>,
    ) -> Result<(), HubError> {
        if let Some(expected) = total
            && expected != self.length
        {
            remove_if_there(&self.path)?;
            return Err(HubError::Length { file: file.to_owned(), expected, found: self.length });
        }
        if let Some(found) = self.hash.finish()
            && !found.eq_ignore_ascii_case(etag)
        {
            remove_if_there(&self.path)?;
            return Err(HubError::Hash { file: file.to_owned(), expected: etag.to_owned(), found });
        }
        self.file.sync_all()?;
        drop(self.file);
        fs_err::rename(&self.path, blob)?;
        sync_folder(blob)
    }
}

/// Makes sure that the new name is on the disk, where the system can be told so.
fn sync_folder(path: &Path) -> Result<(), HubError> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        fs_err::File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
