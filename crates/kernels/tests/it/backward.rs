//! Each gradient against its naive twin.

use kernels::{
    AttentionGradient, AttentionShape, Compute, Format, Heads, LayerNorm, LogitLine, NormGradient,
    QueryKeyValue, RowSums, Rows, Scratch, WeightGradient, naive,
};
use proptest::prelude::*;

use crate::{check, every_isa, largest_error, numbers, read, relative_error, rows};

const FORMATS: [(Format, f64); 2] = [(Format::F32, 2e-6), (Format::Bf16, 2e-6)];

/// The largest error of an outer product of `count` rows, whose sums begin at 1.
fn outer_error(
    compute: &Compute,
    format: Format,
    count: usize,
    outputs: usize,
    inputs: usize,
) -> f64 {
    let left = rows(compute, format, outputs, &numbers(count * outputs, 1));
    let right = rows(compute, format, inputs, &numbers(count * inputs, 2));
    let (left_held, right_held) = (read(&left, count), read(&right, count));
    let mut expected = naive::outer(&left_held, &right_held, count);
    expected.extend(naive::outer(&left_held, &vec![1.0; count], count));
    for sum in &mut expected {
        *sum += 1.0;
    }
    let mut found = vec![1.0; outputs * (inputs + 1)];
    let (weight, bias) = found.split_at_mut(outputs * inputs);
    let gradient = WeightGradient { weight, bias };
    compute.outer(&left, &right, count, gradient, &mut Scratch::default());
    largest_error(&found, &expected) / (count as f64).sqrt()
}

#[test]
fn outer_products_of_any_shape_equal_the_naive_one() {
    let computes = every_isa();
    check(60, &(1_usize..600, 1_usize..150, 1_usize..150), |(count, outputs, inputs)| {
        for compute in &computes {
            for (format, most) in FORMATS {
                let error = outer_error(compute, format, count, outputs, inputs);
                prop_assert!(error <= most, "{} {format:?} is off by {error}", compute.isa());
            }
        }
        Ok(())
    });
}

#[test]
fn the_slope_of_gelu_multiplies_every_number_of_rows() {
    for compute in every_isa() {
        for (format, most) in [(Format::F32, 2e-6), (Format::Bf16, 1e-2)] {
            let (count, width) = (37, 61);
            let input = numbers(count * width, 3).iter().map(|x| x * 6.0).collect::<Vec<_>>();
            let input = rows(&compute, format, width, &input);
            let mut gradient = rows(&compute, format, width, &numbers(count * width, 4));
            let held = read(&gradient, count);
            let inputs = read(&input, count);
            let expected = inputs.iter().zip(&held);
            let expected = expected.map(|(&x, &g)| naive::gelu_slope(f64::from(x)) * f64::from(g));
            compute.gelu_backward(&input, count, &mut gradient);
            let error = largest_error(&read(&gradient, count), &expected.collect::<Vec<_>>());
            assert!(error <= most, "{} {format:?} is off by {error}", compute.isa());

            let expected = inputs.iter().map(|&x| naive::gelu(f64::from(x))).collect::<Vec<_>>();
            let mut out = Rows::new(format, count, width);
            compute.gelu(&input, count, &mut out);
            let error = largest_error(&read(&out, count), &expected);
            assert!(error <= most, "{} {format:?} is off by {error}", compute.isa());
        }
    }
}

#[test]
fn gradients_of_layer_norms_equal_the_naive_ones() {
    let computes = every_isa();
    check(60, &(1_usize..200, 1_usize..200), |(count, width)| {
        let norm = LayerNorm { weight: numbers(width, 5), bias: numbers(width, 6), epsilon: 1e-6 };
        let input = numbers(count * width, 7).iter().map(|x| x * 3.0 + 1.0).collect::<Vec<_>>();
        let output = numbers(count * width, 8);
        let expected = naive::layer_norm_backward(&norm, &input, &output).concat();
        for compute in &computes {
            let mut found = vec![0.0; (count + 2) * width];
            let (of_input, rest) = found.split_at_mut(count * width);
            let (weight, bias) = rest.split_at_mut(width);
            let gradient = NormGradient { input: of_input, weight, bias };
            let scratch = &mut Scratch::default();
            compute.layer_norm_backward(&norm, &input, &output, gradient, scratch);
            let error = relative_error(&found, &expected);
            // Rows of one number have a variance of 0: there, epsilon is all that there is.
            prop_assert!(width == 1 || error <= 1e-5, "{} is off by {error}", compute.isa());
        }
        Ok(())
    });
}

