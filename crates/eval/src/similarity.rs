//! Cosines of many rows with many rows.

use kernels::{Compute, Format, Output, PackedLinear, Rows};
use model::Embeddings;

/// Cosines that are in memory at a time, at most (but a whole row always): 32 MiB.
const MOST_TOGETHER: usize = 8 << 20;

/// Rows of one product, at most.
const MOST_ROWS: usize = 256;

/// Items that queries are compared with.
pub struct Similarities<'a> {
    compute: &'a Compute,
    items: PackedLinear,
    dimension: usize,
}

impl<'a> Similarities<'a> {
    /// Lays out `items`, rows of length 1, to be compared with.
    pub fn new(compute: &'a Compute, items: &Embeddings) -> Self {
        let no_bias = vec![0.0; items.len()];
        let dimension = items.dimension();
        let packed = compute.pack(Format::F32, dimension, &no_bias, &|index, out| {
            out.copy_from_slice(items.row(index));
        });
        Self { compute, items: packed, dimension }
    }

    /// Hands out the cosines of each query with all items, query after query.
    ///
    /// # Panics
    /// When the rows of queries and items differ in length.
    pub fn for_each(&self, queries: &Embeddings, mut each: impl FnMut(usize, &[f32])) {
        assert_eq!(queries.dimension(), self.dimension, "queries and items are alike");
        let count = self.items.outputs();
        if count == 0 {
            return;
        }
        let together = (MOST_TOGETHER / count).clamp(1, MOST_ROWS);
        let mut rows = Rows::new(Format::F32, together, self.dimension);
        let mut cosines = vec![0.0; together * count];
        for (part, values) in queries.values().chunks(together * self.dimension).enumerate() {
            rows.numbers()[..values.len()].copy_from_slice(values);
            let held = values.len() / self.dimension;
            let out = &mut cosines[..held * count];
            self.compute.matmul(&rows, held, &self.items, Output::Store(out));
            for (row, cosines) in out.chunks_exact(count).enumerate() {
                each(part * together + row, cosines);
            }
        }
    }
}
