//! The gradients of a layer normalisation.

use crate::Isa;
use crate::dispatch::dispatch;
use crate::emit::each_register;
use crate::norm::{LayerNorm, Moments, moments};
use crate::outer::Scratch;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::vector::Vector;

/// Rows of one task, whose sums over rows are added up before they meet those of the other tasks.
const TASK_ROWS: usize = 64;

/// What a layer normalisation's gradients are added to.
pub struct NormGradient<'a> {
    /// Of the rows that were normalised.
    pub input: &'a mut [f32],
    /// Of the scale.
    pub weight: &'a mut [f32],
    /// Of the shift.
    pub bias: &'a mut [f32],
}

struct Arguments<'a> {
    norm: &'a LayerNorm,
    input: &'a [f32],
    /// With respect to the normalised rows.
    output: &'a [f32],
    gradient: NormGradient<'a>,
}

/// # Safety
///
/// As for [`Vector`]; `input`, `output` and the input's gradient are the same whole rows of the norm's width, which
/// weight and bias have too.
#[inline(always)]
unsafe fn rows<V: Vector>(arguments: &mut Arguments<'_>) {
    let Arguments { norm, input, output, gradient } = arguments;
    let width = norm.weight.len();
    let inverse_width = 1.0 / width as f32;
    let scales = norm.weight.as_ptr();
    let (weight, bias) = (gradient.weight.as_mut_ptr(), gradient.bias.as_mut_ptr());
    let rows = input.chunks_exact(width).zip(output.chunks_exact(width));
    for ((input, output), out) in rows.zip(gradient.input.chunks_exact_mut(width)) {
        let (from, given, to) = (input.as_ptr(), output.as_ptr(), out.as_mut_ptr());
        // SAFETY: the caller's promise; each access takes `count` numbers from `column`.
        unsafe {
            let Moments { mean, scale } = moments::<V>(input, norm.epsilon);
            let mut sum = V::splat(0.0);
            let mut product = V::splat(0.0);
            each_register!(V, width, |column, count| {
                let normal = V::load_first(from.add(column), count).sub(mean).mul(scale);
                let given = V::load_first(given.add(column), count);
                let to_weight = weight.add(column);
                let sums = V::load_first(to_weight, count);
                given.mul_add(normal, sums).store_first(to_weight, count);
                let to_bias = bias.add(column);
                V::load_first(to_bias, count).add(given).store_first(to_bias, count);
                // Lanes beyond the row hold zeros of `given`.
                let scaled = given.mul(V::load_first(scales.add(column), count));
                sum = sum.add(scaled);
                product = scaled.mul_add(normal, product);
            });
            let sum = V::splat(sum.sum() * inverse_width);
            let product = V::splat(product.sum() * inverse_width);
            each_register!(V, width, |column, count| {
                let normal = V::load_first(from.add(column), count).sub(mean).mul(scale);
                let given = V::load_first(given.add(column), count);
                let scaled = given.mul(V::load_first(scales.add(column), count));
                let inner = normal.negated_mul_add(product, scaled.sub(sum));
                let to = to.add(column);
                inner.mul_add(scale, V::load_first(to, count)).store_first(to, count);
            });
        }
    }
}

/// Adds the gradients of [`layer_norm`](super::layer_norm), given those of its output.
///
/// # Panics
///
/// When a length is not that of the norm, or of whole rows.
pub(crate) fn layer_norm_backward(
    isa: Isa,
    pool: &Pool,
    norm: &LayerNorm,
    input: &[f32],
    output: &[f32],
    gradient: NormGradient<'_>,
    scratch: &mut Scratch,
) {
    let width = norm.weight.len();
    assert_eq!(norm.bias.len(), width, "weight and bias have the row's width");
    let NormGradient { input: of_input, weight: of_weight, bias: of_bias } = gradient;
    assert_eq!(of_weight.len(), width, "the gradients have the weights' lengths");
    assert_eq!(of_bias.len(), width, "the gradients have the weights' lengths");
    assert_eq!(input.len(), output.len(), "there is a gradient per output");
    assert_eq!(input.len(), of_input.len(), "there is a gradient per input");
    if width == 0 {
        return;
    }
    let count = input.len() / width;
    assert_eq!(input.len(), count * width, "the input has whole rows");
    let tasks = count.div_ceil(TASK_ROWS);
    let sums = scratch.numbers(tasks * 2 * width);
    sums.fill(0.0);
    let (shared_sums, shared_input) = (SharedMut::new(&mut *sums), SharedMut::new(of_input));
    pool.run(tasks, &|task| {
        let first = task.index * TASK_ROWS * width;
        let length = (TASK_ROWS * width).min(input.len() - first);
        // SAFETY: each task has its own rows and its own sums.
        let (of_input, sums) = unsafe {
            let sums = shared_sums.part(task.index * 2 * width, 2 * width);
            (shared_input.part(first, length), sums)
        };
        let (weight, bias) = sums.split_at_mut(width);
        let arguments = &mut Arguments {
            norm,
            input: &input[first..first + length],
            output: &output[first..first + length],
            gradient: NormGradient { input: of_input, weight, bias },
        };
        dispatch!(isa, rows(arguments: &mut Arguments<'_>));
    });
    for sums in sums.chunks_exact(2 * width) {
        let (weight, bias) = sums.split_at(width);
        of_weight.iter_mut().zip(weight).for_each(|(sum, part)| *sum += part);
        of_bias.iter_mut().zip(bias).for_each(|(sum, part)| *sum += part);
    }
}
