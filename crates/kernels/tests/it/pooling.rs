use kernels::{Format, PoolingShape, naive};
use proptest::prelude::*;

use crate::{check, every_isa, largest_error, numbers, read, rows};

#[test]
fn pooled_rows_of_any_shape_equal_the_naive_ones() {
    let computes = every_isa();
    let shapes = (1_usize..4, 1_usize..60, 1_usize..5, 1_usize..70, 0.1_f32..20.0);
    check(80, &shapes, |(batch, tokens, heads, width, scale)| {
        let shape = PoolingShape { batch, tokens, heads, scale };
        let scores = numbers(batch * tokens * heads, 1);
        for compute in &computes {
            for format in [Format::F32, Format::Bf16] {
                let input = rows(compute, format, width, &numbers(batch * tokens * width, 2));
                let held = read(&input, batch * tokens);
                let expected = naive::pool_rows(shape, width, &held, &scores);
                let mut found = vec![0.0; batch * heads * width];
                compute.pool_rows(shape, &input, &mut scores.clone(), &mut found);
                let error = largest_error(&found, &expected);
                prop_assert!(error <= 2e-6, "{} {format:?} is off by {error}", compute.isa());
            }
        }
        Ok(())
    });
}
