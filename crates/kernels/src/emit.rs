//! Writing a row of f32 lanes in the format of the next product.

use crate::rows::Format;
use crate::vector::{Vector, store_first_bf16, store_first_u8};

/// One row of [`Rows`](crate::Rows) to be written.
pub(crate) struct RowTarget<'a> {
    pub(crate) format: Format,
    /// The row's units.
    pub(crate) units: &'a mut [u32],
    /// Int8 only: where the row's step goes.
    pub(crate) scale: &'a mut [f32],
    /// Int8 only: where the row's zero point goes.
    pub(crate) zero: &'a mut [f32],
}

/// Writes `width` numbers; `lanes(column, count)` gives the `count` numbers from `column`, and is
/// asked twice for int8: once for the range, once for the values.
///
/// # Safety
///
/// As for [`Vector`]; the units hold `width` numbers.
#[inline(always)]
pub(crate) unsafe fn emit_row<V: Vector>(
    target: &mut RowTarget<'_>,
    width: usize,
    source: &impl LaneSource<V>,
) {
    let units = target.units.as_mut_ptr();
    // SAFETY: the caller's promise; `count` never leaves the row.
    unsafe {
        match target.format {
            Format::F32 => {
                let mut column = 0;
                while column < width {
                    let count = V::LANES.min(width - column);
                    source.lanes(column, count).store_first(units.cast::<f32>().add(column), count);
                    column += V::LANES;
                }
            }
            Format::Bf16 => {
                let mut column = 0;
                while column < width {
                    let count = V::LANES.min(width - column);
                    let value = source.lanes(column, count);
                    store_first_bf16(value, units.cast::<u16>().add(column), count);
                    column += V::LANES;
                }
            }
            Format::Int8 => {
                // The range always holds 0, so that 0 is a level.
                let (mut low, mut high) = (V::splat(0.0), V::splat(0.0));
                let mut column = 0;
                while column < width {
                    let count = V::LANES.min(width - column);
                    let value = source.lanes(column, count);
                    let value = if count < V::LANES { value.first(count) } else { value };
                    (low, high) = (low.min(value), high.max(value));
                    column += V::LANES;
                }
                let (low, high) = (low.smallest(), high.largest());
                let scale = if high > low { (high - low) / 255.0 } else { 1.0 };
                let zero = (-low / scale).round_ties_even();
                target.scale[0] = scale;
                target.zero[0] = zero;
                let (inverse, zero) = (V::splat(1.0 / scale), V::splat(zero));
                let (least, most) = (V::splat(0.0), V::splat(255.0));
                column = 0;
                while column < width {
                    let count = V::LANES.min(width - column);
                    let level = source.lanes(column, count).mul_add(inverse, zero).round();
                    let level = level.max(least).min(most);
                    store_first_u8(level, units.cast::<u8>().add(column), count);
                    column += V::LANES;
                }
            }
        }
    }
}

/// A row that can be read in registers.
pub(crate) trait LaneSource<V: Vector> {
    /// The `count` numbers from `column`; what the lanes beyond hold is not said.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]; the numbers lie within the row.
    unsafe fn lanes(&self, column: usize, count: usize) -> V;
}
