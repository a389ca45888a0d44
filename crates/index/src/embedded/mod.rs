//! Vectors in a folder of plain files.

mod bitmap;
mod chunk;
mod codes;
mod columns;
mod estimate;
mod generation;
mod log;
mod nearest;
mod rotation;
mod sample;
mod search;
mod sketch;
mod sketched;
mod table;

use std::fs::TryLockError;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use kernels::Isa;
use serde::{Deserialize, Serialize};

pub use self::chunk::ROWS_PER_CHUNK;
use self::chunk::{sync_folder, write_whole};
use self::generation::{Generation, State};
use crate::attributes::Attributes;
use crate::error::IndexError;
use crate::vector_index::{
    Effort, Entry, Hit, Listed, Query, Space, Stored, VectorIndex, check_attributes,
};

const FORMAT: u32 = 1;

/// Rows of one write to the log.
const ROWS_PER_WRITE: usize = 1024;

/// What an index is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may change meanwhile; this copy does not see that.
    Read,
    /// One process at a time.
    Write,
}

/// The file that says what the folder is, and which generation counts.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Manifest {
    format: u32,
    generation: u64,
    #[serde(flatten)]
    space: Space,
}

/// An index in a folder.
#[derive(Debug)]
pub struct Embedded {
    folder: PathBuf,
    space: Space,
    isa: Isa,
    generation: RwLock<Arc<Generation>>,
    /// Of whoever may write.
    lock: Option<fs_err::File>,
}

impl Embedded {
    /// Opens the index of a folder for writing, and makes it where there is none.
    ///
    /// # Errors
    /// When the folder holds vectors of another space, another process writes to it, or its files cannot be read.
    pub fn create(folder: &Path, space: &Space, isa: Isa) -> Result<Self, IndexError> {
        fs_err::create_dir_all(folder)?;
        let lock = lock(folder)?;
        if !manifest_path(folder).exists() {
            // What a killed process may have left of its beginning.
            let first = generation_path(folder, 1);
            if first.exists() {
                fs_err::remove_dir_all(&first)?;
            }
            Generation::create(&first, space.dimensions)?;
            sync_folder(folder)?;
            write_manifest(
                folder,
                &Manifest { format: FORMAT, generation: 1, space: space.clone() },
            )?;
        }
        let index = Self::load(folder, isa, Some(lock))?;
        index.space.require(space)?;
        Ok(index)
    }

    /// Opens an index that is there.
    ///
    /// # Errors
    /// When there is none, another process writes to it while this one wants to, or its files cannot be read.
    pub fn open(folder: &Path, access: Access, isa: Isa) -> Result<Self, IndexError> {
        if !manifest_path(folder).exists() {
            return Err(IndexError::Missing { path: folder.to_owned() });
        }
        let lock = match access {
            Access::Read => None,
            Access::Write => Some(lock(folder)?),
        };
        match Self::load(folder, isa, lock) {
            // A writer tidied up between two of our steps.
            Err(IndexError::Io(error))
                if access == Access::Read && error.kind() == ErrorKind::NotFound =>
            {
                Self::load(folder, isa, None)
            }
            loaded => loaded,
        }
    }

    fn load(folder: &Path, isa: Isa, lock: Option<fs_err::File>) -> Result<Self, IndexError> {
        let Manifest { generation, space, .. } = read_manifest(folder)?;
        if lock.is_some() {
            remove_others(folder, generation)?;
        }
        let path = generation_path(folder, generation);
        let generation = Generation::open(&path, space.dimensions, lock.is_some())?;
        let generation = RwLock::new(Arc::new(generation));
        Ok(Self { folder: folder.to_owned(), space, isa, generation, lock })
    }

    /// What an index's vectors have in common, without opening it; none where there is no index.
    ///
    /// # Errors
    /// When the file that says so cannot be read.
    pub fn space_of(folder: &Path) -> Result<Option<Space>, IndexError> {
        if !manifest_path(folder).exists() {
            return Ok(None);
        }
        Ok(Some(read_manifest(folder)?.space))
    }

    /// Bytes of its files.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn bytes(&self) -> Result<u64, IndexError> {
        let files = fs_err::read_dir(self.generation().folder())?;
        files.map(|file| Ok(file?.metadata()?.len())).sum()
    }

    fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.generation.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn require_writer(&self) -> Result<(), IndexError> {
        if self.lock.is_some() { Ok(()) } else { Err(IndexError::ReadOnly) }
    }

    /// Leaves out what was removed or replaced, once that is more than what is there.
    fn tidy(&self) -> Result<(), IndexError> {
        let rows = self.generation().state().table.rows();
        let live = self.generation().state().table.live().count();
        if rows - live <= live.max(ROWS_PER_CHUNK) {
            return Ok(());
        }
        let mut current = self.generation.write().unwrap_or_else(PoisonError::into_inner);
        let mut manifest = read_manifest(&self.folder)?;
        manifest.generation += 1;
        let path = generation_path(&self.folder, manifest.generation);
        if path.exists() {
            fs_err::remove_dir_all(&path)?;
        }
        let new = Generation::create(&path, self.space.dimensions)?;
        {
            let state = current.state();
            let rows = state.table.live().below(u32::MAX).collect::<Vec<_>>();
            for rows in rows.chunks(ROWS_PER_WRITE) {
                let stored = rows.iter().map(|row| self.stored(&current, &state, *row));
                let stored = stored.collect::<Result<Vec<_>, _>>()?;
                new.put(&stored.iter().map(Stored::entry).collect::<Vec<_>>())?;
            }
        }
        sync_folder(&self.folder)?;
        write_manifest(&self.folder, &manifest)?;
        *current = Arc::new(new);
        remove_others(&self.folder, manifest.generation)
    }

    fn stored(&self, of: &Generation, state: &State, row: u32) -> Result<Stored, IndexError> {
        let owner = state.table.owner(row);
        Ok(Stored {
            id: owner.id.to_string(),
            vector: state.vector(row, self.space.dimensions).to_vec(),
            attributes: of.attributes(owner.attributes)?,
        })
    }
}

