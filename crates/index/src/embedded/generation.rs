//! The files of an index since it was made or tidied last.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kernels::Isa;

use crate::attributes::Attributes;
use crate::embedded::bitmap::Bitmap;
use crate::embedded::chunk::{ChunkFiles, ROWS_PER_CHUNK};
use crate::embedded::log::{Event, Log, Place, attributes_record, put_record, remove_record};
use crate::embedded::nearest::{Nearest, Scored};
use crate::embedded::search::add_allowed;
use crate::embedded::sketch::Sketcher;
use crate::embedded::sketched::Sketched;
use crate::embedded::table::Table;
use crate::error::IndexError;
use crate::vector_index::{Effort, Entry, Query};

/// What is in memory.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) table: Table,
    /// None until the first chunk is full.
    sketched: Option<Sketched>,
    /// Rows behind the full chunks.
    tail: Vec<f32>,
}

/// Files and memory of one generation. Who writes waits for the disk without keeping readers out.
#[derive(Debug)]
pub(crate) struct Generation {
    files: ChunkFiles,
    log: Mutex<Log>,
    /// Held by whoever writes.
    writer: Mutex<()>,
    state: RwLock<State>,
}

impl Generation {
    /// An empty one in a new folder.
    pub(crate) fn create(folder: &Path, dimensions: usize) -> Result<Self, IndexError> {
        fs_err::create_dir_all(folder)?;
        let log = Log::create(&folder.join("log"))?;
        crate::embedded::chunk::sync_folder(folder)?;
        let state = State { table: Table::default(), sketched: None, tail: Vec::new() };
        Ok(Self::new(folder, dimensions, log, state))
    }

    /// What is in a folder.
    pub(crate) fn open(
        folder: &Path,
        dimensions: usize,
        writable: bool,
    ) -> Result<Self, IndexError> {
        let mut table = Table::default();
        let log = Log::open(&folder.join("log"), writable, &mut |event| {
            table.apply(event);
            Ok(())
        })?;
        let files = ChunkFiles { folder: folder.to_owned(), dimensions };
        let full = table.rows() / ROWS_PER_CHUNK;
        let sketched = if full == 0 {
            None
        } else {
            let centre = Sketcher::centre_of(&files.read(0, ROWS_PER_CHUNK)?, dimensions);
            let mut sketched = Sketched::new(Sketcher::new(centre), dimensions);
            for number in 0..full {
                let (chunk, sketches) = files.open(number, &sketched.sketcher, writable)?;
                sketched.push(chunk, &sketches);
            }
            sketched.draw_sample();
            Some(sketched)
        };
        let tail = files.read(full, table.rows() % ROWS_PER_CHUNK)?;
        Ok(Self::new(folder, dimensions, log, State { table, sketched, tail }))
    }

