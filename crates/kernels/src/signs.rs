//! Sums of a query's numbers with the signs of sketches: estimates of products from one bit a number.

use crate::Isa;
use crate::dispatch::dispatch;
use crate::vector::Vector;

/// Bits to which a query's numbers are rounded, one of them for the sign. Signs alone stand for a row's numbers, beside which a
/// rounding to 1/31 of the largest is nothing.
const PLANES: usize = 6;

/// Rows whose codes are fetched ahead.
const AHEAD: usize = 12;

/// A query, rounded to integers of -31 to 31, and the bits of these apart: a sum over those numbers whose bit is set is then a few
/// counts of bits (the way of `RaBitQ`, Gao and Long, 2024).
#[derive(Debug)]
pub struct SignedQuery {
    /// For each 64 numbers, their first bits to their last, which counts negatively.
    words: Vec<[u64; PLANES]>,
    bytes: usize,
    total: i32,
}

impl SignedQuery {
    /// Of D numbers.
    ///
    /// # Panics
    /// When D is not a multiple of 8.
    pub fn new(query: &[f32]) -> Self {
        assert_eq!(query.len() % 8, 0, "a code is whole bytes");
        let most = (1 << (PLANES - 1)) - 1;
        let widest = query.iter().fold(0.0_f32, |widest, number| widest.max(number.abs()));
        let scale = if widest > 0.0 { most as f32 / widest } else { 0.0 };
        let mut words = vec![[0; PLANES]; query.len().div_ceil(64)];
        let mut total = 0;
        for (place, number) in query.iter().enumerate() {
            let rounded = (number * scale).round() as i32;
            total += rounded;
            for (plane, bits) in words[place / 64].iter_mut().enumerate() {
                *bits |= u64::from(rounded as u32 >> plane & 1) << (place % 64);
            }
        }
        Self { words, bytes: query.len() / 8, total }
    }

    /// For each of `rows`, the sum over the query's rounded numbers, each negative where the row's bit is 0. `codes` has D / 8 bytes
    /// for each row that there is; number `k` has bit `k % 8` of byte `k / 8`.
    ///
    /// # Panics
    /// When a row has no code, or there is not a sum for each row.
    pub fn sums(&self, isa: Isa, codes: &[u8], rows: &[u32], sums: &mut [i32]) {
        assert_eq!(rows.len(), sums.len(), "a sum for each row");
        let arguments = &mut Sums { query: self, codes, rows, found: sums };
        dispatch!(isa, every_sum(arguments: &mut Sums<'_>));
    }
}

struct Sums<'a> {
    query: &'a SignedQuery,
    codes: &'a [u8],
    rows: &'a [u32],
    found: &'a mut [i32],
}

/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn every_sum<V: Vector>(arguments: &mut Sums<'_>) {
    let Sums { query, codes, rows, found } = arguments;
    let bytes = query.bytes;
    let code = |row: u32| &codes[row as usize * bytes..][..bytes];
    for (index, (row, sum)) in rows.iter().zip(found.iter_mut()).enumerate() {
        if let Some(later) = rows.get(index + AHEAD) {
            for line in code(*later).chunks(64) {
                // SAFETY: the caller's promise.
                unsafe { V::prefetch(line.as_ptr()) }
            }
        }
        let mut counts = [0; PLANES];
        let (words, rest) = code(*row).as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let words = words.iter().chain((!rest.is_empty()).then_some(&last));
        for (word, planes) in words.zip(&query.words) {
            let word = u64::from_le_bytes(*word);
            for (count, plane) in counts.iter_mut().zip(planes) {
                *count += (word & plane).count_ones() as i32;
            }
        }
        let low = counts[..PLANES - 1].iter().rev().fold(0, |sum, count| 2 * sum + count);
        *sum = 2 * (low - (counts[PLANES - 1] << (PLANES - 1))) - query.total;
    }
}
