//! Layer normalisation over rows.

use crate::Isa;
use crate::dispatch::dispatch;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::vector::{self, Vector};

/// Rows of one task.
const TASK_ROWS: usize = 32;

/// The parameters of one layer normalisation.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    /// Scale, one per column.
    pub weight: Vec<f32>,
    /// Shift, one per column.
    pub bias: Vec<f32>,
    /// What is added to the variance.
    pub epsilon: f32,
}

struct Arguments<'a> {
    norm: &'a LayerNorm,
    input: &'a [f32],
    out: &'a mut [f32],
}

/// # Safety
///
/// As for [`Vector`]; `input` and `out` are equally many whole rows of the norm's width.
#[inline(always)]
unsafe fn rows<V: Vector>(arguments: &mut Arguments<'_>) {
    let LayerNorm {
        weight,
        bias,
        epsilon,
    } = arguments.norm;
    let width = weight.len();
    let inverse_width = 1.0 / width as f32;
    let pairs = arguments
        .input
        .chunks_exact(width)
        .zip(arguments.out.chunks_exact_mut(width));
    for (input, out) in pairs {
        let (from, to) = (input.as_ptr(), out.as_mut_ptr());
        let count = |column: usize| V::LANES.min(width - column);
        // SAFETY: the caller's promise; each access takes `count(column)` elements from `column`
        // of a slice of `width`.
        unsafe {
            let mut sum = V::splat(0.0);
            let mut column = 0;
            while column < width {
                sum = sum.add(V::load_first(from.add(column), count(column)));
                column += V::LANES;
            }
            let mean = V::splat(sum.sum() * inverse_width);

            let mut squares = V::splat(0.0);
            column = 0;
            while column < width {
                let n = count(column);
                let deviation = V::load_first(from.add(column), n).sub(mean);
                // The lanes beyond the row must add nothing.
                let deviation = if n < V::LANES {
                    deviation.first(n)
                } else {
                    deviation
                };
                squares = deviation.mul_add(deviation, squares);
                column += V::LANES;
            }
            let scale = V::splat(1.0 / (squares.sum() * inverse_width + epsilon).sqrt());

            column = 0;
            while column < width {
                let n = count(column);
                let normal = V::load_first(from.add(column), n).sub(mean).mul(scale);
                let weight = V::load_first(weight.as_ptr().add(column), n);
                let bias = V::load_first(bias.as_ptr().add(column), n);
                normal.mul_add(weight, bias).store_first(to.add(column), n);
                column += V::LANES;
            }
        }
    }
}

/// Normalises each row of `input` to mean 0 and variance 1, then scales and shifts it.
///
/// # Panics
///
/// When the slices are not equally many whole rows of the norm's width.
pub(crate) fn layer_norm(isa: Isa, pool: &Pool, norm: &LayerNorm, input: &[f32], out: &mut [f32]) {
    let width = norm.weight.len();
    assert_eq!(
        norm.bias.len(),
        width,
        "weight and bias have the row's width"
    );
    assert_eq!(input.len(), out.len(), "as many rows out as in");
    if width == 0 {
        return;
    }
    assert_eq!(input.len() % width, 0, "the input has whole rows");
    let task = TASK_ROWS * width;
    let out = SharedMut::new(out);
    pool.run(input.len().div_ceil(task), &|work| {
        let input = &input[work.index * task..(work.index * task + task).min(input.len())];
        // SAFETY: each task writes its own rows.
        let out = unsafe { out.part(work.index * task, input.len()) };
        let arguments = &mut Arguments { norm, input, out };
        dispatch!(
            isa, rows(arguments: &mut Arguments<'_>),
            avx512 [vector::Avx512], avx2 [vector::Avx2], plain [vector::Plain]
        );
    });
}
