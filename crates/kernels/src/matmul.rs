//! Products with packed weights: `input x weights^T + bias`, then what comes next.
//!
//! A product is cut into tasks of up to 256 rows times a group of panels that stays in the
//! second-level cache; a task walks its rows in register blocks, and for each takes all panels of
//! the group. The depth is never cut, so each sum has one order and never leaves its register
//! before it is complete. The sinks below then add the bias and store it in its next form.

use crate::arithmetic::Arithmetic;
use crate::dispatch::dispatch;
use crate::math::{self, Half, Single};
use crate::packed::{PackedLinear, panel_lanes};
use crate::pool::Pool;
use crate::rows::{Format, Rows};
use crate::shared::SharedMut;
use crate::tile::{Left, Panel, Sink, rows_times_panel};
use crate::vector::{Vector, store_first_bf16};

/// Rows of one task.
const TASK_ROWS: usize = 256;
/// Bytes of packed weights that one task keeps coming back to.
const TASK_BYTES: usize = 440 << 10;

/// Tasks that a worker gets at least, where there are so many panels.
const TASKS_PER_WORKER: usize = 4;

/// What is done with a product.
pub enum Output<'a> {
    /// `out = product`
    Store(&'a mut [f32]),
    /// `out = out + product`: a residual connection, or positions already in place.
    Add(&'a mut [f32]),
    /// The product as rows of another product or of attention, in f32 or bf16.
    Rows(&'a mut Rows),
    /// `gelu(product)`, the tanh form, as rows in f32 or bf16.
    Gelu(&'a mut Rows),
}

/// What a sink needs to know to finish a sum.
#[derive(Clone, Copy)]
struct Finish<'a> {
    bias: &'a [f32],
    /// Int8 only: steps and sums per output, steps and zero points per row.
    column_scales: &'a [f32],
    column_sums: &'a [f32],
    row_scales: &'a [f32],
    row_zeros: &'a [f32],
    /// N.
    outputs: usize,
}

/// How a finished sum is stored; one type per way, so that each is compiled by itself.
trait Store<V: Vector> {
    type Number: Copy;

    /// # Safety
    ///
    /// As for [`Vector`]; `count` numbers at `to` are the task's own.
    unsafe fn store(to: *mut Self::Number, count: usize, value: V);
}

struct StoreF32;
struct AddF32;
struct StoreBf16;
struct GeluF32;
struct GeluBf16;

/// `Vector::store`, or its partial twin.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn store_f32<V: Vector>(value: V, to: *mut f32, count: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if count == V::LANES {
            value.store(to);
        } else {
            value.store_first(to, count);
        }
    }
}

/// The way of each store, in one line.
macro_rules! store {
    ($name:ident, $number:ty, $value:ident, $to:ident, $count:ident, $body:expr) => {
        impl<V: Vector> Store<V> for $name {
            type Number = $number;
            #[inline(always)]
            unsafe fn store($to: *mut $number, $count: usize, $value: V) {
                // SAFETY: the caller's promise.
                unsafe { $body }
            }
        }
    };
}

store!(StoreF32, f32, value, to, count, store_f32(value, to, count));
store!(AddF32, f32, value, to, count, store_f32(V::load_first(to, count).add(value), to, count));
store!(StoreBf16, u16, value, to, count, store_first_bf16(value, to, count));
store!(GeluF32, f32, value, to, count, store_f32(math::gelu::<V, Single>(value), to, count));
store!(GeluBf16, u16, value, to, count, store_first_bf16(math::gelu::<V, Half>(value), to, count));

/// Sums become outputs.
struct ProductSink<'a, A: Arithmetic, T: Store<A::Lanes>> {
    finish: Finish<'a>,
    out: *mut T::Number,
    /// Numbers from one row to the next.
    stride: usize,
}

