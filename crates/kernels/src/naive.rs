//! The plain twin of each kernel: what it means, in f64, without any thought of speed.

use crate::{AttentionShape, Epilogue, Heads, LayerNorm};

/// The tanh form of GELU, as `gelu_pytorch_tanh` defines it.
pub fn gelu(x: f64) -> f64 {
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    0.5 * x * (1.0 + inner.tanh())
}

/// `out[M x N] = epilogue(a[M x K] x weights[N x K]^T)`; N is the length of `bias`.
pub fn matmul(a: &[f32], weights: &[f32], bias: &[f32], epilogue: Epilogue, out: &mut [f32]) {
    let outputs = bias.len();
    let depth = weights.len() / outputs;
    for (a, out) in a.chunks_exact(depth).zip(out.chunks_exact_mut(outputs)) {
        for (n, out) in out.iter_mut().enumerate() {
            let weights = &weights[n * depth..(n + 1) * depth];
            let products = a
                .iter()
                .zip(weights)
                .map(|(&a, &w)| f64::from(a) * f64::from(w));
            let sum = products.sum::<f64>() + f64::from(bias[n]);
            *out = match epilogue {
                Epilogue::Bias => sum,
                Epilogue::BiasGelu => gelu(sum),
                Epilogue::BiasAdd => f64::from(*out) + sum,
            } as f32;
        }
    }
}

/// Each row of `input` normalised, scaled and shifted into `out`.
pub fn layer_norm(norm: &LayerNorm, input: &[f32], out: &mut [f32]) {
    let width = norm.weight.len();
    for (input, out) in input.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let values = || input.iter().map(|&x| f64::from(x));
        let mean = values().sum::<f64>() / width as f64;
        let variance = values().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        let scale = 1.0 / (variance + f64::from(norm.epsilon)).sqrt();
        for (i, x) in values().enumerate() {
            let normal = (x - mean) * scale;
            out[i] = (normal * f64::from(norm.weight[i]) + f64::from(norm.bias[i])) as f32;
        }
    }
}

/// `softmax(q k^T / sqrt(D)) v` for each head; `out` is `[B * query_tokens][H * D]`.
pub fn attention(
    shape: AttentionShape,
    queries: Heads<'_>,
    keys: Heads<'_>,
    values: Heads<'_>,
    out: &mut [f32],
) {
    let AttentionShape {
        batch,
        query_tokens,
        key_tokens,
        heads,
        head_size,
    } = shape;
    let at = |part: &Heads<'_>, b: usize, t: usize, h: usize, d: usize| {
        f64::from(part.values[b * part.batch_stride + t * part.token_stride + h * head_size + d])
    };
    let scale = 1.0 / (head_size as f64).sqrt();
    for b in 0..batch {
        for h in 0..heads {
            for q in 0..query_tokens {
                let score = |k| {
                    (0..head_size)
                        .map(|d| at(&queries, b, q, h, d) * at(&keys, b, k, h, d))
                        .sum::<f64>()
                        * scale
                };
                let scores = (0..key_tokens).map(score).collect::<Vec<_>>();
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weights = scores
                    .iter()
                    .map(|s| (s - largest).exp())
                    .collect::<Vec<_>>();
                let sum = weights.iter().sum::<f64>();
                for d in 0..head_size {
                    let weighted = weights
                        .iter()
                        .enumerate()
                        .map(|(k, w)| w * at(&values, b, k, h, d));
                    let place = (b * query_tokens + q) * heads * head_size + h * head_size + d;
                    out[place] = (weighted.sum::<f64>() / sum) as f32;
                }
            }
        }
    }
}
