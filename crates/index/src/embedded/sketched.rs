//! Full chunks with their sketches.

use std::sync::{Mutex, MutexGuard, PoisonError};

use kernels::{Isa, dot_rows};

use crate::embedded::bitmap::Bitmap;
use crate::embedded::chunk::{Chunk, ROWS_PER_CHUNK};
use crate::embedded::codes::Codes;
use crate::embedded::estimate::Tables;
use crate::embedded::nearest::Nearest;
use crate::embedded::sample::Sample;
use crate::embedded::search::{Search, add_allowed, product};
use crate::embedded::sketch::{Sketcher, Sketches};

/// Rows that a filter leaves are compared exactly up to this number.
const FEW: usize = 2048;

/// A filter that leaves fewer than one row in so many spares the first stage, which reads all.
const SPARSE: usize = 16;

/// Full chunks, and what is needed to estimate their products.
#[derive(Debug)]
pub(crate) struct Sketched {
    pub(crate) sketcher: Sketcher,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) scanned: Codes,
    pub(crate) whole: Codes,
    sample: Sample,
    dimensions: usize,
    pub(crate) spare: Spare,
}

/// Memory for sums that one search leaves to the next: fresh pages would cost as much as a fifth of reading the sketches.
#[derive(Debug, Default)]
pub(crate) struct Spare(Mutex<Vec<Vec<u16>>>);

impl Spare {
    /// So many numbers, whatever they are.
    pub(crate) fn take(&self, length: usize) -> Vec<u16> {
        let mut sums = self.all().pop().unwrap_or_default();
        sums.resize(length, 0);
        sums
    }

    pub(crate) fn leave(&self, sums: Vec<u16>) {
        self.all().push(sums);
    }

    fn all(&self) -> MutexGuard<'_, Vec<Vec<u16>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sketched {
    /// Of no rows.
    pub(crate) fn new(sketcher: Sketcher, dimensions: usize) -> Self {
        Self {
            scanned: Codes::new(ROWS_PER_CHUNK * sketcher.scanned_bytes()),
            whole: Codes::new(ROWS_PER_CHUNK * sketcher.whole_bytes()),
            sample: Sample::of(&[], &sketcher, dimensions),
            chunks: Vec::new(),
            spare: Spare::default(),
            sketcher,
            dimensions,
        }
    }

    /// Adds a chunk; [`Sketched::draw_sample`] has to follow.
    pub(crate) fn push(&mut self, chunk: Chunk, sketches: &Sketches) {
        self.chunks.push(chunk);
        self.scanned.push(&sketches.scanned);
        self.whole.push(&sketches.whole);
    }

    /// Draws the sample from the chunks that there are now.
    pub(crate) fn draw_sample(&mut self) {
        self.sample = Sample::of(&self.chunks, &self.sketcher, self.dimensions);
    }

    /// Rows of all chunks.
    pub(crate) fn rows(&self) -> usize {
        self.chunks.len() * ROWS_PER_CHUNK
    }

    pub(crate) fn row(&self, row: u32) -> &[f32] {
        let (chunk, place) = (row as usize / ROWS_PER_CHUNK, row as usize % ROWS_PER_CHUNK);
        self.chunks[chunk].row(place, self.dimensions)
    }

    /// Compares all allowed rows.
    pub(crate) fn exact(
        &self,
        isa: Isa,
        query: &[f32],
        allowed: Option<&Bitmap>,
        nearest: &mut Nearest,
    ) {
        match allowed {
            Some(allowed) if allowed.count() < self.rows() / 2 => {
                for row in allowed.below(self.rows() as u32) {
                    nearest.add(row, product(isa, query, self.row(row)));
                }
            }
            _ => {
                let mut products = vec![0.0; ROWS_PER_CHUNK];
                for (index, chunk) in self.chunks.iter().enumerate() {
                    let rows = &chunk.rows()[..ROWS_PER_CHUNK * self.dimensions];
                    dot_rows(isa, query, rows, &mut products);
                    let first = (index * ROWS_PER_CHUNK) as u32;
                    add_allowed(&products, first, allowed, nearest);
                }
            }
        }
    }

    /// Compares the rows that may be among the nearest.
    pub(crate) fn fast(
        &self,
        isa: Isa,
        query: &[f32],
        allowed: Option<&Bitmap>,
        nearest: &mut Nearest,
    ) {
        let left = allowed.map_or(self.rows(), Bitmap::count);
        if left <= FEW {
            return self.exact(isa, query, allowed, nearest);
        }
        let tables = Tables::new(&self.sketcher, query);
        let Some(lines) = self.sample.measure(isa, &tables, query) else {
            return self.exact(isa, query, allowed, nearest);
        };
        let search = Search { isa, query, sketched: self, allowed, tables, lines };
        let candidates = match allowed {
            Some(allowed) if left < self.rows() / SPARSE => {
                allowed.below(self.rows() as u32).collect()
            }
            _ => search.scan(nearest),
        };
        search.refine(&candidates, nearest);
    }
}
