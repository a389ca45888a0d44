//! Exponential and GELU on registers, as exact as what comes after them.

use crate::vector::Vector;

/// How exact a result has to be: the polynomial for 2^r with |r| <= 1/2, lowest power first.
///
/// The coefficients minimise the largest relative error (Remez).
pub(crate) trait Exactness {
    const EXP2: &'static [f32];
    /// Whether a quotient is rounded once; otherwise its relative error is at most 1.4e-4.
    const DIVIDES: bool;
}

/// For results that stay f32: relative error at most 2e-7.
pub(crate) struct Single;

/// For results that are rounded to bf16 (2^-9): relative error at most 2e-4.
pub(crate) struct Half;

impl Exactness for Single {
    const EXP2: &'static [f32] = &[
        1.0,
        std::f32::consts::LN_2,
        0.240_226_46,
        0.055_503_286,
        0.009_618_489,
        0.001_339_993_1,
        0.000_153_458_12,
    ];
    const DIVIDES: bool = true;
}

impl Exactness for Half {
    const EXP2: &'static [f32] = &[0.999_928_06, 0.693_260_97, 0.242_611_14, 0.055_171_67];
    const DIVIDES: bool = false;
}

/// 2^x for x in -126..=126; beyond, the value at the end of that range.
///
/// The reduction to |r| <= 1/2 is exact, so the error is that of the polynomial and its roundings.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn exp2<V: Vector, E: Exactness>(x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let x = x.max(V::splat(-126.0)).min(V::splat(126.0));
        let exponent = x.round();
        let rest = x.sub(exponent);
        let (highest, lower) = E::EXP2.split_last().expect("a polynomial has coefficients");
        let mut sum = V::splat(*highest);
        for &coefficient in lower.iter().rev() {
            sum = sum.mul_add(rest, V::splat(coefficient));
        }
        sum.scale(exponent)
    }
}

/// GELU by its tanh form, `x / (1 + exp(-2 sqrt(2/pi) (x + 0.044715 x^3)))`: the
/// `gelu_pytorch_tanh` of the checkpoints.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn gelu<V: Vector, E: Exactness>(x: V) -> V {
    const LINEAR: f32 = -2.0 * 0.797_884_6 * std::f32::consts::LOG2_E;
    // SAFETY: the caller's promise.
    unsafe {
        let cubic = x.mul(x).mul_add(V::splat(LINEAR * 0.044_715), V::splat(LINEAR));
        let divisor = exp2::<V, E>(x.mul(cubic)).add(V::splat(1.0));
        if E::DIVIDES { x.div(divisor) } else { quotient(x, divisor) }
    }
}

/// x / y for y in 1..=2^126, relative error at most 1.4e-4: a line through the logarithm of y, then
/// one step of Halley. Divisions are many times slower, and the processors' own estimates differ
/// between their makers.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn quotient<V: Vector>(x: V, y: V) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let guess = y.reciprocal_guess();
        // 1 / y = guess / (1 - error) = guess (1 + error + error^2 + ..)
        let error = guess.negated_mul_add(y, V::splat(1.0));
        let near = x.mul(guess);
        error.mul_add(error, error).mul_add(near, near)
    }
}

#[cfg(test)]
mod tests {
    use super::{Exactness, Half, Single, exp2, gelu};
    use crate::naive;
    use crate::vector::{Plain, Vector};

    /// The largest |found - expected| / |expected| of `function` at `inputs`.
    fn largest_error(
        inputs: impl Iterator<Item = f32>,
        function: impl Fn(Plain) -> Plain,
        expected: impl Fn(f64) -> f64,
    ) -> f64 {
        let error = |x: f32| {
            // SAFETY: plain Rust needs no instruction set.
            let found = function(unsafe { Plain::splat(x) }).0[0];
            let expected = expected(f64::from(x));
            (f64::from(found) - expected).abs() / expected.abs()
        };
        inputs.map(error).fold(0.0, f64::max)
    }

    fn exp2_error<E: Exactness>() -> f64 {
        let inputs = (-125_000..=125_000).map(|i| i as f32 / 1000.0);
        // SAFETY: as above.
        largest_error(inputs, |x| unsafe { exp2::<Plain, E>(x) }, f64::exp2)
    }

    fn gelu_error<E: Exactness>() -> f64 {
        // Below, the value is far smaller than a step of bf16 in any row that holds it.
        let inputs = (-3_000..=20_000).filter(|&i| i != 0).map(|i| i as f32 / 1000.0);
        // SAFETY: as above.
        largest_error(inputs, |x| unsafe { gelu::<Plain, E>(x) }, naive::gelu)
    }

    #[test]
    fn powers_of_two_are_as_exact_as_they_say() {
        let (single, half) = (exp2_error::<Single>(), exp2_error::<Half>());
        assert!(single <= 2e-7, "{single:e}");
        assert!(half <= 1e-4, "{half:e}");
    }

    #[test]
    fn gelu_is_as_exact_as_it_says() {
        let (single, half) = (gelu_error::<Single>(), gelu_error::<Half>());
        assert!(single <= 2e-6, "{single:e}");
        assert!(half <= 3e-4, "{half:e}");
    }
}
