//! The gradients of attention, one head at a time in cache.
//!
//! With weights `p = softmax(q k^T / sqrt(D))` and the output's gradient `g`: `dv = p^T g`, `dp = g v^T`,
//! `ds = p (dp - sum(p dp)) / sqrt(D)`, `dq = ds k`, `dk = ds^T q`. The weights are computed anew: nothing of the forward
//! pass is kept but its inputs. A task is one head of one sequence, as in the forward pass.

use std::f32::consts::LOG2_E;

use super::{AttentionShape, QueryKeyValue, Scores};
use crate::Isa;
use crate::dispatch::dispatch;
use crate::emit::each_register;
use crate::math::exp2;
use crate::outer::Scratch;
use crate::packing::{FloatFormat, WIDEST, pack_keys};
use crate::pool::Pool;
use crate::rows::{Format, Rows};
use crate::shared::SharedMut;
use crate::tile::{Left, LeftMatrix, Panel, Side, Sink, rows_times_panel};
use crate::vector::Vector;

/// Where the gradients of queries, keys and values are written.
pub enum AttentionGradient<'a> {
    /// Side by side in rows of 3 H D numbers, a row per token.
    Together(&'a mut Rows),
    /// The queries' in rows of H D numbers, the keys' and values' in rows of 2 H D.
    Apart {
        /// A row per query.
        queries: &'a mut Rows,
        /// A row per key.
        keys_values: &'a mut Rows,
    },
}

/// One of the three gradients of one head: where its first number stands.
#[derive(Clone, Copy)]
struct Target<'a> {
    units: SharedMut<'a, u32>,
    /// In units.
    offset: usize,
    /// In units.
    stride: usize,
}

struct Arguments<'a> {
    shape: AttentionShape,
    queries: Left<'a>,
    keys: Left<'a>,
    values: Left<'a>,
    output: Left<'a>,
    to_queries: Target<'a>,
    to_keys: Target<'a>,
    to_values: Target<'a>,
    scratch: &'a mut [u32],
}

/// The parts of a head's scratch, in units.
struct Parts {
    /// Keys or values as columns: `[D][keys]`.
    columns: usize,
    /// Queries, keys, or the output's gradient as they lie: `[tokens][D]`.
    packed: usize,
    /// Scores, then weights: `[queries][keys]`.
    scores: usize,
    /// Their gradients.
    slopes: usize,
    /// Either on its side.
    side: usize,
}

impl Parts {
    fn of(shape: &AttentionShape) -> Self {
        let AttentionShape { query_tokens, key_tokens, head_size, .. } = *shape;
        let keys = key_tokens.next_multiple_of(WIDEST);
        let size = head_size.next_multiple_of(WIDEST);
        Self {
            columns: keys * head_size,
            packed: size * query_tokens.max(key_tokens),
            scores: query_tokens * keys,
            slopes: query_tokens * keys,
            side: query_tokens * keys,
        }
    }

    fn all(&self) -> usize {
        let Self { columns, packed, scores, slopes, side } = self;
        (columns + packed + scores + slopes + side).next_multiple_of(16)
    }
}

/// Sums in the format of `A`.
struct InFormat<A> {
    out: *mut u32,
    /// In numbers.
    stride: usize,
    format: std::marker::PhantomData<A>,
}

impl<A: FloatFormat> Sink<A::Lanes> for InFormat<A> {
    #[inline(always)]
    unsafe fn put<const MR: usize, const NV: usize>(
        &self,
        row: usize,
        column: usize,
        columns: usize,
        sums: [[A::Lanes; NV]; MR],
    ) {
        let lanes = A::Lanes::LANES;
        for j in 0..NV {
            if j * lanes >= columns {
                break;
            }
            let count = lanes.min(columns - j * lanes);
            for i in 0..MR {
                // SAFETY: the head's rows and columns have their place in the output.
                unsafe {
                    let index = (row + i) * self.stride + column + j * lanes;
                    A::store(sums[i][j], self.out, index, count);
                }
            }
        }
    }
}

