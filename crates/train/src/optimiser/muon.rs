//! Muon: the update of a matrix is its mean gradient with all singular values brought near 1 (Jordan and others 2024; scaled
//! as `AdamW`'s updates after arXiv 2502.16982, so that one learning rate serves both).
//!
//! Gradients of a transformer's matrices are nearly of low rank: `AdamW` moves along a few directions, Muon along all of
//! them. What it gains on the default model's data: docs/TRAINING.md.

use kernels::{Compute, Format, Output, Rows, Scratch, WeightGradient};

/// Of the odd polynomial whose repetition drives singular values in 0..1 into about 0.7..1.2.
const POLYNOMIAL: [f32; 3] = [3.4445, -4.775, 2.0315];
/// How often it is applied.
const REPETITIONS: usize = 5;
/// The root mean square of `AdamW`'s updates.
const USUAL_UPDATE: f32 = 0.2;

/// What updates of matrices are computed with.
pub(super) struct Orthogonal<'a> {
    compute: &'a Compute,
    scratch: Scratch,
}

impl<'a> Orthogonal<'a> {
    pub(super) fn new(compute: &'a Compute) -> Self {
        Self { compute, scratch: Scratch::default() }
    }

    /// Turns a matrix `[rows][columns]` into the nearest one of orthogonal rows or columns, roughly, of the root mean
    /// square of `AdamW`'s updates.
    pub(super) fn nearest(&mut self, matrix: &mut [f32], rows: usize, columns: usize) {
        // The longer side is the depth of the inner products, so that the square matrix is small.
        let is_wide = columns > rows;
        let (long, short) = (rows.max(columns), rows.min(columns));
        let mut current = Rows::new(Format::F32, long, short);
        let mut next = Rows::new(Format::F32, long, short);
        let place = |row: usize, column: usize| {
            if is_wide { column * columns + row } else { row * columns + column }
        };
        let length = super::length(matrix).max(1e-12) as f32;
        for (row, to) in current.numbers().chunks_exact_mut(short).enumerate() {
            for (column, to) in to.iter_mut().enumerate() {
                *to = matrix[place(row, column)] / length;
            }
        }
        let mut square = Rows::new(Format::F32, short, short);
        let mut factor = vec![0.0; short * short];
        let no_bias = vec![0.0; short];
        for _ in 0..REPETITIONS {
            square.numbers().fill(0.0);
            self.inner(&current, long, square.numbers());
            factor.fill(0.0);
            self.inner(&square, short, &mut factor);
            let [once, cubed, fifth] = POLYNOMIAL;
            for (index, (factor, square)) in factor.iter_mut().zip(square.numbers()).enumerate() {
                let unit = if index % (short + 1) == 0 { once } else { 0.0 };
                *factor = unit + cubed * *square + fifth * *factor;
            }
            let read = |row: usize, to: &mut [f32]| {
                to.copy_from_slice(&factor[row * short..(row + 1) * short]);
            };
            let packed = self.compute.pack(Format::F32, short, &no_bias, &read);
            self.compute.matmul(&current, long, &packed, Output::Store(next.numbers()));
            std::mem::swap(&mut current, &mut next);
        }
        let scale = USUAL_UPDATE * (long as f32).sqrt();
        for (row, from) in current.numbers().chunks_exact(short).enumerate() {
            for (column, from) in from.iter().enumerate() {
                matrix[place(row, column)] = from * scale;
            }
        }
    }

    /// Adds `rows^T x rows` to `out`.
    fn inner(&mut self, rows: &Rows, count: usize, out: &mut [f32]) {
        let out = WeightGradient { weight: out, bias: &mut [] };
        self.compute.outer(rows, rows, count, out, &mut self.scratch);
    }
}

#[cfg(test)]
mod tests {
    use kernels::Isa;

    use super::*;

    #[test]
    fn singular_values_come_near_one() {
        let compute = Compute::new(Isa::detect(), 2);
        for (rows, columns) in [(12, 5), (5, 12), (8, 8)] {
            let number = |place: usize| {
                (crate::data::mix(place as u64) >> 40) as f32 / (1 << 24) as f32 - 0.5
            };
            let mut matrix = (0..rows * columns).map(number).collect::<Vec<_>>();
            Orthogonal::new(&compute).nearest(&mut matrix, rows, columns);
            // Of the shorter side's Gram matrix, the diagonal is near 1 and the rest near 0.
            let (short, long) = (rows.min(columns), rows.max(columns));
            let at = |i: usize, j: usize| {
                let place = if rows < columns { i * columns + j } else { j * columns + i };
                matrix[place] / (USUAL_UPDATE * (long as f32).sqrt())
            };
            for i in 0..short {
                for j in 0..short {
                    let product = (0..long).map(|k| at(i, k) * at(j, k)).sum::<f32>();
                    let wanted = if i == j { 0.95 } else { 0.0 };
                    assert!((product - wanted).abs() < 0.5, "{rows}x{columns} {i} {j}: {product}");
                }
            }
        }
    }
}
