//! The stages of a search: few bits of all rows, all bits of some, the rows of the best.

use std::sync::{Mutex, MutexGuard, PoisonError};

use kernels::{Isa, dot_rows};

use crate::embedded::bitmap::Bitmap;
use crate::embedded::chunk::{Chunk, ROWS_PER_CHUNK};
use crate::embedded::estimate::Tables;
use crate::embedded::nearest::{Nearest, Scored};
use crate::embedded::sample::{Lines, Sample};
use crate::embedded::sketch::{BLOCK, Sketcher};

/// Rows that a filter leaves are compared exactly up to this number.
const FEW: usize = 2048;

/// A filter that leaves fewer than one row in so many spares the first stage, which reads all.
const SPARSE: usize = 16;

/// Rows that are compared first, so that there is a bar for the others.
const FIRST: usize = 64;

/// Full chunks, and what is needed to estimate their products.
#[derive(Debug)]
pub(crate) struct Sketched {
    pub(crate) sketcher: Sketcher,
    pub(crate) chunks: Vec<Chunk>,
    sample: Sample,
    dimensions: usize,
    spare: Spare,
}

/// Memory for sums that one search leaves to the next: fresh pages would cost as much as a fifth of reading the sketches.
#[derive(Debug, Default)]
struct Spare(Mutex<Vec<Vec<u16>>>);

impl Spare {
    /// So many numbers, whatever they are.
    fn take(&self, length: usize) -> Vec<u16> {
        let mut sums = self.all().pop().unwrap_or_default();
        sums.resize(length, 0);
        sums
    }

    fn leave(&self, sums: Vec<u16>) {
        self.all().push(sums);
    }

    fn all(&self) -> MutexGuard<'_, Vec<Vec<u16>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One search.
struct Search<'a> {
    isa: Isa,
    query: &'a [f32],
    sketched: &'a Sketched,
    /// None: all.
    allowed: Option<&'a Bitmap>,
    tables: Tables,
    lines: Lines,
}

impl Sketched {
    pub(crate) fn new(sketcher: Sketcher, chunks: Vec<Chunk>, dimensions: usize) -> Self {
        let sample = Sample::of(&chunks, &sketcher, dimensions);
        Self { sketcher, chunks, sample, dimensions, spare: Spare::default() }
    }

