//! Every fast kernel against its naive twin, on every instruction set of this machine.

mod attention;
mod backward;
mod isa;
mod matmul;
mod norm;
mod packed;
mod pool;
mod pooling;
mod same_bytes;
mod search;

use kernels::{Compute, Format, Isa, Rows};
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;

/// Deterministic numbers in -1..1: a multiplicative congruential generator's upper bits.
pub(crate) fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state = state.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(0xA076_1D64_78BD_642F);
        ((state >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// The largest |found - expected| / (1 + |expected|).
pub(crate) fn largest_error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let error = |(&f, &e): (&f32, &f64)| {
        assert!(f.is_finite(), "{f} where {e} was expected");
        (f64::from(f) - e).abs() / (1.0 + e.abs())
    };
    found.iter().zip(expected).map(error).fold(0.0, f64::max)
}

/// |found - expected| / |expected|, as Euclidean lengths.
pub(crate) fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let difference = found.iter().zip(expected).map(|(&f, e)| (f64::from(f) - e).powi(2));
    let length = expected.iter().map(|e| e * e).sum::<f64>();
    (difference.sum::<f64>() / length.max(1e-30)).sqrt()
}

/// One `Compute` per instruction set, on two threads.
pub(crate) fn every_isa() -> Vec<Compute> {
    Isa::available().into_iter().map(|isa| Compute::new(isa, 2)).collect()
}

/// `values`, whole rows of `width`, in a format.
pub(crate) fn rows(compute: &Compute, format: Format, width: usize, values: &[f32]) -> Rows {
    let count = values.len() / width;
    let mut plain = Rows::new(Format::F32, count, width);
    plain.numbers().copy_from_slice(values);
    let mut rows = Rows::new(format, count, width);
    compute.convert(&plain, count, &mut rows);
    rows
}

/// The first `count` rows as f32.
pub(crate) fn read(rows: &Rows, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count * rows.width()];
    for (index, row) in values.chunks_exact_mut(rows.width()).enumerate() {
        rows.read(index, row);
    }
    values
}

/// Runs `cases` random cases from a fixed seed.
pub(crate) fn check<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let rng = prop::test_runner::TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = prop::test_runner::TestRunner::new_with_rng(config, rng);
    runner.run(strategy, test).expect("the property holds");
}
