//! Rows from one number format to another.

use crate::Isa;
use crate::dispatch::dispatch;
use crate::emit::{LaneSource, RowTarget, emit_row};
use crate::norm::SharedRows;
use crate::pool::Pool;
use crate::rows::{Format, Rows};
use crate::vector::{Vector, load_first_bf16};

/// Rows of one task.
const TASK_ROWS: usize = 16;

struct Arguments<'a> {
    source: Source<'a>,
    width: usize,
    target: RowTarget<'a>,
}

/// One row to read.
struct Source<'a> {
    format: Format,
    units: &'a [u32],
}

impl<V: Vector> LaneSource<V> for Source<'_> {
    #[inline(always)]
    unsafe fn lanes(&self, column: usize, count: usize) -> V {
        let units = self.units.as_ptr();
        // SAFETY: the caller's promise.
        unsafe {
            match self.format {
                Format::Bf16 => load_first_bf16(units.cast::<u16>().add(column), count),
                Format::F32 | Format::Int8 => V::load_first(units.cast::<f32>().add(column), count),
            }
        }
    }
}

/// # Safety
///
/// As for [`Vector`]; source and target hold `width` numbers.
#[inline(always)]
unsafe fn row<V: Vector>(arguments: &mut Arguments<'_>) {
    let Arguments { source, width, target } = arguments;
    // SAFETY: the caller's promise.
    unsafe { emit_row::<V>(target, *width, source) }
}

/// The first `count` rows of `input`, in f32 or bf16, into the format of `out`.
///
/// # Panics
///
/// When `input` is int8, the widths differ, or there are fewer rows.
pub(crate) fn convert(isa: Isa, pool: &Pool, input: &Rows, count: usize, out: &mut Rows) {
    assert_ne!(input.format, Format::Int8, "int8 rows are the end of the way");
    assert_eq!(input.width, out.width, "the rows are equally wide");
    let (width, stride) = (input.width, input.stride());
    assert!(count * stride <= input.units.len(), "the input has that many rows");
    let out = SharedRows::new(out, count);
    pool.run(count.div_ceil(TASK_ROWS), &|work| {
        let first = work.index * TASK_ROWS;
        for index in first..(first + TASK_ROWS).min(count) {
            let units = &input.units[index * stride..(index + 1) * stride];
            // SAFETY: each task writes its own rows.
            let target = unsafe { out.row(index) };
            let source = Source { format: input.format, units };
            let arguments = &mut Arguments { source, width, target };
            dispatch!(isa, row(arguments: &mut Arguments<'_>));
        }
    });
}
