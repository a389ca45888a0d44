//! One vector against many.

use kernels::{Isa, SignedQuery, dot_rows, look_up, naive};
use proptest::prelude::*;

use crate::{check, largest_error, numbers};

#[test]
fn products_with_rows_equal_their_formula() {
    check(60, &(1_usize..200, 0_usize..9, any::<u64>()), |(width, count, seed)| {
        let (query, rows) = (numbers(width, seed), numbers(width * count, !seed));
        let expected = naive::dot_rows(&query, &rows);
        for isa in Isa::available() {
            let mut found = vec![f32::NAN; count];
            dot_rows(isa, &query, &rows, &mut found);
            // Measured: 3.4e-6 at 199 numbers between -1 and 1.
            prop_assert!(largest_error(&found, &expected) < 1e-5, "{isa}");
        }
        Ok(())
    });
}

#[test]
fn sums_of_look_ups_equal_their_formula() {
    let bytes = |count: usize, seed| numbers(count, seed).into_iter().map(f32::to_bits);
    check(40, &(0_usize..257, 0_usize..4, any::<u64>()), |(width, blocks, seed)| {
        let tables = bytes(32 * width, seed).map(|bits| (bits >> 8) as u8 & 127);
        let tables = tables.collect::<Vec<_>>();
        let codes = bytes(32 * width * blocks, !seed).map(|bits| (bits >> 8) as u8);
        let codes = codes.collect::<Vec<_>>();
        let expected =
            if width == 0 { vec![0; 32 * blocks] } else { naive::look_up(&tables, &codes) };
        for isa in Isa::available() {
            let mut found = vec![u16::MAX; 32 * blocks];
            look_up(isa, &tables, &codes, &mut found);
            prop_assert_eq!(&found, &expected, "{}", isa);
        }
        Ok(())
    });
}

#[test]
fn sums_with_the_signs_of_codes_equal_their_formula() {
    check(60, &(0_usize..40, 1_usize..30, any::<u64>()), |(bytes, count, seed)| {
        let query = numbers(8 * bytes, seed);
        let codes = numbers(bytes * count, !seed).into_iter().map(|number| number.to_bits() as u8);
        let codes = codes.collect::<Vec<_>>();
        // Any row, any number of times.
        let rows = (0..2 * count as u32).map(|place| place * 7 % count as u32).collect::<Vec<_>>();
        let expected = naive::signed_sums(&query, &codes, &rows);
        for isa in Isa::available() {
            let mut found = vec![i32::MAX; rows.len()];
            SignedQuery::new(&query).sums(isa, &codes, &rows, &mut found);
            prop_assert_eq!(&found, &expected, "{}", isa);
        }
        Ok(())
    });
}
