//! Reading a file of packed weights, part by part.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crc32fast::Hasher;
use kernels::Compute;

use super::error::PackedCacheError;
use super::key::Key;
use super::layout::{HEADER_BYTES, Header, Placed};

/// Less than this is not worth waking a thread for, in bytes.
const LEAST_OF_A_THREAD: usize = 256 << 10;

/// A file whose header and table are sound, and the next part.
pub(super) struct Reader {
    path: PathBuf,
    file: Positioned,
    parts: std::vec::IntoIter<Placed>,
}

impl Reader {
    /// Opens the file at `path`. `None` when there is none, or one of another key or version.
    pub(super) fn open(path: &Path, key: &Key) -> Result<Option<Self>, PackedCacheError> {
        let unusable = |problem: &dyn ToString| PackedCacheError::unusable(path, problem);
        // A pipe would wait for a writer.
        match fs_err::metadata(path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(unusable(&"it is not a regular file")),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&error)),
        }
        let file = fs_err::File::open(path).map_err(|error| unusable(&error))?;
        let length = file.metadata().map_err(|error| unusable(&error))?.len();
        let file = Positioned::new(file);
        let mut header = [0; HEADER_BYTES];
        file.read(&mut header, 0).map_err(|error| unusable(&error))?;
        let header = match Header::parse(&header).map_err(|problem| unusable(&problem))? {
            Some(header) if header.key == *key => header,
            _ => return Ok(None),
        };
        let bytes = header.table_bytes(length).map_err(|problem| unusable(&problem))?;
        let mut table = vec![0; bytes];
        file.read(&mut table, header.table_start).map_err(|error| unusable(&error))?;
        let parts = header.places(&table).map_err(|problem| unusable(&problem))?.into_iter();
        Ok(Some(Self { path: path.to_owned(), file, parts }))
    }

    /// Fills `bytes` with the next part, on all threads, and checks it.
    pub(super) fn read(
        &mut self,
        compute: &Compute,
        bytes: &mut [u8],
    ) -> Result<(), PackedCacheError> {
        let Some(Placed { begin, part }) = self.parts.next() else {
            return Err(self.unusable(&"it has too few parts"));
        };
        let length = bytes.len();
        if part.length != length as u64 {
            let problem = format!("a part has {} bytes; {length} were expected", part.length);
            return Err(self.unusable(&problem));
        }
        // One stretch for each thread: so they seldom meet in a huge page, whose first touch is half of the work.
        let chunk = length.div_ceil(compute.pool().threads()).max(LEAST_OF_A_THREAD);
        let unread = || Ok(Hasher::new());
        let chunks = std::iter::repeat_with(unread).take(length.div_ceil(chunk));
        let chunks = Mutex::new(chunks.collect::<Vec<io::Result<Hasher>>>());
        compute.for_each_part(bytes, chunk, &|index, bytes| {
            let offset = begin + (index * chunk) as u64;
            let read = self.file.read(bytes, offset).map(|()| {
                let mut hasher = Hasher::new();
                hasher.update(bytes);
                hasher
            });
            chunks.lock().expect("no thread panicked")[index] = read;
        });
        let mut whole = Hasher::new();
        for chunk in chunks.into_inner().expect("no thread panicked") {
            whole.combine(&chunk.map_err(|error| self.unusable(&error))?);
        }
        if whole.finalize() == part.checksum {
            Ok(())
        } else {
            Err(self.unusable(&"the checksum of a part is wrong"))
        }
    }

    /// Whether all was read.
    pub(super) fn finish(&self) -> Result<(), PackedCacheError> {
        match self.parts.len() {
            0 => Ok(()),
            rest => Err(self.unusable(&format!("it has {rest} parts too many"))),
        }
    }

    fn unusable(&self, problem: &dyn ToString) -> PackedCacheError {
        PackedCacheError::unusable(&self.path, problem)
    }
}

/// A file that several threads read, each where it likes.
struct Positioned {
    file: fs_err::File,
    /// Held while the file's own position is in use.
    #[cfg(not(unix))]
    position: Mutex<()>,
}

impl Positioned {
    fn new(file: fs_err::File) -> Self {
        Self {
            file,
            #[cfg(not(unix))]
            position: Mutex::new(()),
        }
    }

    /// Fills `bytes` from `offset` on.
    #[cfg(unix)]
    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self.file.file(), bytes, offset)
    }

    /// Fills `bytes` from `offset` on.
    #[cfg(not(unix))]
    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let _position = self.position.lock().expect("no thread panicked");
        let mut file = self.file.file();
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(bytes)
    }
}