    fn new(folder: &Path, dimensions: usize, log: Log, state: State) -> Self {
        Self {
            files: ChunkFiles { folder: folder.to_owned(), dimensions },
            log: Mutex::new(log),
            writer: Mutex::new(()),
            state: RwLock::new(state),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.files.folder
    }

    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends rows: first the numbers, then the record that makes them count.
    pub(crate) fn put(&self, entries: &[Entry<'_>]) -> Result<(), IndexError> {
        let _writer = self.write();
        let first = self.state().table.rows();
        let dimensions = self.files.dimensions;
        let mut row = first;
        for part in pieces(entries, first) {
            let rows = part.iter().flat_map(|entry| entry.vector).copied().collect::<Vec<_>>();
            self.files.write(row / ROWS_PER_CHUNK, row % ROWS_PER_CHUNK, &rows)?;
            row += part.len();
        }
        let places = {
            let mut log = self.log();
            let (record, places) = put_record(entries, log.next());
            log.append(&record)?;
            places
        };
        let mut places = places.into_iter();
        for part in pieces(entries, first) {
            let mut state = self.state_mut();
            for (entry, place) in part.iter().zip(&mut places) {
                let attributes = entry.attributes.clone();
                state.table.apply(Event::Put { id: entry.id, attributes, place });
                state.tail.extend_from_slice(entry.vector);
            }
            let is_full = state.tail.len() == ROWS_PER_CHUNK * dimensions;
            drop(state);
            if is_full {
                self.seal()?;
            }
        }
        Ok(())
    }

    /// Turns the tail into a chunk. Until its sketches are made it is compared exactly.
    fn seal(&self) -> Result<(), IndexError> {
        let mut first = None;
        let (chunk, sketches) = {
            let state = self.state();
            let number = state.sketched.as_ref().map_or(0, |sketched| sketched.chunks.len());
            let sketcher = if let Some(sketched) = &state.sketched {
                &sketched.sketcher
            } else {
                let centre = Sketcher::centre_of(&state.tail, self.files.dimensions);
                first.insert(Sketcher::new(centre))
            };
            self.files.open(number, sketcher, true)?
        };
        let mut state = self.state_mut();
        if let Some(sketcher) = first {
            state.sketched = Some(Sketched::new(sketcher, self.files.dimensions));
        }
        let sketched = state.sketched.as_mut().expect("the first chunk brings its sketcher");
        sketched.push(chunk, &sketches);
        sketched.draw_sample();
        state.tail.clear();
        Ok(())
    }

    pub(crate) fn set_attributes(
        &self,
        id: &str,
        attributes: &Attributes,
    ) -> Result<bool, IndexError> {
        let _writer = self.write();
        if self.state().table.row(id).is_none() {
            return Ok(false);
        }
        let place = {
            let mut log = self.log();
            let (record, place) = attributes_record(id, attributes, log.next());
            log.append(&record)?;
            place
        };
        let attributes = attributes.clone();
        self.state_mut().table.apply(Event::SetAttributes { id, attributes, place });
        Ok(true)
    }

    pub(crate) fn remove(&self, ids: &[&str]) -> Result<u64, IndexError> {
        let _writer = self.write();
        let mut known = {
            let state = self.state();
            ids.iter().copied().filter(|id| state.table.row(id).is_some()).collect::<Vec<_>>()
        };
        known.sort_unstable();
        known.dedup();
        if known.is_empty() {
            return Ok(0);
        }
        self.log().append(&remove_record(&known))?;
        let mut state = self.state_mut();
        for id in &known {
            state.table.apply(Event::Remove { id });
        }
        Ok(known.len() as u64)
    }

    pub(crate) fn attributes(&self, place: Place) -> Result<Attributes, IndexError> {
        self.log().read(place)
    }
}

/// Entries as far as they go into one chunk each, from a row on.
fn pieces<'a, 'b>(entries: &'a [Entry<'b>], first: usize) -> impl Iterator<Item = &'a [Entry<'b>]> {
    let room = ROWS_PER_CHUNK - first % ROWS_PER_CHUNK;
    let (head, rest) = entries.split_at(room.min(entries.len()));
    std::iter::once(head).chain(rest.chunks(ROWS_PER_CHUNK)).filter(|part| !part.is_empty())
}

impl State {
    pub(crate) fn vector(&self, row: u32, dimensions: usize) -> &[f32] {
        match &self.sketched {
            Some(sketched) if (row as usize) < sketched.rows() => sketched.row(row),
            sketched => {
                let sealed = sketched.as_ref().map_or(0, Sketched::rows);
                &self.tail[(row as usize - sealed) * dimensions..][..dimensions]
            }
        }
    }

    /// The nearest live rows of which the filter holds.
    pub(crate) fn search(&self, isa: Isa, query: &Query<'_>) -> Vec<Scored> {
        let allowed: Option<Bitmap> = match query.filter {
            Some(filter) => Some(self.table.select(filter)),
            None if self.table.live().count() == self.table.rows() => None,
            None => Some(self.table.live().clone()),
        };
        let allowed = allowed.as_ref();
        let mut nearest = Nearest::new(query.count.min(self.table.live().count()).max(1));
        let sealed = self.sketched.as_ref().map_or(0, Sketched::rows);
        let mut products = vec![0.0; self.tail.len() / query.vector.len()];
        kernels::dot_rows(isa, query.vector, &self.tail, &mut products);
        add_allowed(&products, sealed as u32, allowed, &mut nearest);
        if let Some(sketched) = &self.sketched {
            match query.effort {
                Effort::Exact => sketched.exact(isa, query.vector, allowed, &mut nearest),
                Effort::Fast => sketched.fast(isa, query.vector, allowed, &mut nearest),
            }
        }
        nearest.into_sorted()
    }
}
