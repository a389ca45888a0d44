//! Files of the folder: small ones read whole, weight files mapped. The only unsafe code of the crate.

use std::fs::Metadata;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use memmap2::Mmap;

use crate::{Header, WeightsError, read_samples};

/// Reads a small file, or gives `None` when there is none.
///
/// # Errors
/// If it is no regular file, larger than `limit` bytes, or cannot be read.
pub(crate) fn read_small_file(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, WeightsError> {
    let Some(file) = open_regular(path)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    // One byte more than the limit tells a file that is too large, even if it grows while it is read.
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(WeightsError::InFile {
            path: path.to_owned(),
            problem: Box::new(WeightsError::TooLarge { found: bytes.len() as u64, limit }),
        });
    }
    Ok(Some(bytes))
}

/// Opens a regular file, or gives `None` when there is nothing at the path. A folder or a pipe is an error (opening a
/// pipe would wait for a writer).
fn open_regular(path: &Path) -> Result<Option<fs_err::File>, WeightsError> {
    let metadata = match fs_err::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !metadata.is_file() {
        return Err(std::io::Error::other(format!("{}: not a regular file", path.display())).into());
    }
    Ok(Some(fs_err::File::open(path)?))
}

/// A weight file, mapped for reading.
#[derive(Debug)]
pub(crate) struct MappedFile {
    path: PathBuf,
    map: Mmap,
    /// The very file that is mapped, whatever stands at the path by now.
    file: Mutex<fs_err::File>,
}

/// A weight file with its header.
#[derive(Debug)]
pub(crate) struct WeightFile {
    pub(crate) mapped: MappedFile,
    pub(crate) header: Header,
}

impl WeightFile {
    /// Reads the header and maps the file; the data is not touched. `None` when there is no such file.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, WeightsError> {
        let Some(mut file) = open_regular(path)? else {
            return Ok(None);
        };
        let length = file.metadata()?.len();
        let header = Header::read(&mut file, length).map_err(|problem| match problem {
            WeightsError::Io(error) => WeightsError::Io(error),
            problem => WeightsError::InFile { path: path.to_owned(), problem: Box::new(problem) },
        })?;
        // SAFETY: the map is read-only and lives as long as the slices taken from it (they borrow `self`). The one
        // demand that the language cannot check is that nobody changes the file meanwhile: the crate documentation
        // makes it a condition of use, this program never writes a weight file in place, and every bit pattern that
        // could appear is a valid `u8`, so that a violation gives wrong numbers or a bus error, as documented.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| {
            let message = format!("{}: cannot be mapped: {error}", path.display());
            std::io::Error::new(error.kind(), message)
        })?;
        if map.len() as u64 != length {
            return Err(
                std::io::Error::other(format!("{}: changed while opened", path.display())).into()
            );
        }
        let mapped = MappedFile { path: path.to_owned(), map, file: Mutex::new(file) };
        Ok(Some(Self { mapped, header }))
    }
}

impl MappedFile {
    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Hands `sink` bytes that tell the mapped file from others: see [`Checkpoint::identify`](crate::Checkpoint).
    pub(crate) fn identify(&self, sink: &mut dyn FnMut(&[u8])) -> Result<(), WeightsError> {
        // Also after a panic: whoever reads the file says from where.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = file.metadata()?;
        if let Some(hash) = self.hash_of_blob(&metadata) {
            sink(hash.as_bytes());
            sink(&metadata.len().to_le_bytes());
            return Ok(());
        }
        read_samples(&mut *file, metadata.len(), sink)?;
        // A time before 1970 is told from one after it by the sign.
        let (sign, distance) = match metadata.modified()?.duration_since(UNIX_EPOCH) {
            Ok(after) => (b'+', after),
            Err(before) => (b'-', before.duration()),
        };
        sink(&[sign]);
        sink(&distance.as_nanos().to_le_bytes());
        Ok(())
    }

    /// The sha256 of the contents, where the file is a blob of the Hugging Face cache, which is named by it.
    fn hash_of_blob(&self, mapped: &Metadata) -> Option<String> {
        let blob = fs_err::canonicalize(&self.path).ok()?;
        let name = blob.file_name()?.to_str()?;
        let is_hash = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash || blob.parent()?.file_name()? != "blobs" {
            return None;
        }
        // The path may lead to another blob than when the file was opened.
        let found = fs_err::metadata(&blob).ok()?;
        let same =
            found.len() == mapped.len() && found.modified().ok()? == mapped.modified().ok()?;
        same.then(|| name.to_owned())
    }

    /// Tells the system that a range of bytes was consumed. Its pages, and the two that it shares with its
    /// neighbours, leave this process's memory; reading them again is correct and fetches them anew.
    pub(crate) fn release(&self, begin: usize, end: usize) {
        #[cfg(unix)]
        if begin < end && end <= self.map.len() {
            // SAFETY: on a shared, read-only map of a file, dropping pages loses nothing: the next access maps the
            // same contents of the file again. Slices into the range stay valid and see the same bytes. The range is
            // within the map, as just checked.
            let advised = unsafe {
                self.map.unchecked_advise_range(
                    memmap2::UncheckedAdvice::DontNeed,
                    begin,
                    end - begin,
                )
            };
            // An advice that the system declines costs memory and nothing else.
            drop(advised);
        }
        #[cfg(not(unix))]
        let _ = (begin, end);
    }
}
