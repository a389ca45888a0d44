//! Softmax attention, one head at a time in cache.
//!
//! A task is one head of one sequence: it packs the head's keys and values into panels, then takes
//! the queries in blocks: scores, softmax, weighted values. Scores never leave the second-level
//! cache; there is no mask, because SigLIP has none. Scores, their exponentials and their sums are
//! f32 in both formats; in bf16 the products' inputs are bf16, the exponentials included.

use std::f32::consts::LOG2_E;
use std::marker::PhantomData;

use crate::Isa;
use crate::dispatch::dispatch;
use crate::math::exp2;
use crate::packing::{FloatFormat, WIDEST, pack_keys};
use crate::pool::Pool;
use crate::rows::{Format, Rows};
use crate::shared::SharedMut;
use crate::tile::{Left, Panel, Sink, rows_times_panel};
use crate::vector::Vector;

mod backward;

pub use backward::AttentionGradient;
pub(crate) use backward::attention_backward;

/// Query rows whose scores are in cache at a time.
const QUERY_ROWS: usize = 24;

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

/// Queries, keys or values inside rows: element d of head h of token t of sequence b stands in row
/// `b * rows_per_sequence + t`, column `first_column + h * head_size + d`.
#[derive(Clone, Copy)]
pub struct Heads<'a> {
    /// All of them, in f32 or bf16.
    pub rows: &'a Rows,
    /// Of head 0.
    pub first_column: usize,
    /// Tokens of a sequence; 0 shares one sequence among the batch.
    pub rows_per_sequence: usize,
}

impl<'a> Heads<'a> {
    /// One head of one sequence, from its first token on.
    fn head(&self, shape: &AttentionShape, sequence: usize, head: usize) -> Left<'a> {
        let per_unit = self.rows.format.numbers_per_unit();
        let stride = self.rows.stride();
        let column = (self.first_column + head * shape.head_size) / per_unit;
        let units = &self.rows.units[sequence * self.rows_per_sequence * stride + column..];
        Left { units, stride, depth: shape.head_size / per_unit }
    }

    fn check(&self, shape: &AttentionShape, tokens: usize, format: Format) {
        let rows = (shape.batch - 1) * self.rows_per_sequence + tokens;
        let columns = self.first_column + shape.heads * shape.head_size;
        assert_eq!(self.rows.format, format, "queries, keys and values have one format");
        assert!(columns <= self.rows.width, "the rows hold every head");
        assert!(rows * self.rows.stride() <= self.rows.units.len(), "there is a row per token");
    }
}

impl AttentionShape {
    fn padded_keys(&self) -> usize {
        self.key_tokens.next_multiple_of(WIDEST)
    }

    /// Elements of scratch that each worker of the pool needs, in either format.
    pub(crate) fn scratch_per_worker(&self) -> usize {
        let keys = self.padded_keys() * self.head_size;
        let values = self.head_size.next_multiple_of(WIDEST) * self.key_tokens;
        let scores = QUERY_ROWS * self.padded_keys();
        (keys + values + scores).next_multiple_of(16)
    }
}

struct Arguments<'a> {
    shape: AttentionShape,
    queries: Left<'a>,
    keys: Left<'a>,
    values: Left<'a>,
    out: SharedMut<'a, u32>,
    /// Of the head's first element, in units.
    out_offset: usize,
    /// Of the output rows, in units.
    out_stride: usize,
    scratch: &'a mut [u32],
}

/// Scores as they come, row by row, in f32.
struct Scores {
    start: *mut f32,
    stride: usize,
    first_row: usize,
}

impl<V: Vector> Sink<V> for Scores {
    #[inline(always)]
    unsafe fn put<const MR: usize, const NV: usize>(
        &self,
        row: usize,
        column: usize,
        _: usize,
        sums: [[V; NV]; MR],
    ) {
        for i in 0..MR {
            for j in 0..NV {
                // SAFETY: a query block's rows have room for all keys, padded to whole panels.
                unsafe {
                    let row = (row + i - self.first_row) * self.stride;
                    sums[i][j].store(self.start.add(row + column + j * V::LANES));
                }
            }
        }
    }
}

/// Weighted values, divided by the row's sum of weights, in the format of `A`.
struct Weighted<'a, A> {
    out: *mut u32,
    /// In numbers.
    stride: usize,
    inverse_sums: &'a [f32],
    format: PhantomData<A>,
}

