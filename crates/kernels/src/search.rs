//! One vector against many: exact products, and estimates from a few bits of each.
//!
//! Both read much and compute little, so that they run at the speed of the memory on one thread.

use crate::Isa;
use crate::dispatch::dispatch;
use crate::emit::each_register;
use crate::vector::Vector;

/// Rows of a block of [`look_up`].
const BLOCK: usize = 32;

/// Bytes of a row of [`look_up`], so that its sum fits 16 bits.
const MOST_BYTES: usize = 256;

struct Exact<'a> {
    query: &'a [f32],
    rows: &'a [f32],
    products: &'a mut [f32],
}

/// # Safety
///
/// As for [`Vector`]; `rows` has a row of the query's length for each product.
#[inline(always)]
unsafe fn every_product<V: Vector>(arguments: &mut Exact<'_>) {
    let Exact { query, rows, products } = arguments;
    let width = query.len();
    let whole = width / (4 * V::LANES) * (4 * V::LANES);
    for (index, product) in products.iter_mut().enumerate() {
        // SAFETY: the caller's promise; each access takes what lies within one row.
        unsafe {
            let (row, query) = (rows.as_ptr().add(index * width), query.as_ptr());
            // Four sums, so that additions do not wait for each other.
            let mut sums = [V::splat(0.0); 4];
            let mut column = 0;
            while column < whole {
                for (part, sum) in sums.iter_mut().enumerate() {
                    let place = column + part * V::LANES;
                    *sum = V::load(row.add(place)).mul_add(V::load(query.add(place)), *sum);
                }
                column += 4 * V::LANES;
            }
            let (row, query) = (row.add(whole), query.add(whole));
            each_register!(V, width - whole, |column, count| {
                let left = V::load_first(row.add(column), count);
                sums[0] = left.mul_add(V::load_first(query.add(column), count), sums[0]);
            });
            let [a, b, c, d] = sums;
            *product = a.add(b).add(c.add(d)).sum();
        }
    }
}

/// The product of `query` (D numbers) with each of the rows (as many as `products`, of D numbers each).
///
/// # Panics
/// When the lengths do not fit together.
pub fn dot_rows(isa: Isa, query: &[f32], rows: &[f32], products: &mut [f32]) {
    assert_eq!(rows.len(), query.len() * products.len(), "a row for each product");
    let arguments = &mut Exact { query, rows, products };
    dispatch!(isa, every_product(arguments: &mut Exact<'_>));
}

/// Bytes ahead of which codes are fetched, as the processor's own fetching starts anew with each page.
const AHEAD: usize = 2048;

struct LookUp<'a> {
    tables: &'a [u8],
    codes: &'a [u8],
    sums: &'a mut [u16],
}

/// # Safety
///
/// As for [`Vector`]; the codes have a block for every 32 sums.
#[inline(always)]
unsafe fn every_block<V: Vector>(arguments: &mut LookUp<'_>) {
    let LookUp { tables, codes, sums } = arguments;
    let bytes = tables.len() / 32;
    let blocks = codes.chunks_exact(BLOCK * bytes).zip(sums.chunks_exact_mut(BLOCK));
    for (codes, sums) in blocks {
        for line in codes.chunks(64) {
            // SAFETY: the caller's promise.
            unsafe { V::prefetch(line.as_ptr().wrapping_add(AHEAD)) }
        }
        // SAFETY: the caller's promise; a block has 32 codes a byte and 32 sums, each byte 32 entries.
        unsafe { V::look_up(codes.as_ptr(), tables.as_ptr(), bytes, sums.as_mut_ptr()) }
    }
}

/// For each row, the sum of what the two halves of its bytes find in their tables.
///
/// Rows come in blocks of 32: first byte 0 of all 32, then byte 1 of all, and so on. `tables` has 32 entries for each byte of a row: 16
/// for its lower half, 16 for its upper. The way of "Quicker ADC" (André, Kermarrec, Le Scouarnec, 2019): a table fits a register.
///
/// # Panics
/// When an entry is above 127, a row has more than 256 bytes, or the lengths do not fit together.
pub fn look_up(isa: Isa, tables: &[u8], codes: &[u8], sums: &mut [u16]) {
    assert!(tables.iter().all(|entry| *entry < 128), "two entries fit a byte");
    assert_eq!(tables.len() % 32, 0, "32 entries a byte");
    assert!(tables.len() / 32 <= MOST_BYTES, "a sum fits 16 bits");
    assert_eq!(sums.len() % BLOCK, 0, "rows come in blocks");
    assert_eq!(codes.len(), tables.len() / 32 * sums.len(), "a row for each sum");
    if tables.is_empty() {
        return sums.fill(0);
    }
    let arguments = &mut LookUp { tables, codes, sums };
    dispatch!(isa, every_block(arguments: &mut LookUp<'_>));
}