    /// Adds a chunk.
    pub(crate) fn push(&mut self, chunk: Chunk) {
        self.chunks.push(chunk);
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

    fn whole_code(&self, row: u32) -> &[u8] {
        let (chunk, place) = (row as usize / ROWS_PER_CHUNK, row as usize % ROWS_PER_CHUNK);
        let bytes = self.sketcher.whole_bytes();
        &self.chunks[chunk].sketches.whole[place * bytes..][..bytes]
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

/// Adds the allowed ones of consecutive rows.
pub(crate) fn add_allowed(
    products: &[f32],
    first: u32,
    allowed: Option<&Bitmap>,
    nearest: &mut Nearest,
) {
    for (row, product) in (first..).zip(products) {
        if nearest.bar().is_none_or(|bar| *product >= bar)
            && allowed.is_none_or(|allowed| allowed.contains(row))
        {
            nearest.add(row, *product);
        }
    }
}

fn product(isa: Isa, query: &[f32], row: &[f32]) -> f32 {
    let mut product = [0.0];
    dot_rows(isa, query, row, &mut product);
    product[0]
}

impl Search<'_> {
    fn is_allowed(&self, row: u32) -> bool {
        self.allowed.is_none_or(|allowed| allowed.contains(row))
    }

    /// The rows that may be among the nearest as far as their first bits tell. `nearest` has what was compared before, and is left as
    /// it was.
    fn scan(&self, nearest: &Nearest) -> Vec<u32> {
        let mut sums = self.sketched.spare.take(self.sketched.rows());
        let chunks = self.sketched.chunks.iter().zip(sums.chunks_exact_mut(ROWS_PER_CHUNK));
        let mut first = Leading::new(FIRST.max(4 * nearest.wanted()));
        for (index, (chunk, sums)) in chunks.enumerate() {
            self.tables.scan(self.isa, &chunk.sketches.scanned, sums);
            let row = (index * ROWS_PER_CHUNK) as u32;
            each_above(sums, first.bar, |place, sum| {
                if sum > first.bar && self.is_allowed(row + place) {
                    first.add(row + place, sum);
                }
                first.bar
            });
        }
        let mut best = Nearest::new(nearest.wanted());
        for row in first.into_rows() {
            best.add(row, product(self.isa, self.query, self.sketched.row(row)));
        }
        let bar = best.bar().into_iter().chain(nearest.bar()).reduce(f32::max);
        let least = bar.map_or(0.0, |bar| self.lines.scanned.least(bar).ceil().max(0.0));
        let mut candidates = Vec::new();
        if let Some(below) = (least as u16).checked_sub(1) {
            each_above(&sums, below, |row, _| {
                if self.is_allowed(row) {
                    candidates.push(row);
                }
                below
            });
        } else {
            candidates.extend((0..sums.len() as u32).filter(|row| self.is_allowed(*row)));
        }
        self.sketched.spare.leave(sums);
        candidates
    }

    /// Compares candidates, those with the best estimates first, until no other can be among the nearest.
    fn refine(&self, candidates: &[u32], nearest: &mut Nearest) {
        let estimate = |row: &u32| {
            let product = self.tables.whole(self.sketched.whole_code(*row));
            Scored { product, row: *row }
        };
        let mut rest = candidates.iter().map(estimate).collect::<Vec<_>>();
        let mut size = FIRST.max(2 * nearest.wanted());
        while !rest.is_empty() {
            let mut part = rest;
            rest = Vec::new();
            if size < part.len() {
                part.select_nth_unstable(size - 1);
                rest = part.split_off(size);
            }
            part.sort_unstable();
            for Scored { product: estimate, row } in part {
                if nearest.bar().is_some_and(|bar| estimate < self.lines.whole.least(bar)) {
                    return;
                }
                nearest.add(row, product(self.isa, self.query, self.sketched.row(row)));
            }
            if let Some(bar) = nearest.bar() {
                let least = self.lines.whole.least(bar);
                rest.retain(|scored| scored.product >= least);
            }
            size *= 4;
        }
    }
}

/// Calls `found` with the place of each sum above a bar, and the sum; it says what the bar is from then on.
fn each_above(sums: &[u16], mut bar: u16, mut found: impl FnMut(u32, u16) -> u16) {
    for (index, block) in sums.chunks(BLOCK).enumerate() {
        // One comparison for most blocks, of which the compiler makes a few instructions.
        if block.iter().fold(0, |most, sum| most.max(*sum)) <= bar {
            continue;
        }
        for (place, sum) in block.iter().enumerate() {
            if *sum > bar {
                bar = found((index * BLOCK + place) as u32, *sum);
            }
        }
    }
}

/// About the rows with the largest sums.
struct Leading {
    wanted: usize,
    /// Sums up to this one come too late.
    bar: u16,
    rows: Vec<(u16, u32)>,
}

impl Leading {
    fn new(wanted: usize) -> Self {
        Self { wanted, bar: 0, rows: Vec::with_capacity(4 * wanted) }
    }

    fn add(&mut self, row: u32, sum: u16) {
        self.rows.push((sum, row));
        if self.rows.len() >= 4 * self.wanted {
            self.cut();
            self.bar = self.rows.iter().map(|(sum, _)| *sum).min().unwrap_or(0);
        }
    }

    fn cut(&mut self) {
        if self.rows.len() > self.wanted {
            self.rows.select_nth_unstable_by(self.wanted - 1, |one, other| other.cmp(one));
            self.rows.truncate(self.wanted);
        }
    }

    fn into_rows(mut self) -> impl Iterator<Item = u32> {
        self.cut();
        self.rows.into_iter().map(|(_, row)| row)
    }
}