impl<A: FloatFormat> Sink<A::Lanes> for Weighted<'_, A> {
    #[inline(always)]
    unsafe fn put<const MR: usize, const NV: usize>(
        &self,
        row: usize,
        column: usize,
        columns: usize,
        sums: [[A::Lanes; NV]; MR],
    ) {
        let Self { out, stride, inverse_sums, .. } = *self;
        let lanes = A::Lanes::LANES;
        for j in 0..NV {
            if j * lanes >= columns {
                break;
            }
            let count = lanes.min(columns - j * lanes);
            for i in 0..MR {
                // SAFETY: a query block's rows and a head's columns have their place in `out`.
                unsafe {
                    let scale = A::Lanes::splat(*inverse_sums.get_unchecked(row + i));
                    let index = (row + i) * stride + column + j * lanes;
                    A::store(sums[i][j].mul(scale), out, index, count);
                }
            }
        }
    }
}

/// Turns a row of `count` f32 scores into `2^((score - largest) * scale)` in the format, padded
/// with a zero to whole units; returns 1 / their sum.
///
/// # Safety
///
/// As for [`Vector`]; `row` holds the scores, padded to whole registers.
#[inline(always)]
unsafe fn softmax_row<A: FloatFormat>(row: &mut [u32], count: usize, scale: f32) -> f32 {
    let lanes = A::Lanes::LANES;
    let (start, whole) = (row.as_mut_ptr(), count / lanes * lanes);
    let scores = start.cast::<f32>();
    // SAFETY: the caller's promise; whole registers up to `whole`, then the `rest` lanes. A weight
    // is never wider than its score, so what is stored has been read.
    unsafe {
        let rest = count - whole;
        let mut largest = A::Lanes::splat(f32::NEG_INFINITY);
        for i in (0..whole).step_by(lanes) {
            largest = largest.max(A::Lanes::load(scores.add(i)));
        }
        let mut most = largest.largest();
        for i in whole..count {
            most = most.max(*scores.add(i));
        }
        let minus_most = A::Lanes::splat(-most * scale);
        let scale = A::Lanes::splat(scale);
        let mut sum = A::Lanes::splat(0.0);
        for i in (0..whole).step_by(lanes) {
            let weight =
                exp2::<_, A::Exactness>(A::Lanes::load(scores.add(i)).mul_add(scale, minus_most));
            A::store(weight, start, i, lanes);
            sum = sum.add(weight);
        }
        if rest > 0 {
            let scores = A::Lanes::load_first(scores.add(whole), rest);
            let weight = exp2::<_, A::Exactness>(scores.mul_add(scale, minus_most)).first(rest);
            let padded = rest.next_multiple_of(A::FORMAT.numbers_per_unit());
            A::store(weight, start, whole, padded);
            sum = sum.add(weight);
        }
        1.0 / sum.sum()
    }
}

