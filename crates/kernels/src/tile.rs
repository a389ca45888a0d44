//! The register block that every product is made of.
//!
//! A block is `MR` rows of the left matrix times one panel of `NV` registers of columns. Its sums
//! stay in registers over the whole depth: each step loads one row of the panel and broadcasts one
//! element of each left row. The left matrix is read as it lies (row-major, any stride); the right
//! one is packed in panels: `[columns / width][depth][width]`, zero-padded in the last.

use crate::vector::Vector;

/// Where a block's sums go.
pub(crate) trait Sink<V: Vector> {
    /// Takes the sums of `count` columns from `column` in `row`; the lanes beyond are padding.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]; and the position lies within the product.
    unsafe fn put(&self, row: usize, column: usize, count: usize, sums: V);
}

/// The left matrix: rows of `depth` elements, one every `stride` elements of `values`.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) stride: usize,
    pub(crate) depth: usize,
}

/// One panel of the right matrix.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a> {
    /// `[depth][width]`.
    pub(crate) values: &'a [f32],
    /// The product's column of the panel's first lane.
    pub(crate) column: usize,
    /// How many of its lanes are columns, the rest being padding.
    pub(crate) columns: usize,
}

/// `rows` (at most `MR`, and at most 8) rows of `left` from `row`, times `panel`.
///
/// # Safety
///
/// As for [`Vector`]; the rows lie within `left`, the panel has `depth * NV * V::LANES` elements,
/// and what [`Sink::put`] asks holds for its columns of the rows.
#[inline(always)]
pub(crate) unsafe fn rows_times_panel<V: Vector, S: Sink<V>, const NV: usize>(
    left: Left<'_>,
    row: usize,
    rows: usize,
    panel: Panel<'_>,
    sink: &S,
) {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        match rows {
            1 => block::<V, S, 1, NV>(left, row, panel, sink),
            2 => block::<V, S, 2, NV>(left, row, panel, sink),
            3 => block::<V, S, 3, NV>(left, row, panel, sink),
            4 => block::<V, S, 4, NV>(left, row, panel, sink),
            5 => block::<V, S, 5, NV>(left, row, panel, sink),
            6 => block::<V, S, 6, NV>(left, row, panel, sink),
            7 => block::<V, S, 7, NV>(left, row, panel, sink),
            _ => block::<V, S, 8, NV>(left, row, panel, sink),
        }
    }
}

#[inline(always)]
unsafe fn block<V: Vector, S: Sink<V>, const MR: usize, const NV: usize>(
    left: Left<'_>,
    row: usize,
    panel: Panel<'_>,
    sink: &S,
) {
    // SAFETY: the caller of `rows_times_panel` promises the set and the extents.
    unsafe {
        let mut sums = [[V::splat(0.0); NV]; MR];
        debug_assert!(left.values.len() >= (row + MR - 1) * left.stride + left.depth);
        debug_assert!(panel.values.len() >= left.depth * NV * V::LANES);
        let mut a = [left.values.as_ptr(); MR];
        for (i, a) in a.iter_mut().enumerate() {
            *a = a.add((row + i) * left.stride);
        }
        let mut b = panel.values.as_ptr();
        for k in 0..left.depth {
            let mut right = [V::splat(0.0); NV];
            for (j, right) in right.iter_mut().enumerate() {
                *right = V::load(b.add(j * V::LANES));
            }
            for i in 0..MR {
                let factor = V::splat(*a[i].add(k));
                for j in 0..NV {
                    sums[i][j] = factor.mul_add(right[j], sums[i][j]);
                }
            }
            b = b.add(NV * V::LANES);
        }
        // A copy in memory, so that the sinks' loop need not be unrolled over the registers.
        let done = sums;
        for (i, sums) in done.iter().enumerate() {
            for (j, &sums) in sums.iter().enumerate() {
                let lane = j * V::LANES;
                if lane < panel.columns {
                    let count = V::LANES.min(panel.columns - lane);
                    sink.put(row + i, panel.column + lane, count, sums);
                }
            }
        }
    }
}