impl<A: Arithmetic, T: Store<A::Lanes>> Sink<A::Lanes> for ProductSink<'_, A, T> {
    #[inline(always)]
    unsafe fn put<const MR: usize, const NV: usize>(
        &self,
        row: usize,
        column: usize,
        columns: usize,
        sums: [[A::Lanes; NV]; MR],
    ) {
        let lanes = A::Lanes::LANES;
        let Finish { bias, column_scales, column_sums, row_scales, row_zeros, .. } = self.finish;
        // SAFETY: the block lies within the product: per-output slices are padded to whole panels,
        // per-row ones have every row, and no other task has these columns of these rows.
        unsafe {
            for j in 0..NV {
                let first = j * lanes;
                if first >= columns {
                    break;
                }
                let count = lanes.min(columns - first);
                let at = column + first;
                let bias = A::Lanes::load(bias.as_ptr().add(at));
                for i in 0..MR {
                    let value = if A::INTEGER {
                        let zero = A::Lanes::splat(-*row_zeros.get_unchecked(row + i));
                        let scale = A::Lanes::splat(*row_scales.get_unchecked(row + i));
                        let column_sums = A::Lanes::load(column_sums.as_ptr().add(at));
                        let column_scales = A::Lanes::load(column_scales.as_ptr().add(at));
                        let centred = column_sums.mul_add(zero, sums[i][j]);
                        centred.mul(column_scales).mul_add(scale, bias)
                    } else {
                        sums[i][j].add(bias)
                    };
                    T::store(self.out.add((row + i) * self.stride + at), count, value);
                }
            }
        }
    }
}

struct Arguments<'a> {
    left: Left<'a>,
    first_row: usize,
    last_row: usize,
    panels: &'a [u32],
    first_column: usize,
    finish: Finish<'a>,
    out: Target<'a>,
}

