//! A loop that does nothing but multiply and add: what the machine could do.

use crate::Isa;
use crate::arithmetic::Arithmetic;
use crate::dispatch::dispatch;
use crate::isa::Block;
use crate::pool::Pool;
use crate::rows::Format;
use crate::tile::{Left, Panel, Sink, rows_times_panel};
use crate::vector::Vector;

/// Steps of a block that stays in the first-level cache.
const DEPTH: usize = 64;
/// The units of the largest left or right side of such a block.
const MOST_UNITS: usize = 64 * DEPTH;

struct Arguments<'a> {
    steps: usize,
    /// How the format is multiplied.
    way: Way,
    /// What is multiplied, on both sides.
    units: &'a [u32],
}

#[derive(Clone, Copy)]
enum Way {
    /// In one instruction: its operands stay in registers.
    Registers,
    /// In several: what they make of the operands must not be kept from step to step, so those come
    /// from the first-level cache, as in a product.
    Cache,
}

/// Takes sums and forgets them.
struct Nowhere;

impl<V: Vector> Sink<V> for Nowhere {
    #[inline(always)]
    unsafe fn put<const MR: usize, const NV: usize>(
        &self,
        _: usize,
        _: usize,
        _: usize,
        sums: [[V; NV]; MR],
    ) {
        let mut total = 0.0;
        for sum in sums.as_flattened() {
            // SAFETY: the caller's promise.
            total += unsafe { sum.sum() };
        }
        std::hint::black_box(total);
    }
}

/// `steps` steps of the products' register block.
///
/// # Safety
///
/// As for [`Vector`]; there are [`MOST_UNITS`] units.
#[inline(always)]
unsafe fn spin<A: Arithmetic, const MR: usize, const NV: usize>(arguments: &Arguments<'_>) {
    let Arguments { steps, way, units } = *arguments;
    // SAFETY: the caller's promise: no register has more than 16 units, no block more than 8 rows
    // or 64 columns.
    unsafe {
        match way {
            Way::Registers => {
                let right = A::load(units.as_ptr());
                let left = A::broadcast(units.as_ptr());
                let mut sums = [[A::zero(); NV]; MR];
                for _ in 0..steps {
                    for sum in sums.as_flattened_mut() {
                        *sum = A::step(*sum, left, right);
                    }
                }
                let mut done = [[A::lanes(sums[0][0]); NV]; MR];
                for (done, sum) in done.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
                    *done = A::lanes(*sum);
                }
                Nowhere.put(0, 0, 0, done);
            }
            Way::Cache => {
                let left = Left { units, stride: DEPTH, depth: DEPTH };
                let columns = NV * A::Lanes::LANES;
                for _ in 0..steps / DEPTH {
                    let panel = Panel { units: std::hint::black_box(units), column: 0, columns };
                    rows_times_panel::<A, _, MR, NV>(left, 0, MR, panel, &Nowhere);
                }
            }
        }
    }
}

/// Runs the loop on every thread; returns how many operations that were (a multiplication and an
/// addition are two).
pub(crate) fn register_loop(isa: Isa, pool: &Pool, format: Format, steps: usize) -> u64 {
    // Small numbers, so that sums stay finite.
    let units = &[0_u32; MOST_UNITS];
    let way = if isa.has_native(format) { Way::Registers } else { Way::Cache };
    let steps = steps.next_multiple_of(DEPTH);
    pool.run(pool.threads(), &|_| {
        let arguments = &Arguments { steps, way, units: std::hint::black_box(units) };
        dispatch!(isa, format, spin(arguments: &Arguments<'_>), products);
    });
    let Block { rows, columns } = isa.block();
    let per_step = rows * columns * format.numbers_per_unit() * 2;
    (pool.threads() * steps * per_step) as u64
}
