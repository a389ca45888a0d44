//! The same input gives the same bytes, whatever travels beside it and on however many threads.

use kernels::{AttentionShape, Compute, Epilogue, Heads, Isa, LayerNorm};

use crate::numbers;

const WIDTH: usize = 72;
const TOKENS: usize = 37;

/// A small block: norm, product, attention, product with GELU, residual.
fn forward(compute: &Compute, input: &[f32]) -> Vec<f32> {
    let norm = LayerNorm {
        weight: numbers(WIDTH, 1),
        bias: numbers(WIDTH, 2),
        epsilon: 1e-6,
    };
    let pack = |outputs: usize, inputs: usize, seed| {
        let weights = numbers(outputs * inputs, seed);
        compute.pack(outputs, inputs, &|row, out| {
            out.copy_from_slice(&weights[row * inputs..][..inputs]);
        })
    };
    let rows = input.len() / WIDTH;
    let mut normal = vec![0.0; input.len()];
    compute.layer_norm(&norm, input, &mut normal);
    let mut qkv = vec![0.0; 3 * input.len()];
    let bias = numbers(3 * WIDTH, 4);
    compute.matmul(
        &normal,
        &pack(3 * WIDTH, WIDTH, 3),
        &bias,
        Epilogue::Bias,
        &mut qkv,
    );
    let shape = AttentionShape {
        batch: rows / TOKENS,
        query_tokens: TOKENS,
        key_tokens: TOKENS,
        heads: 2,
        head_size: WIDTH / 2,
    };
    let part = |i: usize| Heads {
        values: &qkv[i * WIDTH..],
        batch_stride: TOKENS * 3 * WIDTH,
        token_stride: 3 * WIDTH,
    };
    let mut mixed = vec![0.0; input.len()];
    let mut scratch = vec![0.0; compute.attention_scratch(shape)];
    compute.attention(shape, part(0), part(1), part(2), &mut mixed, &mut scratch);
    let mut hidden = vec![0.0; rows * 300];
    let bias = numbers(300, 6);
    compute.matmul(
        &mixed,
        &pack(300, WIDTH, 5),
        &bias,
        Epilogue::BiasGelu,
        &mut hidden,
    );
    let mut out = input.to_vec();
    let bias = numbers(WIDTH, 8);
    compute.matmul(
        &hidden,
        &pack(WIDTH, 300, 7),
        &bias,
        Epilogue::BiasAdd,
        &mut out,
    );
    out
}

#[test]
fn a_sequence_alone_equals_itself_in_any_batch_at_any_place_on_any_thread_count() {
    let one = TOKENS * WIDTH;
    let sequences = (0..17)
        .map(|seed| numbers(one, 100 + seed))
        .collect::<Vec<_>>();
    for isa in Isa::available() {
        let single = Compute::new(isa, 1);
        let alone = sequences
            .iter()
            .map(|input| forward(&single, input))
            .collect::<Vec<_>>();
        for threads in [1, 2, 3, 5] {
            let compute = Compute::new(isa, threads);
            for batch in [1, 2, 7, 17] {
                let order = (0..batch)
                    .map(|i| (i * 5 + threads) % 17)
                    .collect::<Vec<_>>();
                let input = order
                    .iter()
                    .flat_map(|&i| sequences[i].clone())
                    .collect::<Vec<_>>();
                let out = forward(&compute, &input);
                for (out, &i) in out.chunks_exact(one).zip(&order) {
                    assert!(out == alone[i], "{isa}, {threads} threads, batch {batch}");
                }
            }
        }
    }
}