/// Where the product goes, with the type of its numbers.
#[derive(Clone, Copy)]
enum Target<'a> {
    Store(SharedMut<'a, u32>),
    Add(SharedMut<'a, u32>),
    Bf16(SharedMut<'a, u32>),
    Gelu(SharedMut<'a, u32>),
    GeluBf16(SharedMut<'a, u32>),
}

/// # Safety
///
/// As for [`Vector`]; `MR` is at most 8, `NV` that of [`panel_lanes`], the rows lie within the
/// left matrix and the output, `panels` are whole panels, and the arithmetic is the weights'.
#[inline(always)]
unsafe fn task<A: Arithmetic, const MR: usize, const NV: usize>(arguments: &Arguments<'_>) {
    let stride = arguments.finish.outputs;
    // SAFETY: the caller's promise; rows of bf16 begin at whole units, since N is even there.
    unsafe {
        match arguments.out {
            Target::Store(out) => walk::<A, StoreF32, MR, NV>(arguments, out.at(0).cast(), stride),
            Target::Add(out) => walk::<A, AddF32, MR, NV>(arguments, out.at(0).cast(), stride),
            Target::Gelu(out) => walk::<A, GeluF32, MR, NV>(arguments, out.at(0).cast(), stride),
            Target::Bf16(out) => {
                let stride = stride.next_multiple_of(2);
                walk::<A, StoreBf16, MR, NV>(arguments, out.at(0).cast(), stride);
            }
            Target::GeluBf16(out) => {
                let stride = stride.next_multiple_of(2);
                walk::<A, GeluBf16, MR, NV>(arguments, out.at(0).cast(), stride);
            }
        }
    }
}

/// # Safety
///
/// As for [`task`].
#[inline(always)]
unsafe fn walk<A, T, const MR: usize, const NV: usize>(
    arguments: &Arguments<'_>,
    out: *mut T::Number,
    stride: usize,
) where
    A: Arithmetic,
    T: Store<A::Lanes>,
{
    let Arguments { left, first_row, last_row, panels, first_column, finish, .. } = arguments;
    let lanes = NV * A::Lanes::LANES;
    let sink = ProductSink::<A, T> { finish: *finish, out, stride };
    for row in (*first_row..*last_row).step_by(MR) {
        let rows = MR.min(last_row - row);
        for (i, units) in panels.chunks_exact(lanes * left.depth).enumerate() {
            let column = first_column + i * lanes;
            let panel = Panel { units, column, columns: lanes.min(finish.outputs - column) };
            // SAFETY: the caller's promise.
            unsafe { rows_times_panel::<A, _, MR, NV>(*left, row, rows, panel, &sink) }
        }
    }
}

/// The first `rows` rows of `input` through `linear` into `output`.
///
/// # Panics
///
/// When formats or lengths do not fit.
pub(crate) fn matmul(
    pool: &Pool,
    input: &Rows,
    rows: usize,
    linear: &PackedLinear,
    output: Output<'_>,
) {
    let (outputs, isa) = (linear.outputs, linear.isa);
    assert_eq!(input.format, linear.format, "inputs and weights have one number format");
    assert_eq!(input.width, linear.inputs, "inputs are as wide as the weights");
    let depth = input.stride();
    assert!(rows * depth <= input.units.len(), "the input has that many rows");
    let out = target(output, rows, outputs);

    let lanes = panel_lanes(isa);
    let panel = lanes * depth;
    let count = outputs.div_ceil(lanes);
    let row_blocks = rows.div_ceil(TASK_ROWS);
    let fitting = (TASK_BYTES / (panel * size_of::<u32>()).max(1)).max(1);
    let groups = groups(count, fitting, row_blocks, pool.threads());
    let left = Left { units: &input.units, stride: depth, depth };
    let finish = Finish {
        bias: &linear.bias,
        column_scales: &linear.scales,
        column_sums: &linear.sums,
        row_scales: &input.scales,
        row_zeros: &input.zeros,
        outputs,
    };

    pool.run(row_blocks * groups, &|work| {
        // Neighbouring tasks share their panels.
        let group = work.index / row_blocks;
        let (first_panel, last_panel) = (group * count / groups, (group + 1) * count / groups);
        let first_row = work.index % row_blocks * TASK_ROWS;
        let arguments = &Arguments {
            left,
            first_row,
            last_row: (first_row + TASK_ROWS).min(rows),
            panels: &linear.units[first_panel * panel..last_panel * panel],
            first_column: first_panel * lanes,
            finish,
            out,
        };
        dispatch!(isa, linear.format, task(arguments: &Arguments<'_>), products);
    });
}

/// How many groups `count` panels are cut into, each of at most `fitting`.
///
/// Every worker gets the same number of tasks, several of them, so that a core which is slowed down
/// can leave work to the others.
fn groups(count: usize, fitting: usize, row_blocks: usize, workers: usize) -> usize {
    let several = (TASKS_PER_WORKER * workers).div_ceil(row_blocks.max(1));
    count.div_ceil(fitting).max(several).next_multiple_of(workers).min(count)
}

/// The output's memory, checked to hold `rows` x `outputs`.
fn target(output: Output<'_>, rows: usize, outputs: usize) -> Target<'_> {
    fn units(out: &mut [f32], expected: usize) -> SharedMut<'_, u32> {
        assert_eq!(out.len(), expected, "the output is rows x outputs");
        // SAFETY: u32 has the size and alignment of f32, and both take any bits.
        SharedMut::new(unsafe {
            std::slice::from_raw_parts_mut(out.as_mut_ptr().cast(), out.len())
        })
    }
    let of_rows = |out: &Rows| {
        assert_eq!(out.width, outputs, "the output rows are as wide as the product");
        assert!(rows * out.stride() <= out.units.len(), "the output has that many rows");
        out.format
    };
    match output {
        Output::Store(out) => Target::Store(units(out, rows * outputs)),
        Output::Add(out) => Target::Add(units(out, rows * outputs)),
        Output::Rows(out) => match of_rows(out) {
            Format::F32 => Target::Store(SharedMut::new(&mut out.units)),
            Format::Bf16 => Target::Bf16(SharedMut::new(&mut out.units)),
            Format::Int8 => panic!("a product cannot be stored in int8 directly: see `requantise`"),
        },
        Output::Gelu(out) => match of_rows(out) {
            Format::F32 => Target::Gelu(SharedMut::new(&mut out.units)),
            Format::Bf16 => Target::GeluBf16(SharedMut::new(&mut out.units)),
            Format::Int8 => panic!("a product cannot be stored in int8 directly: see `requantise`"),
        },
    }
}