/// `rows` rows of a left matrix times all panels of a packed right one of `columns` columns.
///
/// # Safety
///
/// As for [`rows_times_panel`].
#[inline(always)]
unsafe fn product<A: FloatFormat, S, const MR: usize, const NV: usize>(
    left: impl LeftMatrix,
    rows: usize,
    right: &[u32],
    columns: usize,
    sink: &S,
) where
    S: Sink<A::Lanes>,
{
    let lanes = NV * A::Lanes::LANES;
    for row in (0..rows).step_by(MR) {
        let count = MR.min(rows - row);
        for (i, units) in right.chunks_exact(lanes * left.depth()).enumerate() {
            let column = i * lanes;
            if column >= columns {
                break;
            }
            let panel = Panel { units, column, columns: lanes.min(columns - column) };
            // SAFETY: the caller's promise.
            unsafe { rows_times_panel::<A, S, MR, NV>(left, row, count, panel, sink) }
        }
    }
}

/// `matrix^T x right` into `target`: `matrix` is `[queries][keys]`, `right` has a row per query.
///
/// # Safety
///
/// As for [`Vector`]; the scratch parts have the sizes of [`Parts`], the target is this head's.
#[inline(always)]
unsafe fn transposed<A: FloatFormat, const MR: usize, const NV: usize>(
    shape: &AttentionShape,
    matrix: Left<'_>,
    right: Left<'_>,
    target: Target<'_>,
    side: &mut [u32],
    packed: &mut [u32],
) {
    let AttentionShape { query_tokens, key_tokens, head_size, .. } = *shape;
    let lanes = NV * A::Lanes::LANES;
    let per_unit = A::FORMAT.numbers_per_unit();
    let depth = query_tokens.div_ceil(per_unit);
    let side = &mut side[..key_tokens.next_multiple_of(lanes) * depth];
    A::pack_values(matrix, key_tokens, query_tokens, lanes, side);
    let packed = &mut packed[..head_size.next_multiple_of(lanes) * depth];
    A::pack_values(right, head_size, query_tokens, lanes, packed);
    let stride = target.stride * per_unit;
    for (i, units) in side.chunks_exact(lanes * depth).enumerate() {
        let rows = lanes.min(key_tokens - i * lanes);
        let sink = InFormat::<A> {
            out: target.units.at(target.offset + i * lanes * target.stride),
            stride,
            format: std::marker::PhantomData,
        };
        let left = Side { units, width: lanes, depth };
        // SAFETY: the caller's promise.
        unsafe { product::<A, _, MR, NV>(left, rows, packed, head_size, &sink) }
    }
}