/// The relative error of the gradients of an attention.
fn attention_error(compute: &Compute, format: Format, shape: AttentionShape) -> [f64; 3] {
    let AttentionShape { batch, query_tokens, key_tokens, heads, head_size } = shape;
    let width = heads * head_size;
    let make = |tokens: usize, width: usize, seed| {
        let values =
            numbers(batch * tokens * width, seed).iter().map(|x| x * 1.5).collect::<Vec<_>>();
        rows(compute, format, width, &values)
    };
    let output = make(query_tokens, width, 9);
    let queries = make(query_tokens, width, 10);
    let keys_values = make(key_tokens, 2 * width, 11);
    let held = read(&keys_values, batch * key_tokens);
    let part = |i: usize| {
        let rows = held.chunks_exact(2 * width);
        rows.flat_map(|row| row[i * width..(i + 1) * width].to_vec()).collect::<Vec<_>>()
    };
    let expected = naive::attention_backward(
        shape,
        [&read(&queries, batch * query_tokens), &part(0), &part(1)],
        &read(&output, batch * query_tokens),
    );
    let heads_of =
        |rows, first_column, rows_per_sequence| Heads { rows, first_column, rows_per_sequence };
    let inputs = QueryKeyValue {
        queries: heads_of(&queries, 0, query_tokens),
        keys: heads_of(&keys_values, 0, key_tokens),
        values: heads_of(&keys_values, width, key_tokens),
    };
    let mut of_queries = Rows::new(format, batch * query_tokens, width);
    let mut of_keys_values = Rows::new(format, batch * key_tokens, 2 * width);
    let gradient =
        AttentionGradient::Apart { queries: &mut of_queries, keys_values: &mut of_keys_values };
    compute.attention_backward(shape, inputs, &output, gradient, &mut Scratch::default());
    let found = read(&of_keys_values, batch * key_tokens);
    let part = |i: usize| {
        let rows = found.chunks_exact(2 * width);
        rows.flat_map(|row| row[i * width..(i + 1) * width].to_vec()).collect::<Vec<_>>()
    };
    let found = [read(&of_queries, batch * query_tokens), part(0), part(1)];
    let length = expected.iter().flatten().map(|x| x * x).sum::<f64>().sqrt();
    std::array::from_fn(|i| {
        // A gradient may be exactly 0 (one key): errors are then measured by the others.
        let own = expected[i].iter().map(|x| x * x).sum::<f64>().sqrt();
        relative_error(&found[i], &expected[i]) * own.max(1e-15) / own.max(length * 1e-3)
    })
}

#[test]
fn gradients_of_attention_of_any_shape_equal_the_naive_ones() {
    let computes = every_isa();
    let shapes = (1_usize..4, 1_usize..80, 1_usize..4, 1_usize..40, 1_usize..80);
    check(40, &shapes, |(batch, key_tokens, heads, half_size, query_tokens)| {
        let shape =
            AttentionShape { batch, query_tokens, key_tokens, heads, head_size: 2 * half_size };
        for compute in &computes {
            for (format, most) in [(Format::F32, 2e-5), (Format::Bf16, 2e-2)] {
                for error in attention_error(compute, format, shape) {
                    prop_assert!(error <= most, "{} {format:?} is off by {error}", compute.isa());
                }
            }
        }
        Ok(())
    });
}

