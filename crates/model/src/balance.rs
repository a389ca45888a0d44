//! Sharing the range between activations and weights, before both are rounded to 8 bits.
//!
//! A layer norm's output meets only the linear layers behind it, so a channel may be divided by any
//! factor in the norm if the layers' weights for it are multiplied by the same: the function stays
//! what it was. A channel whose values are much larger than the others' would cost all of them
//! their precision, because a token has one scale; the factor moves that range to the weights,
//! where each output has a scale. The factor is the square root of the ratio of both ranges
//! (arXiv 2211.10438, with the norm's own parameters in place of measured activations).

use kernels::LayerNorm;

/// The channels' factors for `norm` and weights whose largest value for each channel is `largest`.
///
/// They are powers of two, so that dividing and multiplying by them rounds nothing.
pub(crate) fn factors(norm: &LayerNorm, largest: &[f32]) -> Vec<f32> {
    let of_channel = |((weight, bias), largest): ((&f32, &f32), &f32)| {
        // What a channel of mean 0 and variance 1 becomes, at three deviations.
        let activation = 3.0 * weight.abs() + bias.abs();
        let ratio = activation / largest;
        if ratio.is_normal() { (ratio.log2() / 2.0).round().exp2() } else { 1.0 }
    };
    norm.weight.iter().zip(&norm.bias).zip(largest).map(of_channel).collect()
}

/// Divides the norm's channels by their factors.
pub(crate) fn divide(norm: &mut LayerNorm, factors: &[f32]) {
    for parameters in [&mut norm.weight, &mut norm.bias] {
        parameters.iter_mut().zip(factors).for_each(|(number, factor)| *number /= factor);
    }
}
