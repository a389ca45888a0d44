//! Writing a row of f32 lanes in the format of the next product.

use crate::rows::Format;
use crate::vector::{Vector, store_first_bf16, store_first_u8};

/// `each_register!(V, width, |column, count| body)` runs the body for each register of a row of `width`
/// numbers, with its first column and its number of columns. The body is written out twice, so that
/// all registers but the last know that they are whole. (A closure might not be inlined, and would
/// then be compiled without the instruction set.)
macro_rules! each_register {
    ($vector:ty, $width:expr, |$column:ident, $count:ident| $body:expr) => {
        let whole = $width / <$vector>::LANES * <$vector>::LANES;
        let mut $column = 0;
        while $column < whole {
            let $count = <$vector>::LANES;
            $body;
            $column += <$vector>::LANES;
        }
        if whole < $width {
            let $count = $width - whole;
            $body;
        }
    };
}

pub(crate) use each_register;

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
                let to = units.cast::<f32>();
                each_register!(V, width, |column, count| {
                    source.lanes(column, count).store_first(to.add(column), count);
                });
            }
            Format::Bf16 => {
                let to = units.cast::<u16>();
                each_register!(V, width, |column, count| {
                    store_first_bf16(source.lanes(column, count), to.add(column), count);
                });
            }
            Format::Int8 => {
                // The range always holds 0, so that 0 is a level.
                let (mut low, mut high) = (V::splat(0.0), V::splat(0.0));
                each_register!(V, width, |column, count| {
                    let value = source.lanes(column, count);
                    let value = if count < V::LANES { value.first(count) } else { value };
                    (low, high) = (low.min(value), high.max(value));
                });
                let (low, high) = (low.smallest(), high.largest());
                let scale = if high > low { (high - low) / 255.0 } else { 1.0 };
                let zero = (-low / scale).round_ties_even();
                target.scale[0] = scale;
                target.zero[0] = zero;
                let (inverse, zero) = (V::splat(1.0 / scale), V::splat(zero));
                let (least, most) = (V::splat(0.0), V::splat(255.0));
                let to = units.cast::<u8>();
                each_register!(V, width, |column, count| {
                    let level = source.lanes(column, count).mul_add(inverse, zero).round();
                    let level = level.max(least).min(most);
                    store_first_u8(level, to.add(column), count);
                });
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
