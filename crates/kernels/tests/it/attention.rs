use kernels::{AttentionShape, Compute, Format, Heads, QueryKeyValue, Rows, naive};
use proptest::prelude::*;

use crate::{check, every_isa, largest_error, numbers, read, rows};

/// The largest error of self-attention over one `[B * T][3 W]` activation; only the first
/// `query_tokens` tokens of the only sequence ask where that is less than all.
fn error_of(compute: &Compute, format: Format, shape: AttentionShape, spread: f32) -> f64 {
    let AttentionShape { batch, query_tokens, key_tokens, heads, head_size } = shape;
    let width = heads * head_size;
    let qkv = numbers(batch * key_tokens * 3 * width, 7);
    let qkv = qkv.iter().map(|x| x * spread).collect::<Vec<_>>();
    let qkv = rows(compute, format, 3 * width, &qkv);
    let held = read(&qkv, batch * key_tokens);
    let column = |i: usize, tokens: usize| {
        let all = held.chunks_exact(3 * width).enumerate();
        let some = all.filter(|(row, _)| row % key_tokens < tokens);
        some.flat_map(|(_, row)| row[i * width..(i + 1) * width].to_vec()).collect::<Vec<_>>()
    };
    let expected = naive::attention(
        shape,
        &column(0, query_tokens),
        &column(1, key_tokens),
        &column(2, key_tokens),
    );
    let part =
        |i: usize| Heads { rows: &qkv, first_column: i * width, rows_per_sequence: key_tokens };
    let inputs = QueryKeyValue { queries: part(0), keys: part(1), values: part(2) };
    let mut found = Rows::new(format, batch * query_tokens, width);
    // Whatever an earlier attention left behind must not matter.
    let mut scratch = vec![u32::MAX; compute.attention_scratch(shape)];
    compute.attention(shape, inputs, &mut found, &mut scratch);
    largest_error(&read(&found, batch * query_tokens), &expected)
}

#[test]
fn attention_of_any_shape_equals_the_naive_one() {
    let computes = every_isa();
    let shapes = (1_usize..4, 1_usize..80, 1_usize..5, 1_usize..80, 1_usize..80);
    check(60, &shapes, |(batch, key_tokens, heads, head_size, queries)| {
        let query_tokens = queries.min(key_tokens);
        let shape = AttentionShape { batch, query_tokens, key_tokens, heads, head_size };
        let even = AttentionShape { head_size: head_size.next_multiple_of(2), ..shape };
        for compute in &computes {
            let error = error_of(compute, Format::F32, shape, 2.0);
            prop_assert!(error <= 5e-6, "{} is off by {error}", compute.isa());
            // Weights and results are rounded to 8 bits of mantissa.
            let error = error_of(compute, Format::Bf16, even, 2.0);
            prop_assert!(error <= 1.2e-2, "{} in bf16 is off by {error}", compute.isa());
        }
        Ok(())
    });
}

#[test]
fn attention_of_the_families_shapes_equals_the_naive_one() {
    for compute in every_isa() {
        for (key_tokens, heads, head_size) in
            [(256, 2, 64), (64, 3, 64), (196, 2, 72), (16, 2, 72), (729, 1, 72)]
        {
            let shape =
                AttentionShape { batch: 2, query_tokens: key_tokens, key_tokens, heads, head_size };
            let error = error_of(&compute, Format::F32, shape, 1.5);
            assert!(error <= 5e-6, "{} is off by {error}", compute.isa());
            let error = error_of(&compute, Format::Bf16, shape, 1.5);
            assert!(error <= 1.2e-2, "{} in bf16 is off by {error}", compute.isa());
        }
    }
}

#[test]
fn scores_in_the_hundreds_do_not_overflow() {
    let shape =
        AttentionShape { batch: 1, query_tokens: 33, key_tokens: 33, heads: 2, head_size: 64 };
    for compute in every_isa() {
        let error = error_of(&compute, Format::F32, shape, 30.0);
        assert!(error <= 5e-4, "{} is off by {error}", compute.isa());
        let error = error_of(&compute, Format::Bf16, shape, 30.0);
        assert!(error <= 2e-2, "{} in bf16 is off by {error}", compute.isa());
    }
}

#[test]
fn one_query_may_be_shared_by_the_whole_batch() {
    let shape =
        AttentionShape { batch: 3, query_tokens: 1, key_tokens: 20, heads: 2, head_size: 12 };
    let query = numbers(24, 1);
    let (keys, values) = (numbers(3 * 20 * 24, 2), numbers(3 * 20 * 24, 3));
    let expected = naive::attention(shape, &query.repeat(3), &keys, &values);
    for compute in every_isa() {
        let [q, k, v] = [&query, &keys, &values].map(|x| rows(&compute, Format::F32, 24, x));
        let part = |rows, rows_per_sequence| Heads { rows, first_column: 0, rows_per_sequence };
        let inputs =
            QueryKeyValue { queries: part(&q, 0), keys: part(&k, 20), values: part(&v, 20) };
        let mut found = Rows::new(Format::F32, 3, 24);
        let mut scratch = vec![0; compute.attention_scratch(shape)];
        compute.attention(shape, inputs, &mut found, &mut scratch);
        assert!(largest_error(found.numbers(), &expected) <= 1e-6);
    }
}
