//! The gradient of a product's weights: `left^T x right`, summed over rows.
//!
//! Both sides are activations whose rows are the depth of the product, so both are packed in panels of columns: the
//! right one as every product's, the left one the same way, read on its side. The depth is cut, so that the part of a
//! panel that a task comes back to stays in the first-level cache; the parts are added in order, so each sum still has
//! one order whatever the threads.

use crate::Isa;
use crate::buffer::Buffer;
use crate::dispatch::dispatch;
use crate::emit::each_register;
use crate::packing::{FloatFormat, WIDEST};
use crate::pool::Pool;
use crate::rows::{Format, Rows};
use crate::shared::SharedMut;
use crate::tile::{Left, Panel, Side, Sink, rows_times_panel};
use crate::vector::Vector;

/// Units of the depth that are multiplied before the sums are stored.
const DEPTH_UNITS: usize = 128;

/// Memory that kernels work in, which grows to what was needed most.
#[derive(Default)]
pub struct Scratch(Option<Buffer<u32>>);

impl Scratch {
    /// `count` units, whatever they hold.
    pub(crate) fn units(&mut self, count: usize) -> &mut [u32] {
        if self.0.as_ref().is_none_or(|buffer| buffer.len() < count) {
            self.0 = Some(Buffer::zeroed(count));
        }
        &mut self.0.as_mut().expect("it was just made")[..count]
    }

    /// `count` numbers, whatever they are.
    pub(crate) fn numbers(&mut self, count: usize) -> &mut [f32] {
        let units = self.units(count);
        // SAFETY: f32 has the size and alignment of u32, and both take any bits.
        unsafe { std::slice::from_raw_parts_mut(units.as_mut_ptr().cast(), units.len()) }
    }
}

/// What a gradient is added to.
pub struct WeightGradient<'a> {
    /// `[N][K]`, as a linear layer's weights lie.
    pub weight: &'a mut [f32],
    /// One number per output: the sums of the left side's columns.
    pub bias: &'a mut [f32],
}

/// A group of at most [`WIDEST`] columns to be packed, and the columns' sums.
struct Packing<'a> {
    rows: Left<'a>,
    count: usize,
    columns: usize,
    group: &'a mut [u32],
    /// What the sums are added to; empty for the right side.
    sums: &'a mut [f32],
}

/// # Safety
///
/// As for [`Vector`]; `rows` has `count` rows of `columns` numbers, and the group room for as many.
#[inline(always)]
unsafe fn pack<A: FloatFormat, const MR: usize, const NV: usize>(arguments: &mut Packing<'_>) {
    let Packing { rows, count, columns, group, sums } = arguments;
    let lanes = NV * A::Lanes::LANES;
    let depth = count.div_ceil(A::FORMAT.numbers_per_unit());
    let used = columns.next_multiple_of(lanes) * depth;
    A::pack_values(*rows, *columns, *count, lanes, &mut group[..used]);
    let (from, width) = (rows.units.as_ptr(), sums.len());
    // SAFETY: the caller's promise; there are as many sums as columns, or none.
    unsafe {
        each_register!(A::Lanes, width, |column, registers| {
            let mut sum = A::Lanes::splat(0.0);
            for row in 0..*count {
                sum = sum.add(A::read(from.add(row * rows.stride), column, registers));
            }
            let to = sums.as_mut_ptr().add(column);
            A::Lanes::load_first(to, registers).add(sum).store_first(to, registers);
        });
    }
}

/// Two groups to be multiplied.
struct Product<'a> {
    left: &'a [u32],
    right: &'a [u32],
    /// Units.
    depth: usize,
    rows: usize,
    columns: usize,
    out: *mut f32,
    stride: usize,
}

/// Sums are added to what is there.
pub(crate) struct AddTo {
    pub(crate) out: *mut f32,
    pub(crate) stride: usize,
}

impl<V: Vector> Sink<V> for AddTo {
    #[inline(always)]
    unsafe fn put<const MR: usize, const NV: usize>(
        &self,
        row: usize,
        column: usize,
        columns: usize,
        sums: [[V; NV]; MR],
    ) {
        for j in 0..NV {
            let first = j * V::LANES;
            if first >= columns {
                break;
            }
            let count = V::LANES.min(columns - first);
            for i in 0..MR {
                // SAFETY: the caller's promise; the block lies within the task's part of the output.
                unsafe {
                    let to = self.out.add((row + i) * self.stride + column + first);
                    V::load_first(to, count).add(sums[i][j]).store_first(to, count);
                }
            }
        }
    }
}

