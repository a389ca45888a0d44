//! The register block that every product is made of.
//!
//! A block is `MR` rows of the left matrix times one panel of `NV` registers of columns. Its sums
//! stay in registers over the whole depth: each step loads one row of the panel and broadcasts one
//! unit of each left row. The left matrix is read as it lies (row-major, any stride); the right
//! one is packed in panels: `[columns / width][depth][width]` units, zero-padded in the last.

use crate::arithmetic::Arithmetic;
use crate::vector::Vector;

/// Where a block's sums go.
pub(crate) trait Sink<V: Vector> {
    /// Takes the sums of `MR` rows from `row`: `columns` columns from `column`, the lanes beyond
    /// being padding.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]; and the block lies within the product.
    unsafe fn put<const MR: usize, const NV: usize>(
        &self,
        row: usize,
        column: usize,
        columns: usize,
        sums: [[V; NV]; MR],
    );
}

/// The left matrix: rows of `depth` units, one every `stride` units.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    pub(crate) units: &'a [u32],
    pub(crate) stride: usize,
    pub(crate) depth: usize,
}

/// A left matrix that lies on its side, packed as a panel of the right one is: `[depth][width]` units, a row of the matrix
/// in each of the first lanes.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) units: &'a [u32],
    pub(crate) width: usize,
    pub(crate) depth: usize,
}

/// How a left matrix is read.
pub(crate) trait LeftMatrix: Copy {
    /// Units of a row.
    fn depth(self) -> usize;
    /// Units from one unit of a row to the next.
    fn step(self) -> usize;
    /// The place of a row's first unit.
    ///
    /// # Safety
    ///
    /// The matrix has the row.
    unsafe fn row(self, row: usize) -> *const u32;
}

impl LeftMatrix for Left<'_> {
    #[inline(always)]
    fn depth(self) -> usize {
        self.depth
    }
    #[inline(always)]
    fn step(self) -> usize {
        1
    }
    #[inline(always)]
    unsafe fn row(self, row: usize) -> *const u32 {
        debug_assert!(self.units.len() >= row * self.stride + self.depth);
        // SAFETY: the caller's promise.
        unsafe { self.units.as_ptr().add(row * self.stride) }
    }
}

impl LeftMatrix for Side<'_> {
    #[inline(always)]
    fn depth(self) -> usize {
        self.depth
    }
    #[inline(always)]
    fn step(self) -> usize {
        self.width
    }
    #[inline(always)]
    unsafe fn row(self, row: usize) -> *const u32 {
        debug_assert!(row < self.width && self.units.len() >= self.depth * self.width);
        // SAFETY: the caller's promise.
        unsafe { self.units.as_ptr().add(row) }
    }
}

/// One panel of the right matrix.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a> {
    /// `[depth][width]`.
    pub(crate) units: &'a [u32],
    /// The product's column of the panel's first lane.
    pub(crate) column: usize,
    /// How many of its lanes are columns, the rest being padding.
    pub(crate) columns: usize,
}

/// `rows` rows of `left` from `row`, times `panel`: in one block of `MR` rows (at most 8), or where
/// there are fewer in blocks of 4, 2 and 1.
///
/// # Safety
///
/// As for [`Vector`]; the rows lie within `left`, the panel has `depth * NV * LANES` units, and
/// what [`Sink::put`] asks holds for its columns of the rows.
#[inline(always)]
pub(crate) unsafe fn rows_times_panel<A, S, const MR: usize, const NV: usize>(
    left: impl LeftMatrix,
    row: usize,
    rows: usize,
    panel: Panel<'_>,
    sink: &S,
) where
    A: Arithmetic,
    S: Sink<A::Lanes>,
{
    // SAFETY: the caller's promise, passed on.
    unsafe {
        if rows == MR {
            return block::<A, S, _, MR, NV>(left, row, panel, sink);
        }
        let mut row = row;
        if rows & 4 != 0 {
            block::<A, S, _, 4, NV>(left, row, panel, sink);
            row += 4;
        }
        if rows & 2 != 0 {
            block::<A, S, _, 2, NV>(left, row, panel, sink);
            row += 2;
        }
        if rows & 1 != 0 {
            block::<A, S, _, 1, NV>(left, row, panel, sink);
        }
    }
}

#[inline(always)]
unsafe fn block<A, S, L, const MR: usize, const NV: usize>(
    left: L,
    row: usize,
    panel: Panel<'_>,
    sink: &S,
) where
    A: Arithmetic,
    S: Sink<A::Lanes>,
    L: LeftMatrix,
{
    // SAFETY: the caller of `rows_times_panel` promises the set and the extents.
    unsafe {
        let lanes = A::Lanes::LANES;
        let mut sums = [[A::zero(); NV]; MR];
        debug_assert!(panel.units.len() >= left.depth() * NV * lanes);
        let mut a = [left.row(row); MR];
        for (i, a) in a.iter_mut().enumerate() {
            *a = left.row(row + i);
        }
        let mut b = panel.units.as_ptr();
        for k in 0..left.depth() {
            let mut right = [A::load(b); NV];
            for (j, right) in right.iter_mut().enumerate().skip(1) {
                *right = A::load(b.add(j * lanes));
            }
            for i in 0..MR {
                let factor = A::broadcast(a[i].add(k * left.step()));
                for j in 0..NV {
                    sums[i][j] = A::step(sums[i][j], factor, right[j]);
                }
            }
            b = b.add(NV * lanes);
        }
        let mut done = [[A::lanes(sums[0][0]); NV]; MR];
        for i in 0..MR {
            for j in 0..NV {
                done[i][j] = A::lanes(sums[i][j]);
            }
        }
        sink.put::<MR, NV>(row, panel.column, panel.columns, done);
    }
}
