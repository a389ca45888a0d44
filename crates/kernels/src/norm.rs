//! Layer normalisation over rows.

use crate::Isa;
use crate::dispatch::dispatch;
use crate::emit::{LaneSource, RowTarget, each_register, emit_row};
use crate::pool::Pool;
use crate::rows::Rows;
use crate::shared::SharedMut;
use crate::vector::Vector;

mod backward;

pub use backward::NormGradient;
pub(crate) use backward::layer_norm_backward;

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
    target: RowTarget<'a>,
}

/// A row on its way through the normalisation.
struct Normalised<'a, V> {
    norm: &'a LayerNorm,
    input: &'a [f32],
    moments: Moments<V>,
}

impl<V: Vector> LaneSource<V> for Normalised<'_, V> {
    #[inline(always)]
    unsafe fn lanes(&self, column: usize, count: usize) -> V {
        // SAFETY: the caller's promise: input, weight and bias have the row's width.
        unsafe {
            let load = |values: &[f32]| V::load_first(values.as_ptr().add(column), count);
            let normal = load(self.input).sub(self.moments.mean).mul(self.moments.scale);
            normal.mul_add(load(&self.norm.weight), load(&self.norm.bias))
        }
    }
}

/// A row's mean, and what its deviations are multiplied by.
#[derive(Clone, Copy)]
struct Moments<V> {
    mean: V,
    scale: V,
}

/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn moments<V: Vector>(input: &[f32], epsilon: f32) -> Moments<V> {
    let width = input.len();
    let inverse_width = 1.0 / width as f32;
    let from = input.as_ptr();
    // SAFETY: the caller's promise; each access takes `count` elements from `column`.
    unsafe {
        let mut sum = V::splat(0.0);
        each_register!(V, width, |column, count| {
            sum = sum.add(V::load_first(from.add(column), count));
        });
        let mean = V::splat(sum.sum() * inverse_width);

        let mut squares = V::splat(0.0);
        each_register!(V, width, |column, count| {
            let deviation = V::load_first(from.add(column), count).sub(mean);
            // The lanes beyond the row must add nothing.
            let deviation = if count < V::LANES { deviation.first(count) } else { deviation };
            squares = deviation.mul_add(deviation, squares);
        });
        let scale = V::splat(1.0 / (squares.sum() * inverse_width + epsilon).sqrt());
        Moments { mean, scale }
    }
}

/// # Safety
///
/// As for [`Vector`]; `input` is a row of the norm's width, `target` one of as many numbers.
#[inline(always)]
unsafe fn row<V: Vector>(arguments: &mut Arguments<'_>) {
    let Arguments { norm, input, target } = arguments;
    // SAFETY: the caller's promise.
    unsafe {
        let moments = moments(input, norm.epsilon);
        emit_row(target, input.len(), &Normalised::<V> { norm, input, moments });
    }
}

/// Normalises each row of `input` to mean 0 and variance 1, scales and shifts it, and writes it to
/// the same row of `out`.
///
/// # Panics
///
/// When `input` is not whole rows of the norm's width, or `out` has fewer or other rows.
pub(crate) fn layer_norm(isa: Isa, pool: &Pool, norm: &LayerNorm, input: &[f32], out: &mut Rows) {
    let width = norm.weight.len();
    assert_eq!(norm.bias.len(), width, "weight and bias have the row's width");
    assert_eq!(out.width, width, "the output rows have the norm's width");
    if width == 0 {
        return;
    }
    let rows = input.len() / width;
    assert_eq!(input.len(), rows * width, "the input has whole rows");
    let out = SharedRows::new(out, rows);
    pool.run(rows.div_ceil(TASK_ROWS), &|work| {
        let first = work.index * TASK_ROWS;
        for index in first..(first + TASK_ROWS).min(rows) {
            // SAFETY: each task writes its own rows.
            let target = unsafe { out.row(index) };
            let arguments =
                &mut Arguments { norm, input: &input[index * width..(index + 1) * width], target };
            dispatch!(isa, row(arguments: &mut Arguments<'_>));
        }
    });
}

/// [`Rows`] that several workers write, each its own.
#[derive(Clone, Copy)]
pub(crate) struct SharedRows<'a> {
    format: crate::Format,
    stride: usize,
    units: SharedMut<'a, u32>,
    scales: SharedMut<'a>,
    zeros: SharedMut<'a>,
    /// 1 where rows have a scale and a zero, else 0.
    per_row: usize,
}

impl<'a> SharedRows<'a> {
    /// # Panics
    ///
    /// When `rows` has fewer than `count` rows.
    pub(crate) fn new(rows: &'a mut Rows, count: usize) -> Self {
        let stride = rows.stride();
        assert!(count * stride <= rows.units.len(), "the output has that many rows");
        Self {
            format: rows.format,
            stride,
            per_row: usize::from(rows.format == crate::Format::Int8),
            units: SharedMut::new(&mut rows.units),
            scales: SharedMut::new(&mut rows.scales),
            zeros: SharedMut::new(&mut rows.zeros),
        }
    }

    /// One row to write.
    ///
    /// # Safety
    ///
    /// No row is handed out twice at a time.
    pub(crate) unsafe fn row(&self, index: usize) -> RowTarget<'a> {
        let per_row = self.per_row;
        // SAFETY: the caller's promise makes the parts disjoint.
        unsafe {
            RowTarget {
                format: self.format,
                units: self.units.part(index * self.stride, self.stride),
                scale: self.scales.part(index * per_row, per_row),
                zero: self.zeros.part(index * per_row, per_row),
            }
        }
    }
}