/// # Safety
///
/// As for [`Vector`]; the arguments are one head's as [`attention_backward`] cuts them.
#[inline(always)]
unsafe fn head<A: FloatFormat, const MR: usize, const NV: usize>(arguments: &mut Arguments<'_>) {
    let Arguments { shape, queries, keys, values, output, to_queries, to_keys, to_values, scratch } =
        arguments;
    let AttentionShape { query_tokens, key_tokens, head_size, .. } = *shape;
    let lanes = NV * A::Lanes::LANES;
    let per_unit = A::FORMAT.numbers_per_unit();
    let parts = Parts::of(shape);
    let (columns, rest) = scratch.split_at_mut(parts.columns);
    let (packed, rest) = rest.split_at_mut(parts.packed);
    let (scores, rest) = rest.split_at_mut(parts.scores);
    let (slopes, side) = rest.split_at_mut(parts.slopes);
    let stride = key_tokens.next_multiple_of(WIDEST);
    let depth = head_size / per_unit;
    let columns = &mut columns[..key_tokens.next_multiple_of(lanes) * depth];
    // SAFETY: the caller's promise; the scratch has a padded row of scores and of slopes for every query.
    unsafe {
        pack_keys::<A::Lanes>(*keys, key_tokens, lanes, columns);
        let sink = Scores { start: scores.as_mut_ptr().cast(), stride, first_row: 0 };
        product::<A, _, MR, NV>(*queries, query_tokens, columns, key_tokens, &sink);
        pack_keys::<A::Lanes>(*values, key_tokens, lanes, columns);
        let sink = Scores { start: slopes.as_mut_ptr().cast(), stride, first_row: 0 };
        product::<A, _, MR, NV>(*output, query_tokens, columns, key_tokens, &sink);
        let scale = 1.0 / (head_size as f32).sqrt();
        for (scores, slopes) in scores.chunks_exact_mut(stride).zip(slopes.chunks_exact_mut(stride))
        {
            weigh::<A>(scores, slopes, key_tokens, scale);
        }
        let weights = Left { units: scores, stride, depth: key_tokens.div_ceil(per_unit) };
        transposed::<A, MR, NV>(shape, weights, *output, *to_values, side, packed);
        let slopes = Left { units: slopes, stride, depth: key_tokens.div_ceil(per_unit) };
        transposed::<A, MR, NV>(shape, slopes, *queries, *to_keys, side, packed);
        let packed = &mut packed[..head_size.next_multiple_of(lanes) * slopes.depth];
        A::pack_values(*keys, head_size, key_tokens, lanes, packed);
        let sink = InFormat::<A> {
            out: to_queries.units.at(to_queries.offset),
            stride: to_queries.stride * per_unit,
            format: std::marker::PhantomData,
        };
        product::<A, _, MR, NV>(slopes, query_tokens, packed, head_size, &sink);
    }
}

/// Turns a row of scores into weights and the weights' gradients into those of the scores, both in the format, padded
/// with a zero to whole units.
///
/// # Safety
///
/// As for [`Vector`]; both rows hold `count` f32, padded to whole registers.
#[inline(always)]
unsafe fn weigh<A: FloatFormat>(scores: &mut [u32], slopes: &mut [u32], count: usize, scale: f32) {
    let weights = scores.as_mut_ptr().cast::<f32>();
    let given = slopes.as_mut_ptr().cast::<f32>();
    // SAFETY: the caller's promise. A number in the format is never wider than the f32 that it takes the place of, so
    // what is stored has been read.
    unsafe {
        let mut largest = A::Lanes::splat(f32::NEG_INFINITY);
        let mut most = f32::NEG_INFINITY;
        let whole = count / A::Lanes::LANES * A::Lanes::LANES;
        for i in (0..whole).step_by(A::Lanes::LANES) {
            largest = largest.max(A::Lanes::load(weights.add(i)));
        }
        if whole > 0 {
            most = largest.largest();
        }
        for i in whole..count {
            most = most.max(*weights.add(i));
        }
        let factor = A::Lanes::splat(scale * LOG2_E);
        let minus_most = A::Lanes::splat(-most * scale * LOG2_E);
        let mut sum = A::Lanes::splat(0.0);
        let mut product = A::Lanes::splat(0.0);
        each_register!(A::Lanes, count, |column, lanes| {
            let score = A::Lanes::load_first(weights.add(column), lanes);
            let weight = exp2::<_, A::Exactness>(score.mul_add(factor, minus_most)).first(lanes);
            weight.store_first(weights.add(column), lanes);
            sum = sum.add(weight);
            let given = A::Lanes::load_first(given.add(column), lanes);
            product = weight.mul_add(given, product);
        });
        let inverse = 1.0 / sum.sum();
        let mean = A::Lanes::splat(product.sum() * inverse);
        let (inverse, scale) = (A::Lanes::splat(inverse), A::Lanes::splat(scale));
        let padding = A::FORMAT.numbers_per_unit();
        each_register!(A::Lanes, count, |column, lanes| {
            let weight = A::Lanes::load_first(weights.add(column), lanes).mul(inverse);
            let given = A::Lanes::load_first(given.add(column), lanes);
            let slope = given.sub(mean).mul(weight).mul(scale);
            let padded = lanes.next_multiple_of(padding);
            A::store(weight, scores.as_mut_ptr(), column, padded);
            A::store(slope, slopes.as_mut_ptr(), column, padded);
        });
    }
}