#[test]
fn gradients_side_by_side_are_those_apart() {
    let (batch, tokens, heads, head_size) = (3, 33, 2, 20);
    let shape =
        AttentionShape { batch, query_tokens: tokens, key_tokens: tokens, heads, head_size };
    let width = heads * head_size;
    for compute in every_isa() {
        for format in [Format::F32, Format::Bf16] {
            let qkv = rows(&compute, format, 3 * width, &numbers(batch * tokens * 3 * width, 12));
            let output = rows(&compute, format, width, &numbers(batch * tokens * width, 13));
            let part =
                |i: usize| Heads { rows: &qkv, first_column: i * width, rows_per_sequence: tokens };
            let inputs = QueryKeyValue { queries: part(0), keys: part(1), values: part(2) };
            let scratch = &mut Scratch::default();
            let mut together = Rows::new(format, batch * tokens, 3 * width);
            let gradient = AttentionGradient::Together(&mut together);
            compute.attention_backward(shape, inputs, &output, gradient, scratch);
            let mut queries = Rows::new(format, batch * tokens, width);
            let mut keys_values = Rows::new(format, batch * tokens, 2 * width);
            let gradient =
                AttentionGradient::Apart { queries: &mut queries, keys_values: &mut keys_values };
            compute.attention_backward(shape, inputs, &output, gradient, scratch);
            let (queries, keys_values) =
                (read(&queries, batch * tokens), read(&keys_values, batch * tokens));
            let apart = queries.chunks_exact(width).zip(keys_values.chunks_exact(2 * width));
            let apart = apart.flat_map(|(q, kv)| [q, kv].concat()).collect::<Vec<_>>();
            assert_eq!(read(&together, batch * tokens), apart);
        }
    }
}

#[test]
fn a_tile_of_the_sigmoid_loss_equals_its_formula() {
    let line = LogitLine { scale: 13.0, bias: -5.0 };
    for compute in every_isa() {
        for width in [1, 7, 16, 61, 512] {
            let cosines = numbers(5 * width, 14);
            let mut tile = cosines.clone();
            let mut sums = [RowSums::default(); 5];
            compute.sigmoid_tile(line, &mut tile, &mut sums);
            let logit = |cosine: f32| f64::from(cosine.mul_add(line.scale, line.bias));
            let probability = |&cosine: &f32| 1.0 / (1.0 + (-logit(cosine)).exp());
            let expected = cosines.iter().map(probability).collect::<Vec<_>>();
            assert!(relative_error(&tile, &expected) <= 1e-6, "{}", compute.isa());
            for (row, sums) in cosines.chunks_exact(width).zip(&sums) {
                let softplus = |&cosine: &f32| logit(cosine).exp().ln_1p();
                let products = row.iter().map(|cosine| probability(cosine) * f64::from(*cosine));
                let expected = [
                    row.iter().map(softplus).sum(),
                    row.iter().map(probability).sum(),
                    products.sum(),
                ];
                let found = [sums.loss, sums.probability, sums.product];
                assert!(largest_error(&found, &expected) <= 1e-5, "{}", compute.isa());
            }
        }
    }
}

#[test]
fn gradients_have_the_same_bytes_for_any_number_of_threads() {
    let run = |threads: usize| {
        let compute = Compute::new(kernels::Isa::detect(), threads);
        let (count, width) = (301, 72);
        let mut all = Vec::new();
        let left = rows(&compute, Format::Bf16, width, &numbers(count * width, 15));
        let right = rows(&compute, Format::Bf16, 2 * width, &numbers(count * 2 * width, 16));
        let mut weight = vec![0.0; 2 * width * width];
        let mut bias = vec![0.0; width];
        let scratch = &mut Scratch::default();
        let gradient = WeightGradient { weight: &mut weight, bias: &mut bias };
        compute.outer(&left, &right, count, gradient, scratch);
        let norm = LayerNorm { weight: numbers(width, 5), bias: numbers(width, 6), epsilon: 1e-6 };
        let mut of_input = vec![0.0; count * width];
        let (mut of_weight, mut of_bias) = (vec![0.0; width], vec![0.0; width]);
        let gradient =
            NormGradient { input: &mut of_input, weight: &mut of_weight, bias: &mut of_bias };
        let (input, output) = (numbers(count * width, 17), numbers(count * width, 18));
        compute.layer_norm_backward(&norm, &input, &output, gradient, scratch);
        for part in [weight, bias, of_input, of_weight, of_bias] {
            all.extend(part.iter().map(|x| x.to_bits()));
        }
        all
    };
    let one = run(1);
    assert!([2, 3, 5].into_iter().all(|threads| run(threads) == one));
}
