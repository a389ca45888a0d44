//! Files of the folder: small ones read whole, weight files mapped. The only unsafe code of the crate.

use std::io::Read;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::{Header, WeightsError};

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
        Ok(Some(Self { mapped: MappedFile { path: path.to_owned(), map }, header }))
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