/// # Safety
///
/// As for [`Vector`]; the groups are packed by [`pack`] for the same set, and `rows` x `columns` numbers at `out` are the
/// task's own.
#[inline(always)]
unsafe fn multiply<A: FloatFormat, const MR: usize, const NV: usize>(arguments: &Product<'_>) {
    let Product { left, right, depth, rows, columns, out, stride } = *arguments;
    let lanes = NV * A::Lanes::LANES;
    for first in (0..depth).step_by(DEPTH_UNITS) {
        let part = DEPTH_UNITS.min(depth - first);
        for column in (0..columns).step_by(lanes) {
            let units = &right[column * depth + first * lanes..][..part * lanes];
            let panel = Panel { units, column, columns: lanes.min(columns - column) };
            for top in (0..rows).step_by(lanes) {
                let units = &left[top * depth + first * lanes..][..part * lanes];
                let side = Side { units, width: lanes, depth: part };
                let rows = lanes.min(rows - top);
                // SAFETY: the caller's promise.
                unsafe {
                    let sink = AddTo { out: out.add(top * stride), stride };
                    for row in (0..rows).step_by(MR) {
                        let count = MR.min(rows - row);
                        rows_times_panel::<A, _, MR, NV>(side, row, count, panel, &sink);
                    }
                }
            }
        }
    }
}

/// Adds `left^T x right`, summed over the first `rows` rows, to the weights' gradient, and the sums of the left side's
/// columns to the bias's.
///
/// # Panics
///
/// When formats differ or are int8, rows are missing, or the gradient has another shape.
pub(crate) fn outer(
    isa: Isa,
    pool: &Pool,
    left: &Rows,
    right: &Rows,
    rows: usize,
    gradient: WeightGradient<'_>,
    scratch: &mut Scratch,
) {
    let format = left.format;
    assert_eq!(format, right.format, "both sides have one format");
    assert_ne!(format, Format::Int8, "gradients are in f32 or bf16");
    assert!(rows * left.stride() <= left.units.len(), "the left side has that many rows");
    assert!(rows * right.stride() <= right.units.len(), "the right side has that many rows");
    let (outputs, inputs) = (left.width, right.width);
    let WeightGradient { weight, bias } = gradient;
    assert_eq!(weight.len(), outputs * inputs, "the gradient is outputs x inputs");
    assert!(bias.is_empty() || bias.len() == outputs, "there is a bias per output, or none");
    let (left_groups, right_groups) = (outputs.div_ceil(WIDEST), inputs.div_ceil(WIDEST));
    let depth = rows.div_ceil(format.numbers_per_unit());
    let group = WIDEST * depth;
    let units = scratch.units((left_groups + right_groups) * group);
    let shared = SharedMut::new(&mut *units);
    let with_bias = usize::from(!bias.is_empty());
    let bias = SharedMut::new(bias);
    pool.run(left_groups + right_groups, &|task| {
        let (side, index) = match task.index.checked_sub(left_groups) {
            None => (left, task.index),
            Some(index) => (right, index),
        };
        let column = index * WIDEST;
        let columns = WIDEST.min(side.width - column);
        let summed = if task.index < left_groups { columns * with_bias } else { 0 };
        let arguments = &mut Packing {
            rows: Left {
                units: &side.units[column / format.numbers_per_unit()..],
                stride: side.stride(),
                depth: columns.div_ceil(format.numbers_per_unit()),
            },
            count: rows,
            columns,
            // SAFETY: each task has its own group.
            group: unsafe { shared.part(task.index * group, group) },
            // SAFETY: each task has its own columns of the bias, or none.
            sums: unsafe { bias.part(if summed == 0 { 0 } else { column }, summed) },
        };
        dispatch!(isa, format, pack(arguments: &mut Packing<'_>), attention);
    });
    let packed = &*units;
    let weight = SharedMut::new(weight);
    pool.run(left_groups * right_groups, &|task| {
        let (row, column) = (task.index / right_groups, task.index % right_groups);
        let arguments = &Product {
            left: &packed[row * group..][..group],
            right: &packed[(left_groups + column) * group..][..group],
            depth,
            rows: WIDEST.min(outputs - row * WIDEST),
            columns: WIDEST.min(inputs - column * WIDEST),
            out: weight.at(row * WIDEST * inputs + column * WIDEST),
            stride: inputs,
        };
        dispatch!(isa, format, multiply(arguments: &Product<'_>), attention);
    });
}
