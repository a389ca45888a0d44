//! Rows pooled into few: for each head the mean of a sequence's rows, weighted by a softmax.

use std::f32::consts::LOG2_E;

use crate::Isa;
use crate::dispatch::dispatch;
use crate::math::{self, Single};
use crate::pool::Pool;
use crate::rows::{Format, Rows};
use crate::shared::SharedMut;
use crate::vector::{Vector, load_first_bf16};

/// The extents of a pooling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolingShape {
    /// B, independent sequences.
    pub batch: usize,
    /// T, rows of a sequence.
    pub tokens: usize,
    /// H, means of a sequence.
    pub heads: usize,
    /// What a score is multiplied by before the softmax.
    pub scale: f32,
}

struct Arguments<'a> {
    shape: PoolingShape,
    rows: &'a Rows,
    /// The sequence's first row.
    first_row: usize,
    /// `[T][H]` of the sequence; only the head's column is this task's.
    scores: *mut f32,
    /// The head's mean, one number per column.
    out: &'a mut [f32],
}

/// # Safety
///
/// As for [`Vector`]; the arguments are one head's of one sequence, as [`pool_rows`] cuts them.
#[inline(always)]
unsafe fn head<V: Vector>(arguments: &mut Arguments<'_>) {
    let Arguments { shape, rows, first_row, scores, out } = arguments;
    let PoolingShape { tokens, heads, scale, .. } = *shape;
    let (width, stride) = (rows.width, rows.stride());
    // SAFETY: the caller's promise: `tokens` scores, `heads` apart, are this task's alone, and the
    // rows from `first_row` have `width` numbers each.
    unsafe {
        let mut largest = f32::NEG_INFINITY;
        for token in 0..tokens {
            largest = largest.max(*scores.add(token * heads));
        }
        let scale = scale * LOG2_E;
        let mut sum = 0.0;
        for token in 0..tokens {
            let score = scores.add(token * heads);
            let weight = math::exp2::<V, Single>(V::splat((*score - largest) * scale)).largest();
            *score = weight;
            sum += weight;
        }
        let inverse = V::splat(1.0 / sum);
        let units = rows.units.as_ptr().add(*first_row * stride);
        for column in (0..width).step_by(V::LANES) {
            let count = V::LANES.min(width - column);
            let mut mean = V::splat(0.0);
            for token in 0..tokens {
                let row = units.add(token * stride);
                let values = match rows.format {
                    Format::Bf16 => load_first_bf16::<V>(row.cast::<u16>().add(column), count),
                    _ => V::load_first(row.cast::<f32>().add(column), count),
                };
                mean = values.mul_add(V::splat(*scores.add(token * heads)), mean);
            }
            mean.mul(inverse).store_first(out.as_mut_ptr().add(column), count);
        }
    }
}

/// `out[b][h] = sum_t softmax_t(scores[b][t][h] * scale) rows[b][t]`, `[B * H][W]` in f32; the scores
/// are overwritten.
///
/// # Panics
///
/// When a slice's length does not fit the shape, or the rows are int8.
pub(crate) fn pool_rows(
    isa: Isa,
    pool: &Pool,
    shape: PoolingShape,
    rows: &Rows,
    scores: &mut [f32],
    out: &mut [f32],
) {
    let PoolingShape { batch, tokens, heads, .. } = shape;
    let width = rows.width;
    assert_ne!(rows.format, Format::Int8, "pooling takes f32 or bf16");
    assert!(tokens > 0, "a sequence has rows");
    assert!(batch * tokens * rows.stride() <= rows.units.len(), "there is a row per token");
    assert_eq!(scores.len(), batch * tokens * heads, "there is a score per row and head");
    assert_eq!(out.len(), batch * heads * width, "there is a mean per head");
    let (scores, out) = (SharedMut::new(scores), SharedMut::new(out));
    pool.run(batch * heads, &|work| {
        let (sequence, index) = (work.index / heads, work.index % heads);
        let arguments = &mut Arguments {
            shape,
            rows,
            first_row: sequence * tokens,
            scores: scores.at(sequence * tokens * heads + index),
            // SAFETY: each task has its own mean.
            out: unsafe { out.part(work.index * width, width) },
        };
        dispatch!(isa, head(arguments: &mut Arguments<'_>));
    });
}