/// Writes the gradients of queries, keys and values, given that of the output, `[B * queries][H D]`.
///
/// # Panics
///
/// When formats differ or are int8, rows are missing, or D is odd in bf16.
pub(crate) fn attention_backward(
    isa: Isa,
    pool: &Pool,
    shape: AttentionShape,
    inputs: QueryKeyValue<'_>,
    output: &Rows,
    gradient: AttentionGradient<'_>,
    scratch: &mut Scratch,
) {
    let AttentionShape { batch, query_tokens, key_tokens, heads, head_size } = shape;
    let width = heads * head_size;
    if batch * query_tokens * width == 0 {
        return;
    }
    let QueryKeyValue { queries, keys, values } = inputs;
    let format = output.format;
    assert_ne!(format, Format::Int8, "attention is in f32 or bf16");
    assert!(key_tokens > 0, "an attention has keys");
    let per_unit = format.numbers_per_unit();
    assert_eq!(head_size % per_unit, 0, "heads begin at whole units");
    queries.check(&shape, query_tokens, format);
    keys.check(&shape, key_tokens, format);
    values.check(&shape, key_tokens, format);
    assert_eq!(output.width, width, "the output's gradient holds every head");
    let output_stride = output.stride();
    assert!(batch * query_tokens * output_stride <= output.units.len(), "it has every query");
    let check = |rows: &Rows, count: usize, columns: usize| {
        assert_eq!((rows.format, rows.width), (format, columns), "the gradient has its shape");
        assert!(count * rows.stride() <= rows.units.len(), "the gradient has a row per token");
        rows.stride()
    };
    let target = |units, column: usize, stride| Target { units, offset: column / per_unit, stride };
    let (to_queries, to_keys, to_values) = match gradient {
        AttentionGradient::Together(rows) => {
            assert_eq!(query_tokens, key_tokens, "a token asks and is asked");
            let stride = check(rows, batch * key_tokens, 3 * width);
            let units = SharedMut::new(&mut rows.units);
            let at = |part: usize| target(units, part * width, stride);
            (at(0), at(1), at(2))
        }
        AttentionGradient::Apart { queries, keys_values } => {
            let stride = check(queries, batch * query_tokens, width);
            let to_queries = target(SharedMut::new(&mut queries.units), 0, stride);
            let stride = check(keys_values, batch * key_tokens, 2 * width);
            let units = SharedMut::new(&mut keys_values.units);
            (to_queries, target(units, 0, stride), target(units, width, stride))
        }
    };
    let per_worker = Parts::of(&shape).all();
    let scratch = SharedMut::new(scratch.units(per_worker * pool.threads()));
    pool.run(batch * heads, &|work| {
        let (sequence, index) = (work.index / heads, work.index % heads);
        let column = index * head_size / per_unit;
        let offset = |target: Target<'_>, tokens: usize| {
            target.offset + sequence * tokens * target.stride + column
        };
        let arguments = &mut Arguments {
            shape,
            queries: queries.head(&shape, sequence, index),
            keys: keys.head(&shape, sequence, index),
            values: values.head(&shape, sequence, index),
            output: Left {
                units: &output.units[sequence * query_tokens * output_stride + column..],
                stride: output_stride,
                depth: head_size / per_unit,
            },
            to_queries: Target { offset: offset(to_queries, query_tokens), ..to_queries },
            to_keys: Target { offset: offset(to_keys, key_tokens), ..to_keys },
            to_values: Target { offset: offset(to_values, key_tokens), ..to_values },
            // SAFETY: no two running tasks have the same worker.
            scratch: unsafe { scratch.part(work.worker * per_worker, per_worker) },
        };
        dispatch!(isa, format, head(arguments: &mut Arguments<'_>), attention);
    });
}
