//! The same input gives the same bytes, whatever travels beside it and on however many threads.

use kernels::{
    AttentionShape, Compute, Format, Heads, Isa, LayerNorm, Output, PackedLinear, QueryKeyValue,
    Rows,
};

use crate::numbers;

const WIDTH: usize = 72;
const HIDDEN: usize = 300;
const TOKENS: usize = 37;

fn pack(compute: &Compute, format: Format, outputs: usize, inputs: usize) -> PackedLinear {
    let weights = numbers(outputs * inputs, (outputs * inputs) as u64);
    compute.pack(format, inputs, &numbers(outputs, 4), &|row, out| {
        out.copy_from_slice(&weights[row * inputs..][..inputs]);
    })
}

/// A small block: norm, product, attention, product with GELU, residual.
fn forward(compute: &Compute, format: Format, input: &[f32]) -> Vec<f32> {
    let norm = LayerNorm { weight: numbers(WIDTH, 1), bias: numbers(WIDTH, 2), epsilon: 1e-6 };
    let rows = input.len() / WIDTH;
    let between = if format == Format::F32 { Format::F32 } else { Format::Bf16 };
    let mut normal = Rows::new(format, rows, WIDTH);
    compute.layer_norm(&norm, input, &mut normal);
    let mut qkv = Rows::new(between, rows, 3 * WIDTH);
    let linear = pack(compute, format, 3 * WIDTH, WIDTH);
    compute.matmul(&normal, rows, &linear, Output::Rows(&mut qkv));
    let shape = AttentionShape {
        batch: rows / TOKENS,
        query_tokens: TOKENS,
        key_tokens: TOKENS,
        heads: 2,
        head_size: WIDTH / 2,
    };
    let part = |i: usize| Heads { rows: &qkv, first_column: i * WIDTH, rows_per_sequence: TOKENS };
    let inputs = QueryKeyValue { queries: part(0), keys: part(1), values: part(2) };
    let mut mixed = Rows::new(between, rows, WIDTH);
    let mut scratch = vec![0; compute.attention_scratch(shape)];
    compute.attention(shape, inputs, &mut mixed, &mut scratch);
    compute.convert(&mixed, rows, &mut normal);
    let mut hidden = Rows::new(between, rows, HIDDEN);
    let linear = pack(compute, format, HIDDEN, WIDTH);
    compute.matmul(&normal, rows, &linear, Output::Gelu(&mut hidden));
    let mut again = Rows::new(format, rows, HIDDEN);
    compute.convert(&hidden, rows, &mut again);
    let mut out = input.to_vec();
    let linear = pack(compute, format, WIDTH, HIDDEN);
    compute.matmul(&again, rows, &linear, Output::Add(&mut out));
    out
}

#[test]
fn a_sequence_alone_equals_itself_in_any_batch_at_any_place_on_any_thread_count() {
    let one = TOKENS * WIDTH;
    let sequences = (0..17).map(|seed| numbers(one, 100 + seed)).collect::<Vec<_>>();
    for isa in Isa::available() {
        for format in [Format::F32, Format::Bf16, Format::Int8] {
            let single = Compute::new(isa, 1);
            let alone = sequences.iter().map(|input| forward(&single, format, input));
            let alone = alone.collect::<Vec<_>>();
            for threads in [1, 2, 3, 5] {
                let compute = Compute::new(isa, threads);
                for batch in [1, 2, 7, 17] {
                    let order = (0..batch).map(|i| (i * 5 + threads) % 17).collect::<Vec<_>>();
                    let input = order.iter().flat_map(|&i| sequences[i].clone());
                    let out = forward(&compute, format, &input.collect::<Vec<_>>());
                    for (out, &i) in out.chunks_exact(one).zip(&order) {
                        assert!(out == alone[i], "{isa} {format:?}, {threads} threads, {batch}");
                    }
                }
            }
        }
    }
}