/// # Safety
///
/// As for [`Vector`]; `MR` is at most 8, `NV * LANES` is a divisor of [`WIDEST`], and the arguments
/// are one head's as [`attention`] cuts them.
#[inline(always)]
unsafe fn head<A: FloatFormat, const MR: usize, const NV: usize>(arguments: &mut Arguments<'_>) {
    let Arguments { shape, queries, keys, values, out, out_offset, out_stride, scratch } =
        arguments;
    let AttentionShape { query_tokens, key_tokens, head_size, .. } = *shape;
    let lanes = NV * A::Lanes::LANES;
    let per_unit = A::FORMAT.numbers_per_unit();
    let token_units = key_tokens.div_ceil(per_unit);
    let (packed_keys, rest) = scratch.split_at_mut(shape.padded_keys() * head_size);
    let (packed_values, rest) = rest.split_at_mut(head_size.next_multiple_of(WIDEST) * key_tokens);
    let scores = &mut rest[..QUERY_ROWS * shape.padded_keys()];
    let packed_keys = &mut packed_keys[..key_tokens.next_multiple_of(lanes) * keys.depth];
    let packed_values = &mut packed_values[..head_size.next_multiple_of(lanes) * token_units];
    // SAFETY: the caller's promise.
    unsafe { pack_keys::<A::Lanes>(*keys, key_tokens, lanes, packed_keys) };
    A::pack_values(*values, head_size, key_tokens, lanes, packed_values);
    let scale = LOG2_E / (head_size as f32).sqrt();
    let stride = shape.padded_keys();
    let mut inverse_sums = [0.0; QUERY_ROWS];

    for first_row in (0..query_tokens).step_by(QUERY_ROWS) {
        let rows = QUERY_ROWS.min(query_tokens - first_row);
        let sink = Scores { start: scores.as_mut_ptr().cast(), stride, first_row };
        for row in (first_row..first_row + rows).step_by(MR) {
            let count = MR.min(first_row + rows - row);
            for (i, units) in packed_keys.chunks_exact(lanes * keys.depth).enumerate() {
                let column = i * lanes;
                let panel = Panel { units, column, columns: lanes.min(key_tokens - column) };
                // SAFETY: the caller's promise; the scratch holds `rows` padded rows of scores.
                unsafe { rows_times_panel::<A, _, MR, NV>(*queries, row, count, panel, &sink) }
            }
        }
        for (row, inverse) in scores.chunks_exact_mut(stride).zip(&mut inverse_sums).take(rows) {
            // SAFETY: the caller's promise.
            *inverse = unsafe { softmax_row::<A>(row, key_tokens, scale) };
        }
        let weights = Left { units: scores, stride, depth: token_units };
        let to = out.at(*out_offset + first_row * *out_stride);
        let stride = *out_stride * per_unit;
        let sink =
            Weighted::<A> { out: to, stride, inverse_sums: &inverse_sums, format: PhantomData };
        for row in (0..rows).step_by(MR) {
            let count = MR.min(rows - row);
            for (i, units) in packed_values.chunks_exact(lanes * token_units).enumerate() {
                let column = i * lanes;
                let panel = Panel { units, column, columns: lanes.min(head_size - column) };
                // SAFETY: the caller's promise; this head's columns of `out` are this task's own.
                unsafe { rows_times_panel::<A, _, MR, NV>(weights, row, count, panel, &sink) }
            }
        }
    }
}

/// Queries, keys and values of an attention.
#[derive(Clone, Copy)]
pub struct QueryKeyValue<'a> {
    /// What asks.
    pub queries: Heads<'a>,
    /// What is asked.
    pub keys: Heads<'a>,
    /// What answers.
    pub values: Heads<'a>,
}

/// `softmax(q k^T / sqrt(D)) v` for each head into the first B x `query_tokens` rows of `out`.
///
/// # Panics
///
/// When formats differ or are int8, rows are missing, D is odd in bf16, or `scratch` is less than
/// [`scratch_per_worker`](AttentionShape::scratch_per_worker) times the pool's threads.
pub(crate) fn attention(
    isa: Isa,
    pool: &Pool,
    shape: AttentionShape,
    inputs: QueryKeyValue<'_>,
    out: &mut Rows,
    scratch: &mut [u32],
) {
    let AttentionShape { batch, query_tokens, key_tokens, heads, head_size } = shape;
    if batch * query_tokens * heads * head_size == 0 {
        return;
    }
    let QueryKeyValue { queries, keys, values } = inputs;
    let format = queries.rows.format;
    assert_ne!(format, Format::Int8, "attention is in f32 or bf16");
    assert!(key_tokens > 0, "an attention has keys");
    let per_unit = format.numbers_per_unit();
    assert_eq!(head_size % per_unit, 0, "heads begin at whole units");
    queries.check(&shape, query_tokens, format);
    keys.check(&shape, key_tokens, format);
    values.check(&shape, key_tokens, format);
    assert_eq!(out.format, format, "the output has the inputs' format");
    assert_eq!(out.width, heads * head_size, "the output holds every head");
    let out_stride = out.stride();
    assert!(batch * query_tokens * out_stride <= out.units.len(), "the output has every query");
    let per_worker = shape.scratch_per_worker();
    assert!(scratch.len() >= per_worker * pool.threads(), "each worker has its scratch");
    let (out, scratch) = (SharedMut::new(&mut out.units), SharedMut::new(scratch));

    pool.run(batch * heads, &|work| {
        let (sequence, index) = (work.index / heads, work.index % heads);
        let arguments = &mut Arguments {
            shape,
            queries: queries.head(&shape, sequence, index),
            keys: keys.head(&shape, sequence, index),
            values: values.head(&shape, sequence, index),
            out,
            out_offset: sequence * query_tokens * out_stride + index * head_size / per_unit,
            out_stride,
            // SAFETY: no two running tasks have the same worker.
            scratch: unsafe { scratch.part(work.worker * per_worker, per_worker) },
        };
        dispatch!(isa, format, head(arguments: &mut Arguments<'_>), attention);
    });
}
