//! Activations as panels, and what f32 and bf16 do differently.

use crate::arithmetic::{Arithmetic, Bf16, F32};
use crate::math::{Exactness, Half, Single};
use crate::rows::Format;
use crate::tile::Left;
use crate::vector::{Vector, load_first_bf16, store_first_bf16};

/// The widest panel of activations on any set, in lanes.
pub(crate) const WIDEST: usize = 64;

/// What the two formats do differently.
pub(crate) trait FloatFormat: Arithmetic {
    const FORMAT: Format;
    /// How exact the weights have to be.
    type Exactness: Exactness;

    /// Packs values: panels of `lanes` columns, `[tokens in units][lanes]` each. Numbers beyond the last column that
    /// share its unit are packed too: they are 0 wherever rows are padded.
    fn pack_values(
        values: Left<'_>,
        columns: usize,
        tokens: usize,
        lanes: usize,
        packed: &mut [u32],
    );

    /// Loads `count` numbers at number `index` from `start`; the other lanes are 0.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    unsafe fn read(start: *const u32, index: usize, count: usize) -> Self::Lanes;

    /// Stores `count` numbers at number `index` from `start`.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    unsafe fn store(value: Self::Lanes, start: *mut u32, index: usize, count: usize);
}

impl<V: Vector> FloatFormat for F32<V> {
    const FORMAT: Format = Format::F32;
    type Exactness = Single;

    #[inline(always)]
    fn pack_values(
        values: Left<'_>,
        columns: usize,
        tokens: usize,
        lanes: usize,
        packed: &mut [u32],
    ) {
        for (i, panel) in packed.chunks_exact_mut(lanes * tokens).enumerate() {
            let count = lanes.min(columns - i * lanes);
            for (token, row) in panel.chunks_exact_mut(lanes).enumerate() {
                let from = &values.units[token * values.stride + i * lanes..][..count];
                if count == lanes {
                    // A whole row's length is known, so that its copy is a few moves and not a call.
                    row[..lanes].copy_from_slice(from);
                } else {
                    row[..count].copy_from_slice(from);
                    row[count..].fill(0);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn read(start: *const u32, index: usize, count: usize) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load_first(start.cast::<f32>().add(index), count) }
    }

    #[inline(always)]
    unsafe fn store(value: V, start: *mut u32, index: usize, count: usize) {
        // SAFETY: the caller's promise.
        unsafe { value.store_first(start.cast::<f32>().add(index), count) }
    }
}

impl<V: Vector> FloatFormat for Bf16<V>
where
    Bf16<V>: Arithmetic<Lanes = V>,
{
    const FORMAT: Format = Format::Bf16;
    type Exactness = Half;

    #[inline(always)]
    fn pack_values(
        values: Left<'_>,
        columns: usize,
        tokens: usize,
        lanes: usize,
        packed: &mut [u32],
    ) {
        // Two tokens of a column make a unit; a token's two columns stand in one unit so far.
        let none = [0_u32; WIDEST / 2];
        let pairs = tokens.div_ceil(2);
        for (i, panel) in packed.chunks_exact_mut(lanes * pairs).enumerate() {
            let count = lanes.min(columns - i * lanes);
            let units = count.div_ceil(2);
            let row_of = |token: usize| {
                if token < tokens {
                    &values.units[token * values.stride + i * lanes / 2..][..units]
                } else {
                    &none[..units]
                }
            };
            for (pair, row) in panel.chunks_exact_mut(lanes).enumerate() {
                let (row, padding) = row.split_at_mut(2 * units);
                let (first, second) = (row_of(2 * pair), row_of(2 * pair + 1));
                for ((out, &a), &b) in row.as_chunks_mut::<2>().0.iter_mut().zip(first).zip(second)
                {
                    *out = [a & 0xFFFF | b << 16, a >> 16 | b & 0xFFFF_0000];
                }
                padding.fill(0);
            }
        }
    }

    #[inline(always)]
    unsafe fn read(start: *const u32, index: usize, count: usize) -> V {
        // SAFETY: the caller's promise.
        unsafe { load_first_bf16(start.cast::<u16>().add(index), count) }
    }

    #[inline(always)]
    unsafe fn store(value: V, start: *mut u32, index: usize, count: usize) {
        // SAFETY: the caller's promise.
        unsafe { store_first_bf16(value, start.cast::<u16>().add(index), count) }
    }
}

/// Packs the transpose of `keys`: panels of `lanes` tokens, `[depth][lanes]` units each.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn pack_keys<V: Vector>(
    keys: Left<'_>,
    tokens: usize,
    lanes: usize,
    packed: &mut [u32],
) {
    let Left { units, stride, depth } = keys;
    let square = V::LANES;
    for (i, panel) in packed.chunks_exact_mut(lanes * depth).enumerate() {
        for lane in (0..lanes).step_by(square) {
            let token = i * lanes + lane;
            let mut done = 0;
            if token + square <= tokens {
                done = depth / square * square;
                assert!(units.len() >= (token + square - 1) * stride + depth);
                for unit in (0..done).step_by(square) {
                    // SAFETY: the set by the caller's promise; the rows by the assertion, and the
                    // panel has `depth` rows of `lanes`, of which these are whole squares.
                    unsafe {
                        let from = units.as_ptr().add(token * stride + unit);
                        let to = panel.as_mut_ptr().add(unit * lanes + lane);
                        V::transpose(from, stride, to, lanes);
                    }
                }
            }
            if done == depth {
                continue;
            }
            for token in token..token + square {
                let column = panel[done * lanes + token - i * lanes..].iter_mut().step_by(lanes);
                if token < tokens {
                    let key = &units[token * stride + done..token * stride + depth];
                    column.zip(key).for_each(|(to, &from)| *to = from);
                } else {
                    column.for_each(|to| *to = 0);
                }
            }
        }
    }
}