impl VectorIndex for Embedded {
    fn space(&self) -> &Space {
        &self.space
    }

    fn count(&self) -> Result<u64, IndexError> {
        Ok(self.generation().state().table.live().count() as u64)
    }

    fn put(&self, entries: &[Entry<'_>]) -> Result<(), IndexError> {
        self.require_writer()?;
        entries.iter().try_for_each(|entry| entry.check(&self.space))?;
        if entries.is_empty() {
            return Ok(());
        }
        self.generation().put(entries)?;
        self.tidy()
    }

    fn set_attributes(&self, id: &str, attributes: &Attributes) -> Result<bool, IndexError> {
        self.require_writer()?;
        check_attributes(id, attributes)?;
        self.generation().set_attributes(id, attributes)
    }

    fn remove(&self, ids: &[&str]) -> Result<u64, IndexError> {
        self.require_writer()?;
        let removed = self.generation().remove(ids)?;
        self.tidy()?;
        Ok(removed)
    }

    fn get(&self, id: &str) -> Result<Option<Stored>, IndexError> {
        let generation = self.generation();
        let state = generation.state();
        state.table.row(id).map(|row| self.stored(&generation, &state, row)).transpose()
    }

    /// In the order of the ids' bytes.
    fn page(&self, after: Option<&str>, count: usize) -> Result<Vec<Stored>, IndexError> {
        let generation = self.generation();
        let state = generation.state();
        let rows = state.table.after(after).take(count);
        rows.map(|row| self.stored(&generation, &state, row)).collect()
    }

    /// In the order of the ids' bytes.
    fn list(&self, after: Option<&str>, count: usize) -> Result<Vec<Listed>, IndexError> {
        let generation = self.generation();
        let state = generation.state();
        let listed = state.table.after(after).take(count).map(|row| {
            let owner = state.table.owner(row);
            let attributes = generation.attributes(owner.attributes)?;
            Ok(Listed { id: owner.id.to_string(), attributes })
        });
        listed.collect()
    }

    fn search(&self, query: &Query<'_>) -> Result<Vec<Hit>, IndexError> {
        query.check(&self.space)?;
        if query.count == 0 {
            return Ok(Vec::new());
        }
        let generation = self.generation();
        let state = generation.state();
        let hits = state.search(self.isa, query).into_iter().map(|scored| {
            let owner = state.table.owner(scored.row);
            let attributes = generation.attributes(owner.attributes)?;
            Ok(Hit { id: owner.id.to_string(), product: scored.product, attributes })
        });
        let mut hits = hits.collect::<Result<Vec<_>, IndexError>>()?;
        hits.sort_by(Hit::by_rank);
        Ok(hits)
    }
}

impl Query<'_> {
    /// The `count` nearest of all.
    pub fn nearest(vector: &[f32], count: usize) -> Query<'_> {
        Query { vector, count, filter: None, effort: Effort::Fast }
    }
}

fn manifest_path(folder: &Path) -> PathBuf {
    folder.join("index.json")
}

fn generation_path(folder: &Path, generation: u64) -> PathBuf {
    folder.join(generation.to_string())
}

fn read_manifest(folder: &Path) -> Result<Manifest, IndexError> {
    let path = manifest_path(folder);
    let text = fs_err::read(&path)?;
    let damaged = |problem| IndexError::Damaged { path, problem };
    let manifest = match serde_json::from_slice::<Manifest>(&text) {
        Ok(manifest) => manifest,
        Err(error) => return Err(damaged(error.to_string())),
    };
    if manifest.format != FORMAT {
        let found = manifest.format;
        return Err(damaged(format!("its format is {found}; this version knows {FORMAT}")));
    }
    if manifest.space.dimensions == 0 || manifest.space.dimensions > 1 << 16 {
        return Err(damaged("its vectors have no number, or more than 65536".to_owned()));
    }
    Ok(manifest)
}

fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), IndexError> {
    let text = serde_json::to_vec_pretty(manifest).expect("texts and numbers");
    write_whole(&manifest_path(folder), &text)
}

/// Removes what no longer counts: folders whose names are numbers, and files that were never finished.
fn remove_others(folder: &Path, generation: u64) -> Result<(), IndexError> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.parse::<u64>().is_ok_and(|number| number != generation) {
            fs_err::remove_dir_all(entry.path())?;
        }
    }
    for folder in [folder, &generation_path(folder, generation)] {
        for entry in fs_err::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(".tmp")) {
                fs_err::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

fn lock(folder: &Path) -> Result<fs_err::File, IndexError> {
    let mut options = fs_err::OpenOptions::new();
    let file = options.create(true).append(true).open(folder.join("lock"))?;
    match file.file().try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IndexError::Locked { path: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
