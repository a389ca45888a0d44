use kernels::{AttentionShape, Compute, Heads, naive};
use proptest::prelude::*;

use crate::{check, every_isa, largest_error, numbers};

/// The largest error of self-attention over one packed `[B * T][3 W]` activation.
fn error_of(compute: &Compute, shape: AttentionShape, spread: f32) -> f32 {
    let width = shape.heads * shape.head_size;
    let tokens = shape.key_tokens;
    let qkv = numbers(shape.batch * tokens * 3 * width, 7);
    let qkv = qkv.iter().map(|x| x * spread).collect::<Vec<_>>();
    let part = |i: usize| Heads {
        values: &qkv[i * width..],
        batch_stride: tokens * 3 * width,
        token_stride: 3 * width,
    };
    let (queries, keys, values) = (part(0), part(1), part(2));
    let mut expected = vec![0.0; shape.batch * shape.query_tokens * width];
    let mut found = vec![0.0; expected.len()];
    naive::attention(shape, queries, keys, values, &mut expected);
    let mut scratch = vec![f32::NAN; compute.attention_scratch(shape)];
    compute.attention(shape, queries, keys, values, &mut found, &mut scratch);
    largest_error(&found, &expected)
}

#[test]
fn attention_of_any_shape_equals_the_naive_one() {
    let computes = every_isa();
    let shapes = (
        1_usize..4,
        1_usize..80,
        1_usize..5,
        1_usize..80,
        1_usize..80,
    );
    check(
        60,
        &shapes,
        |(batch, key_tokens, heads, head_size, queries)| {
            let query_tokens = queries.min(key_tokens);
            let shape = AttentionShape {
                batch,
                query_tokens,
                key_tokens,
                heads,
                head_size,
            };
            for compute in &computes {
                let error = error_of(compute, shape, 2.0);
                prop_assert!(error <= 5e-6, "{} is off by {error}", compute.isa());
            }
            Ok(())
        },
    );
}

#[test]
fn attention_of_the_families_shapes_equals_the_naive_one() {
    for compute in every_isa() {
        for (key_tokens, heads, head_size) in [(256, 2, 64), (64, 3, 64), (196, 2, 72), (16, 2, 72)]
        {
            let shape = AttentionShape {
                batch: 2,
                query_tokens: key_tokens,
                key_tokens,
                heads,
                head_size,
            };
            let error = error_of(&compute, shape, 1.5);
            assert!(error <= 5e-6, "{} is off by {error}", compute.isa());
        }
    }
}

#[test]
fn scores_in_the_hundreds_do_not_overflow() {
    let shape = AttentionShape {
        batch: 1,
        query_tokens: 33,
        key_tokens: 33,
        heads: 2,
        head_size: 64,
    };
    for compute in every_isa() {
        let error = error_of(&compute, shape, 30.0);
        assert!(error <= 5e-4, "{} is off by {error}", compute.isa());
    }
}

#[test]
fn one_query_may_be_shared_by_the_whole_batch() {
    let shape = AttentionShape {
        batch: 3,
        query_tokens: 1,
        key_tokens: 20,
        heads: 2,
        head_size: 12,
    };
    let query = numbers(24, 1);
    let key_values = numbers(3 * 20 * 48, 2);
    let queries = Heads {
        values: &query,
        batch_stride: 0,
        token_stride: 0,
    };
    let part = |i: usize| Heads {
        values: &key_values[i * 24..],
        batch_stride: 20 * 48,
        token_stride: 48,
    };
    let (mut expected, mut found) = (vec![0.0; 72], vec![0.0; 72]);
    naive::attention(shape, queries, part(0), part(1), &mut expected);
    for compute in every_isa() {
        let mut scratch = vec![0.0; compute.attention_scratch(shape)];
        compute.attention(shape, queries, part(0), part(1), &mut found, &mut scratch);
        assert!(largest_error(&found, &expected) <= 1e-6);
    }
}
