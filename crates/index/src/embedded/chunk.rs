//! Files of rows, and the sketches of full ones.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::embedded::sketch::{Sketcher, Sketches};
use crate::error::IndexError;

/// Rows of a file. Fewer have no sketches and are always compared exactly.
pub const ROWS_PER_CHUNK: usize = 8192;

const MAGIC: &[u8; 8] = b"PSKETCH1";

/// A full file of rows.
#[derive(Debug)]
pub(crate) struct Chunk {
    map: Mmap,
}

impl Chunk {
    /// f32 x [`ROWS_PER_CHUNK`] x D.
    pub(crate) fn rows(&self) -> &[f32] {
        bytemuck::cast_slice(&self.map)
    }

    /// One row.
    pub(crate) fn row(&self, place: usize, dimensions: usize) -> &[f32] {
        &self.rows()[place * dimensions..][..dimensions]
    }
}

/// The files of one generation.
#[derive(Clone, Debug)]
pub(crate) struct ChunkFiles {
    pub(crate) folder: PathBuf,
    pub(crate) dimensions: usize,
}

impl ChunkFiles {
    fn rows_path(&self, chunk: usize) -> PathBuf {
        self.folder.join(format!("{chunk:06}.rows"))
    }

    fn sketches_path(&self, chunk: usize) -> PathBuf {
        self.folder.join(format!("{chunk:06}.sketches"))
    }

    fn row_bytes(&self) -> usize {
        self.dimensions * size_of::<f32>()
    }

    /// Writes rows of one chunk from a place on, and is back when they are on the disk.
    pub(crate) fn write(&self, chunk: usize, place: usize, rows: &[f32]) -> Result<(), IndexError> {
        let path = self.rows_path(chunk);
        let is_new = !path.exists();
        let mut options = fs_err::OpenOptions::new();
        let mut file = options.create(true).truncate(false).write(true).open(&path)?;
        file.seek(SeekFrom::Start((place * self.row_bytes()) as u64))?;
        file.write_all(bytemuck::cast_slice(rows))?;
        file.sync_data()?;
        if is_new {
            sync_folder(&self.folder)?;
        }
        Ok(())
    }

    /// The first rows of a chunk.
    pub(crate) fn read(&self, chunk: usize, count: usize) -> Result<Vec<f32>, IndexError> {
        let mut rows = vec![0.0; count * self.dimensions];
        if count > 0 {
            let path = self.rows_path(chunk);
            let mut file = fs_err::File::open(&path)?;
            file.read_exact(bytemuck::cast_slice_mut(&mut rows)).map_err(|error| {
                IndexError::Damaged { path, problem: format!("rows are missing: {error}") }
            })?;
        }
        Ok(rows)
    }

    /// A full chunk, with its sketches: read where they are there, made where not, and written where that is allowed.
    pub(crate) fn open(
        &self,
        number: usize,
        sketcher: &Sketcher,
        writable: bool,
    ) -> Result<(Chunk, Sketches), IndexError> {
        let path = self.rows_path(number);
        let map = map(&path)?;
        let (found, wanted) = (map.len(), ROWS_PER_CHUNK * self.row_bytes());
        if found < wanted {
            let problem = format!("it has {found} bytes; a full chunk has {wanted}");
            return Err(IndexError::Damaged { path, problem });
        }
        let chunk = Chunk { map };
        let path = self.sketches_path(number);
        if let Some(sketches) = read_sketches(&path, sketcher)? {
            return Ok((chunk, sketches));
        }
        let sketches = sketcher.sketch(&chunk.rows()[..ROWS_PER_CHUNK * self.dimensions]);
        if writable {
            let mut content = MAGIC.to_vec();
            content.extend_from_slice(&crc32fast::hash(&sketches.whole).to_le_bytes());
            content.extend_from_slice(&sketches.whole);
            write_whole(&path, &content)?;
        }
        Ok((chunk, sketches))
    }
}

/// Sketches that are whole; none where they have to be made anew.
fn read_sketches(path: &Path, sketcher: &Sketcher) -> Result<Option<Sketches>, IndexError> {
    if !path.exists() {
        return Ok(None);
    }
    let content = fs_err::read(path)?;
    let whole = content.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk::<4>());
    let fits = |whole: &[u8]| whole.len() == ROWS_PER_CHUNK * sketcher.whole_bytes();
    Ok(match whole {
        Some((checksum, whole))
            if fits(whole) && crc32fast::hash(whole) == u32::from_le_bytes(*checksum) =>
        {
            Some(sketcher.complete(whole.to_vec()))
        }
        _ => None,
    })
}

fn map(path: &Path) -> Result<Mmap, IndexError> {
    let file = fs_err::File::open(path)?;
    // SAFETY: the map is read-only and every bit pattern is a valid `u8`. Rows of a full chunk are never written again by this
    // program; that nobody else changes the file meanwhile is a condition of use, whose violation gives wrong numbers or a bus error.
    let map = unsafe { Mmap::map(&file) };
    map.map_err(|error| {
        std::io::Error::new(error.kind(), format!("{}: cannot be mapped: {error}", path.display()))
            .into()
    })
}

/// Writes a file that is there whole or not at all.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), IndexError> {
    let folder = path.parent().expect("the index's files are in its folder");
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Names that were made or changed are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), IndexError> {
    // Other systems have no such thing.
    if cfg!(unix) {
        fs_err::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
