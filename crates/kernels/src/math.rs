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

/// The slope of [`gelu`]: with `s = 1 / (1 + exp(-2 u))` and `u = sqrt(2/pi) (x + 0.044715 x^3)`,
/// `s + 2 x s (1 - s) u'`.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn gelu_slope<V: Vector, E: Exactness>(x: V) -> V {
    const TWICE: f32 = 2.0 * 0.797_884_6;
    const LINEAR: f32 = -TWICE * std::f32::consts::LOG2_E;
    // SAFETY: the caller's promise.
    unsafe {
        let one = V::splat(1.0);
        let square = x.mul(x);
        let cubic = square.mul_add(V::splat(LINEAR * 0.044_715), V::splat(LINEAR));
        let opposite = exp2::<V, E>(x.mul(cubic));
        let divisor = opposite.add(one);
        let share = if E::DIVIDES { one.div(divisor) } else { quotient(one, divisor) };
        let inner = square.mul_add(V::splat(TWICE * 3.0 * 0.044_715), V::splat(TWICE));
        // s (1 - s), without the difference: far from 0 it would be all error.
        let rest = opposite.mul(share).mul(share);
        x.mul(inner).mul_add(rest, share)
    }
}

/// The numbers that the sigmoid loss needs of a logit `l`.
#[derive(Clone, Copy)]
pub(crate) struct Sigmoid<V> {
    /// `1 / (1 + exp(-l))`.
    pub(crate) probability: V,
    /// `log(1 + exp(l))`, the loss of a pair that does not match.
    pub(crate) softplus: V,
}

/// Sigmoid and softplus; the relative error of either is at most 4e-6 for logits within -80..=80: what the rounding of the
/// logit itself costs.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn sigmoid<V: Vector>(logit: V) -> Sigmoid<V> {
    /// The series of `atanh(z) / z` in the square of `z`, which is at most 1/9.
    const ATANH: [f32; 7] =
        [1.0, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0];
    // SAFETY: the caller's promise.
    unsafe {
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        let (above, below) = (logit.max(zero), logit.min(zero));
        let log2 = V::splat(std::f32::consts::LOG2_E);
        // exp of the logit where it is negative, of its opposite where it is positive, and 1 for the other sign.
        let left = exp2::<V, Single>(below.mul(log2));
        let right = exp2::<V, Single>(zero.sub(above).mul(log2));
        let small = left.mul(right);
        let probability = left.div(one.add(small));
        // log(1 + small) = 2 atanh(small / (2 + small))
        let z = small.div(V::splat(2.0).add(small));
        let square = z.mul(z);
        let mut series = V::splat(ATANH[6]);
        for &coefficient in ATANH[..6].iter().rev() {
            series = series.mul_add(square, V::splat(coefficient));
        }
        Sigmoid { probability, softplus: z.add(z).mul_add(series, above) }
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
    use super::{Exactness, Half, Single, exp2, gelu, gelu_slope, sigmoid};
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

    #[test]
    fn the_slope_of_gelu_is_as_exact_as_it_says() {
        let slope_error = |slope: &dyn Fn(Plain) -> Plain| {
            let error = |x: f32| {
                // SAFETY: as above.
                let found = slope(unsafe { Plain::splat(x) }).0[0];
                (f64::from(found) - naive::gelu_slope(f64::from(x))).abs()
            };
            (-20_000..=20_000).map(|i| error(i as f32 / 1000.0)).fold(0.0, f64::max)
        };
        // SAFETY: as above.
        let single = slope_error(&|x| unsafe { gelu_slope::<Plain, Single>(x) });
        // SAFETY: as above.
        let half = slope_error(&|x| unsafe { gelu_slope::<Plain, Half>(x) });
        assert!(single <= 1e-6, "{single:e}");
        assert!(half <= 1e-3, "{half:e}");
    }

    #[test]
    fn sigmoid_and_softplus_are_as_exact_as_they_say() {
        let logits = || (-80_000..=80_000).map(|i| i as f32 / 1000.0);
        let probability = largest_error(
            logits(),
            // SAFETY: as above.
            |x| unsafe { sigmoid(x).probability },
            |x| 1.0 / (1.0 + (-x).exp()),
        );
        let softplus = largest_error(
            logits(),
            // SAFETY: as above.
            |x| unsafe { sigmoid(x).softplus },
            |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
        );
        assert!(probability <= 4e-6, "{probability:e}");
        assert!(softplus <= 4e-6, "{softplus:e}");
    }
}
