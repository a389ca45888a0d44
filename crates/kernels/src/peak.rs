//! A loop that does nothing but multiply and add in registers: what the machine could do.

use crate::Isa;
use crate::arithmetic::{Arithmetic, Bf16, F32, Int8};
use crate::dispatch::dispatch;
use crate::pool::Pool;
use crate::rows::Format;
use crate::vector::{self, Vector};

struct Arguments<'a> {
    steps: usize,
    /// Sixteen units to multiply.
    units: &'a [u32; 16],
}

/// `steps` steps of 24 independent sums, the register block of the products.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn spin<A: Arithmetic>(arguments: &Arguments<'_>) {
    // SAFETY: the caller's promise; 16 units are as many as any register has.
    unsafe {
        let right = A::load(arguments.units.as_ptr());
        let left = A::broadcast(arguments.units.as_ptr());
        let mut sums = [A::zero(); 24];
        for _ in 0..arguments.steps {
            for sum in &mut sums {
                *sum = A::step(*sum, left, right);
            }
        }
        let mut total = 0.0;
        for sum in sums {
            total += A::lanes(sum).sum();
        }
        std::hint::black_box(total);
    }
}

/// How many lanes a register has.
fn lanes(isa: Isa) -> usize {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        crate::isa::Kind::Avx512 => vector::Avx512::LANES,
        #[cfg(target_arch = "x86_64")]
        crate::isa::Kind::Avx2 => vector::Avx2::LANES,
        crate::isa::Kind::Scalar => vector::Plain::LANES,
    }
}

/// Runs the loop on every thread; returns how many operations that were (a multiplication and an
/// addition are two).
pub(crate) fn register_loop(isa: Isa, pool: &Pool, format: Format, steps: usize) -> u64 {
    // Small numbers, so that sums stay finite.
    let units = &[0_u32; 16];
    pool.run(pool.threads(), &|_| {
        let arguments = &Arguments { steps, units: std::hint::black_box(units) };
        match format {
            Format::F32 => dispatch!(
                isa, spin(arguments: &Arguments<'_>),
                avx512 [F32<vector::Avx512>],
                avx2 [F32<vector::Avx2>],
                plain [F32<vector::Plain>]
            ),
            Format::Bf16 => dispatch!(
                isa, spin(arguments: &Arguments<'_>),
                avx512 [Bf16<vector::Avx512>],
                avx2 [Bf16<vector::Avx2>],
                plain [Bf16<vector::Plain>]
            ),
            Format::Int8 => dispatch!(
                isa, spin(arguments: &Arguments<'_>),
                avx512 [Int8<vector::Avx512>],
                avx2 [Int8<vector::Avx2>],
                plain [Int8<vector::Plain>]
            ),
        }
    });
    let per_step = 24 * lanes(isa) * format.numbers_per_unit() * 2;
    (pool.threads() * steps * per_step) as u64
}
