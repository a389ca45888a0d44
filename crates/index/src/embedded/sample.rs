//! Some rows of all chunks, on which each query measures how good estimates are.

use kernels::{Isa, dot_rows};

use crate::embedded::chunk::{Chunk, ROWS_PER_CHUNK};
use crate::embedded::estimate::{Line, Tables};
use crate::embedded::sketch::{Sketcher, Sketches};

/// Rows of a sample: whole blocks.
const ROWS: usize = 512;

/// Copies of rows, so that they are near each other in memory.
#[derive(Debug)]
pub(crate) struct Sample {
    rows: Vec<f32>,
    sketches: Sketches,
}

/// How both estimates of a query depend on the product.
pub(crate) struct Lines {
    /// Of the bits that are scanned.
    pub(crate) scanned: Line,
    /// Of all bits.
    pub(crate) whole: Line,
}

impl Sample {
    /// Rows at even distances.
    pub(crate) fn of(chunks: &[Chunk], sketcher: &Sketcher, dimensions: usize) -> Self {
        let total = chunks.len() * ROWS_PER_CHUNK;
        let mut rows = Vec::with_capacity(ROWS * dimensions);
        for index in 0..ROWS.min(total) {
            let row = index * total / ROWS;
            rows.extend(chunks[row / ROWS_PER_CHUNK].row(row % ROWS_PER_CHUNK, dimensions));
        }
        let sketches = sketcher.sketch(&rows);
        Self { rows, sketches }
    }

    /// None where estimates say nothing.
    pub(crate) fn measure(&self, isa: Isa, tables: &Tables, query: &[f32]) -> Option<Lines> {
        let count = self.rows.len() / query.len();
        let mut products = vec![0.0; count];
        dot_rows(isa, query, &self.rows, &mut products);
        let mut sums = vec![0; count];
        tables.scan(isa, &self.sketches.scanned, &mut sums);
        let sums = sums.into_iter().map(f32::from).collect::<Vec<_>>();
        let mut whole = vec![0; count];
        let places = (0..count as u32).collect::<Vec<_>>();
        tables.whole(isa, &self.sketches.whole, &places, &mut whole);
        let whole = whole.into_iter().map(|sum| sum as f32).collect::<Vec<_>>();
        Some(Lines {
            scanned: Line::through(&products, &sums)?,
            whole: Line::through(&products, &whole)?,
        })
    }
}
