//! Softmax attention, one head at a time in cache.
//!
//! A task is one head of one batch element: it packs the head's keys and values into panels, then
//! takes the queries in blocks: scores, softmax, weighted values. Scores never leave the
//! second-level cache; there is no mask, because SigLIP has none.

use crate::Isa;
use crate::dispatch::dispatch;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::tile::{Left, Panel, Sink, rows_times_panel};
use crate::vector::{self, Vector};

/// Query rows whose scores are in cache at a time.
const QUERY_ROWS: usize = 48;

/// The extents of an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionShape {
    /// B, independent sequences.
    pub batch: usize,
    /// Queries of each sequence.
    pub query_tokens: usize,
    /// Keys and values of each sequence.
    pub key_tokens: usize,
    /// H.
    pub heads: usize,
    /// D; the width is H x D.
    pub head_size: usize,
}

/// Queries, keys or values inside a larger activation: element d of head h of token t of sequence
/// b is `values[b * batch_stride + t * token_stride + h * head_size + d]`.
#[derive(Clone, Copy, Debug)]
pub struct Heads<'a> {
    /// From the first element on.
    pub values: &'a [f32],
    /// Elements from one sequence to the next; 0 shares one sequence among the batch.
    pub batch_stride: usize,
    /// Elements from one token to the next.
    pub token_stride: usize,
}

impl<'a> Heads<'a> {
    /// From the first token of one head of one sequence on.
    fn head(&self, shape: &AttentionShape, sequence: usize, head: usize) -> &'a [f32] {
        &self.values[sequence * self.batch_stride + head * shape.head_size..]
    }

    fn check(&self, shape: &AttentionShape, tokens: usize) {
        let last = (shape.batch - 1) * self.batch_stride + (tokens - 1) * self.token_stride;
        assert!(
            self.values.len() >= last + shape.heads * shape.head_size,
            "the heads' slice holds every token"
        );
    }
}

/// The widest panel of the sets below, in lanes.
const WIDEST: usize = 64;

impl AttentionShape {
    fn padded_keys(&self) -> usize {
        self.key_tokens.next_multiple_of(WIDEST)
    }

    /// Elements of scratch that each worker of the pool needs.
    pub fn scratch_per_worker(&self) -> usize {
        let keys = self.padded_keys() * self.head_size;
        let values = self.head_size.next_multiple_of(WIDEST) * self.key_tokens;
        let scores = QUERY_ROWS * (self.padded_keys() + 1);
        (keys + values + scores).next_multiple_of(16)
    }
}

struct Arguments<'a> {
    shape: AttentionShape,
    queries: Left<'a>,
    keys: Left<'a>,
    values: Left<'a>,
    out: SharedMut<'a>,
    out_offset: usize,
    scratch: &'a mut [f32],
}

/// Scores as they come, row by row.
struct Scores {
    start: *mut f32,
    stride: usize,
    first_row: usize,
}

impl<V: Vector> Sink<V> for Scores {
    #[inline(always)]
    unsafe fn put(&self, row: usize, column: usize, count: usize, sums: V) {
        // SAFETY: the rows of a query block and all keys have their place in the scratch.
        unsafe {
            let to = self
                .start
                .add((row - self.first_row) * self.stride + column);
            sums.store_first(to, count);
        }
    }
}

/// Weighted values, divided by the row's sum of weights.
struct Weighted<'a> {
    out: *mut f32,
    stride: usize,
    inverse_sums: &'a [f32],
}

impl<V: Vector> Sink<V> for Weighted<'_> {
    #[inline(always)]
    unsafe fn put(&self, row: usize, column: usize, count: usize, sums: V) {
        // SAFETY: the rows of a query block and the columns of a head have their place in `out`.
        unsafe {
            let to = self.out.add(row * self.stride + column);
            sums.mul(V::splat(*self.inverse_sums.get_unchecked(row)))
                .store_first(to, count);
        }
    }
}

