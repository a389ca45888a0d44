//! A loop that does nothing but multiply and add in registers: what the machine could do.

use crate::Isa;
use crate::arithmetic::Arithmetic;
use crate::dispatch::dispatch;
use crate::isa::Block;
use crate::pool::Pool;
use crate::rows::Format;
use crate::vector::Vector;

struct Arguments<'a> {
    steps: usize,
    /// Sixteen units to multiply.
    units: &'a [u32; 16],
}

/// `steps` steps of the independent sums of the products' register block.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn spin<A: Arithmetic, const MR: usize, const NV: usize>(arguments: &Arguments<'_>) {
    // SAFETY: the caller's promise; 16 units are as many as any register has.
    unsafe {
        let right = A::load(arguments.units.as_ptr());
        let left = A::broadcast(arguments.units.as_ptr());
        let mut sums = [[A::zero(); NV]; MR];
        for _ in 0..arguments.steps {
            for sum in sums.as_flattened_mut() {
                *sum = A::step(*sum, left, right);
            }
        }
        let mut total = 0.0;
        for sum in sums.as_flattened() {
            total += A::lanes(*sum).sum();
        }
        std::hint::black_box(total);
    }
}

/// Runs the loop on every thread; returns how many operations that were (a multiplication and an
/// addition are two).
pub(crate) fn register_loop(isa: Isa, pool: &Pool, format: Format, steps: usize) -> u64 {
    // Small numbers, so that sums stay finite.
    let units = &[0_u32; 16];
    pool.run(pool.threads(), &|_| {
        let arguments = &Arguments { steps, units: std::hint::black_box(units) };
        dispatch!(isa, format, spin(arguments: &Arguments<'_>), products);
    });
    let Block { rows, columns } = isa.block();
    let per_step = rows * columns * format.numbers_per_unit() * 2;
    (pool.threads() * steps * per_step) as u64
}
