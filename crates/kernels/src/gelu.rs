//! GELU by itself, for passes that keep what stood before it, and its slope.

use crate::Isa;
use crate::dispatch::dispatch;
use crate::emit::each_register;
use crate::math;
use crate::packing::FloatFormat;
use crate::pool::Pool;
use crate::rows::{Format, Rows};
use crate::shared::SharedMut;
use crate::vector::Vector;

/// Units of one task.
const TASK_UNITS: usize = 8192;

/// What is done with the numbers before the activation.
#[derive(Clone, Copy)]
enum Pass {
    /// `out = gelu(input)`
    Forward,
    /// `out = out * gelu'(input)`
    Backward,
}

struct Arguments<'a> {
    input: &'a [u32],
    out: &'a mut [u32],
    pass: Pass,
}

/// # Safety
///
/// As for [`Vector`]; input and output are of the arithmetic's format and equally long.
#[inline(always)]
unsafe fn part<A: FloatFormat, const MR: usize, const NV: usize>(arguments: &mut Arguments<'_>) {
    let Arguments { input, out, pass } = arguments;
    let width = input.len() * A::FORMAT.numbers_per_unit();
    let (from, to) = (input.as_ptr(), out.as_mut_ptr());
    // SAFETY: the caller's promise.
    unsafe {
        match pass {
            Pass::Forward => {
                each_register!(A::Lanes, width, |column, count| {
                    let value = math::gelu::<_, A::Exactness>(A::read(from, column, count));
                    A::store(value, to, column, count);
                });
            }
            Pass::Backward => {
                each_register!(A::Lanes, width, |column, count| {
                    let slope = math::gelu_slope::<_, A::Exactness>(A::read(from, column, count));
                    let value = A::read(to, column, count).mul(slope);
                    A::store(value, to, column, count);
                });
            }
        }
    }
}

fn run(isa: Isa, pool: &Pool, input: &Rows, rows: usize, out: &mut Rows, pass: Pass) {
    let format = input.format;
    assert_ne!(format, Format::Int8, "activations are in f32 or bf16");
    assert_eq!((format, input.width), (out.format, out.width), "input and output are alike");
    let units = rows * input.stride();
    assert!(units <= input.units.len().min(out.units.len()), "there are that many rows");
    let shared = SharedMut::new(&mut out.units);
    pool.run(units.div_ceil(TASK_UNITS), &|task| {
        let first = task.index * TASK_UNITS;
        let length = TASK_UNITS.min(units - first);
        let arguments = &mut Arguments {
            input: &input.units[first..first + length],
            // SAFETY: each task has its own part.
            out: unsafe { shared.part(first, length) },
            pass,
        };
        dispatch!(isa, format, part(arguments: &mut Arguments<'_>), attention);
    });
}

/// `out = gelu(input)` for the first `rows` rows.
///
/// # Panics
///
/// When input and output differ in format or width, are int8, or have fewer rows.
pub(crate) fn gelu(isa: Isa, pool: &Pool, input: &Rows, rows: usize, out: &mut Rows) {
    run(isa, pool, input, rows, out, Pass::Forward);
}

/// `gradient = gradient * gelu'(input)` for the first `rows` rows.
///
/// # Panics
///
/// As [`gelu`].
pub(crate) fn gelu_backward(isa: Isa, pool: &Pool, input: &Rows, rows: usize, gradient: &mut Rows) {
    run(isa, pool, input, rows, gradient, Pass::Backward);
}