/// Packs the transpose of `keys`: panels of `lanes` tokens, `[head_size][lanes]` each.
fn pack_keys(keys: Left<'_>, tokens: usize, lanes: usize, packed: &mut [f32]) {
    for (i, panel) in packed.chunks_exact_mut(lanes * keys.depth).enumerate() {
        for lane in 0..lanes {
            let token = i * lanes + lane;
            let column = panel[lane..].iter_mut().step_by(lanes);
            if token < tokens {
                let key = &keys.values[token * keys.stride..][..keys.depth];
                column.zip(key).for_each(|(to, &from)| *to = from);
            } else {
                column.for_each(|to| *to = 0.0);
            }
        }
    }
}

/// Packs `values`: panels of `lanes` columns, `[tokens][lanes]` each.
fn pack_values(values: Left<'_>, tokens: usize, lanes: usize, packed: &mut [f32]) {
    for (i, panel) in packed.chunks_exact_mut(lanes * tokens).enumerate() {
        let columns = lanes.min(values.depth - i * lanes);
        for (token, row) in panel.chunks_exact_mut(lanes).enumerate() {
            let from = &values.values[token * values.stride + i * lanes..][..columns];
            row[..columns].copy_from_slice(from);
            row[columns..].fill(0.0);
        }
    }
}

/// Turns a row of scores into `exp((score - largest) * scale)`; returns 1 / their sum.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn softmax_row<V: Vector>(row: &mut [f32], scale: f32) -> f32 {
    let at = row.as_mut_ptr();
    let whole = row.len() / V::LANES * V::LANES;
    // SAFETY: the caller's promise; whole registers up to `whole`, then the `rest` lanes.
    unsafe {
        let mut largest = V::splat(f32::NEG_INFINITY);
        for i in (0..whole).step_by(V::LANES) {
            largest = largest.max(V::load(at.add(i)));
        }
        let rest = row.len() - whole;
        let largest = row[whole..]
            .iter()
            .copied()
            .fold(largest.largest(), f32::max);
        let (largest, scale) = (V::splat(largest), V::splat(scale));
        let mut sum = V::splat(0.0);
        for i in (0..whole).step_by(V::LANES) {
            let weight = vector::exp(V::load(at.add(i)).sub(largest).mul(scale));
            weight.store(at.add(i));
            sum = sum.add(weight);
        }
        if rest > 0 {
            let scores = V::load_first(at.add(whole), rest);
            let weight = vector::exp(scores.sub(largest).mul(scale)).first(rest);
            weight.store_first(at.add(whole), rest);
            sum = sum.add(weight);
        }
        1.0 / sum.sum()
    }
}

/// # Safety
///
/// As for [`Vector`]; `MR` is at most 8, `NV * LANES` at most and a divisor of [`WIDEST`], and the
/// arguments are one head's as [`attention`] cuts them.
#[inline(always)]
unsafe fn head<V: Vector, const MR: usize, const NV: usize>(arguments: &mut Arguments<'_>) {
    let Arguments {
        shape,
        queries,
        keys,
        values,
        out,
        out_offset,
        scratch,
    } = arguments;
    let AttentionShape {
        query_tokens,
        key_tokens,
        head_size,
        heads,
        ..
    } = *shape;
    let lanes = NV * V::LANES;
    let (packed_keys, rest) = scratch.split_at_mut(shape.padded_keys() * head_size);
    let (packed_values, rest) = rest.split_at_mut(head_size.next_multiple_of(WIDEST) * key_tokens);
    let (scores, inverse_sums) = rest.split_at_mut(QUERY_ROWS * shape.padded_keys());
    let packed_keys = &mut packed_keys[..key_tokens.next_multiple_of(lanes) * head_size];
    let packed_values = &mut packed_values[..head_size.next_multiple_of(lanes) * key_tokens];
    pack_keys(*keys, key_tokens, lanes, packed_keys);
    pack_values(*values, key_tokens, lanes, packed_values);
    let scale = 1.0 / (head_size as f32).sqrt();
    let stride = shape.padded_keys();
    let width = heads * head_size;

    for first_row in (0..query_tokens).step_by(QUERY_ROWS) {
        let rows = QUERY_ROWS.min(query_tokens - first_row);
        let sink = Scores {
            start: scores.as_mut_ptr(),
            stride,
            first_row,
        };
        for row in (first_row..first_row + rows).step_by(MR) {
            let count = MR.min(first_row + rows - row);
            for (i, panel) in packed_keys.chunks_exact(lanes * head_size).enumerate() {
                let column = i * lanes;
                let panel = Panel {
                    values: panel,
                    column,
                    columns: lanes.min(key_tokens - column),
                };
                // SAFETY: the caller's promise; the scratch holds `rows` rows of scores.
                unsafe { rows_times_panel::<V, _, NV>(*queries, row, count, panel, &sink) }
            }
        }
        for (row, inverse) in scores
            .chunks_exact_mut(stride)
            .zip(&mut *inverse_sums)
            .take(rows)
        {
            // SAFETY: the caller's promise.
            *inverse = unsafe { softmax_row::<V>(&mut row[..key_tokens], scale) };
        }
        let weights = Left {
            values: scores,
            stride,
            depth: key_tokens,
        };
        let to = out.at(*out_offset + first_row * width);
        let sink = Weighted {
            out: to,
            stride: width,
            inverse_sums,
        };
        for row in (0..rows).step_by(MR) {
            let count = MR.min(rows - row);
            for (i, panel) in packed_values.chunks_exact(lanes * key_tokens).enumerate() {
                let column = i * lanes;
                let panel = Panel {
                    values: panel,
                    column,
                    columns: lanes.min(head_size - column),
                };
                // SAFETY: the caller's promise; this head's columns of `out` are this task's own.
                unsafe { rows_times_panel::<V, _, NV>(weights, row, count, panel, &sink) }
            }
        }
    }
}

