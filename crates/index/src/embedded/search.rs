//! The stages of a search: few bits of all rows, all bits of some, the rows of the best.

use kernels::{Isa, dot_rows};

use crate::embedded::bitmap::Bitmap;
use crate::embedded::chunk::ROWS_PER_CHUNK;
use crate::embedded::estimate::Tables;
use crate::embedded::nearest::{Nearest, Scored};
use crate::embedded::sample::Lines;
use crate::embedded::sketch::BLOCK;
use crate::embedded::sketched::Sketched;

/// Rows that are compared first, so that there is a bar for the others.
const FIRST: usize = 64;

/// One search.
pub(crate) struct Search<'a> {
    pub(crate) isa: Isa,
    pub(crate) query: &'a [f32],
    pub(crate) sketched: &'a Sketched,
    /// None: all.
    pub(crate) allowed: Option<&'a Bitmap>,
    pub(crate) tables: Tables,
    pub(crate) lines: Lines,
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

pub(crate) fn product(isa: Isa, query: &[f32], row: &[f32]) -> f32 {
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
    pub(crate) fn scan(&self, nearest: &Nearest) -> Vec<u32> {
        let mut sums = self.sketched.spare.take(self.sketched.rows());
        let mut first = Leading::new(FIRST.max(4 * nearest.wanted()));
        for (index, sums) in sums.chunks_exact_mut(ROWS_PER_CHUNK).enumerate() {
            self.tables.scan(self.isa, self.sketched.scanned.chunk(index), sums);
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

    /// Estimates from all bits, of rows in rising order.
    fn estimate(&self, mut rows: &[u32]) -> Vec<Scored> {
        let mut estimates = Vec::with_capacity(rows.len());
        let (mut places, mut sums) = (Vec::new(), Vec::new());
        for index in 0..self.sketched.chunks.len() {
            let first = (index * ROWS_PER_CHUNK) as u32;
            let inside = rows.partition_point(|row| *row < first + ROWS_PER_CHUNK as u32);
            let (of_chunk, others) = rows.split_at(inside);
            rows = others;
            places.clear();
            places.extend(of_chunk.iter().map(|row| row - first));
            sums.resize(inside, 0);
            self.tables.whole(self.isa, self.sketched.whole.chunk(index), &places, &mut sums);
            let scored = of_chunk.iter().zip(&sums);
            estimates.extend(scored.map(|(row, sum)| Scored { product: *sum as f32, row: *row }));
        }
        estimates
    }

    /// Compares candidates, those with the best estimates first, until no other can be among the nearest.
    pub(crate) fn refine(&self, candidates: &[u32], nearest: &mut Nearest) {
        let mut rest = self.estimate(candidates);
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