/// `softmax(q k^T / sqrt(D)) v` for each head; `out` is `[B * query_tokens][H * D]`.
///
/// # Panics
///
/// When a slice is too short, or `scratch` is less than
/// [`scratch_per_worker`](AttentionShape::scratch_per_worker) times the pool's threads.
#[expect(
    clippy::too_many_arguments,
    reason = "three inputs, one output, and where to work"
)]
pub(crate) fn attention(
    isa: Isa,
    pool: &Pool,
    shape: AttentionShape,
    queries: Heads<'_>,
    keys: Heads<'_>,
    values: Heads<'_>,
    out: &mut [f32],
    scratch: &mut [f32],
) {
    let AttentionShape {
        batch,
        query_tokens,
        key_tokens,
        heads,
        head_size,
    } = shape;
    let width = heads * head_size;
    assert_eq!(
        out.len(),
        batch * query_tokens * width,
        "the output is B x queries x width"
    );
    if out.is_empty() {
        return;
    }
    assert!(key_tokens > 0, "an attention has keys");
    queries.check(&shape, query_tokens);
    keys.check(&shape, key_tokens);
    values.check(&shape, key_tokens);
    let per_worker = shape.scratch_per_worker();
    assert!(
        scratch.len() >= per_worker * pool.threads(),
        "each worker has its scratch"
    );
    let (out, scratch) = (SharedMut::new(out), SharedMut::new(scratch));
    let left = |part: Heads<'_>, sequence, head| {
        let values: *const [f32] = part.head(&shape, sequence, head);
        // SAFETY: the slice is the caller's and outlives this function.
        let values = unsafe { &*values };
        Left {
            values,
            stride: part.token_stride,
            depth: head_size,
        }
    };

    pool.run(batch * heads, &|work| {
        let (sequence, index) = (work.index / heads, work.index % heads);
        let arguments = &mut Arguments {
            shape,
            queries: left(queries, sequence, index),
            keys: left(keys, sequence, index),
            values: left(values, sequence, index),
            out,
            out_offset: sequence * query_tokens * width + index * head_size,
            // SAFETY: no two running tasks have the same worker.
            scratch: unsafe { scratch.part(work.worker * per_worker, per_worker) },
        };
        dispatch!(
            isa, head(arguments: &mut Arguments<'_>),
            avx512 [vector::Avx512, 6, 4], avx2 [vector::Avx2, 6, 2], plain [vector::Plain, 4, 2]
        );
    });
}
