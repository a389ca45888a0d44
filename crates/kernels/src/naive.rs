//! The plain twin of each kernel: what it means, in f64, without any thought of speed.

use crate::{AttentionShape, LayerNorm, PoolingShape};

/// The tanh form of GELU, as `gelu_pytorch_tanh` defines it.
pub fn gelu(x: f64) -> f64 {
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    0.5 * x * (1.0 + inner.tanh())
}

/// The slope of [`gelu`].
pub fn gelu_slope(x: f64) -> f64 {
    let factor = (2.0 / std::f64::consts::PI).sqrt();
    let tanh = (factor * (x + 0.044_715 * x * x * x)).tanh();
    0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * factor * (1.0 + 3.0 * 0.044_715 * x * x)
}

/// `left^T x right`: `[N][K]` of rows of N and of K numbers.
pub fn outer(left: &[f32], right: &[f32], rows: usize) -> Vec<f64> {
    let (outputs, inputs) = (left.len() / rows, right.len() / rows);
    let mut out = vec![0.0; outputs * inputs];
    for (left, right) in left.chunks_exact(outputs).zip(right.chunks_exact(inputs)) {
        for (out, &left) in out.chunks_exact_mut(inputs).zip(left) {
            for (out, &right) in out.iter_mut().zip(right) {
                *out += f64::from(left) * f64::from(right);
            }
        }
    }
    out
}

/// `input[M x K] x weights[N x K]^T + bias`, M x N; N is the length of `bias`.
pub fn matmul(input: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f64> {
    let depth = weights.len() / bias.len();
    let mut out = Vec::new();
    for row in input.chunks_exact(depth) {
        for (weights, &bias) in weights.chunks_exact(depth).zip(bias) {
            let products = row.iter().zip(weights).map(|(&a, &w)| f64::from(a) * f64::from(w));
            out.push(products.sum::<f64>() + f64::from(bias));
        }
    }
    out
}

/// The product of `query` with each row of as many numbers.
pub fn dot_rows(query: &[f32], rows: &[f32]) -> Vec<f64> {
    let products = |row: &[f32]| {
        row.iter().zip(query).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
    };
    rows.chunks_exact(query.len()).map(products).collect()
}

/// For each row of blocks of 32, the sum of what the halves of its bytes find: see [`look_up`](crate::look_up).
pub fn look_up(tables: &[u8], codes: &[u8]) -> Vec<u16> {
    let bytes = tables.len() / 32;
    let mut sums = Vec::new();
    for block in codes.chunks_exact(32 * bytes) {
        for row in 0..32 {
            let found = |b: usize| {
                let (code, table) = (block[32 * b + row], &tables[32 * b..32 * b + 32]);
                u16::from(table[usize::from(code % 16)])
                    + u16::from(table[16 + usize::from(code / 16)])
            };
            sums.push((0..bytes).map(found).sum());
        }
    }
    sums
}

/// For each of `rows`, the sum of the query's numbers as multiples of 1/31 of the largest, with the signs that the row's bits tell: see
/// [`SignedQuery`](crate::SignedQuery).
pub fn signed_sums(query: &[f32], codes: &[u8], rows: &[u32]) -> Vec<i32> {
    let widest = query.iter().fold(0.0_f32, |widest, number| widest.max(number.abs()));
    let scale = if widest > 0.0 { 31.0 / widest } else { 0.0 };
    let sum = |row: &u32| {
        let code = &codes[*row as usize * query.len() / 8..];
        let signed = query.iter().enumerate().map(|(k, number)| {
            let rounded = (number * scale).round() as i32;
            if code[k / 8] >> (k % 8) & 1 == 1 { rounded } else { -rounded }
        });
        signed.sum()
    };
    rows.iter().map(sum).collect()
}

/// Each row of `input` normalised, scaled and shifted.
pub fn layer_norm(norm: &LayerNorm, input: &[f32]) -> Vec<f64> {
    let width = norm.weight.len();
    let mut out = Vec::new();
    for row in input.chunks_exact(width) {
        let values = || row.iter().map(|&x| f64::from(x));
        let mean = values().sum::<f64>() / width as f64;
        let variance = values().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        let scale = 1.0 / (variance + f64::from(norm.epsilon)).sqrt();
        for (i, x) in values().enumerate() {
            let normal = (x - mean) * scale;
            out.push(normal * f64::from(norm.weight[i]) + f64::from(norm.bias[i]));
        }
    }
    out
}

/// `softmax(q k^T / sqrt(D)) v` for each head; queries, keys, values and the result are
/// `[B][tokens][H * D]`.
pub fn attention(shape: AttentionShape, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f64> {
    let AttentionShape { batch, query_tokens, key_tokens, heads, head_size } = shape;
    let width = heads * head_size;
    let scale = 1.0 / (head_size as f64).sqrt();
    let mut out = vec![0.0; batch * query_tokens * width];
    for sequence in 0..batch {
        for head in 0..heads {
            let column = head * head_size;
            let key_row = |token: usize| (sequence * key_tokens + token) * width + column;
            for query in 0..query_tokens {
                let query_row = (sequence * query_tokens + query) * width + column;
                let score = |token: usize| {
                    let pairs = (0..head_size).map(|d| (q[query_row + d], k[key_row(token) + d]));
                    pairs.map(|(q, k)| f64::from(q) * f64::from(k)).sum::<f64>() * scale
                };
                let scores = (0..key_tokens).map(score).collect::<Vec<_>>();
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weights = scores.iter().map(|s| (s - largest).exp()).collect::<Vec<_>>();
                let sum = weights.iter().sum::<f64>();
                for d in 0..head_size {
                    let weighted = weights.iter().enumerate();
                    let weighted =
                        weighted.map(|(t, weight)| weight * f64::from(v[key_row(t) + d]));
                    out[query_row + d] = weighted.sum::<f64>() / sum;
                }
            }
        }
    }
    out
}

/// `out[b][h] = sum_t softmax_t(scores[b][t][h] * scale) rows[b][t]`, rows `width` wide.
pub fn pool_rows(shape: PoolingShape, width: usize, rows: &[f32], scores: &[f32]) -> Vec<f64> {
    let PoolingShape { batch, tokens, heads, scale } = shape;
    let mut out = vec![0.0; batch * heads * width];
    for sequence in 0..batch {
        for head in 0..heads {
            let score = |t: usize| {
                f64::from(scores[(sequence * tokens + t) * heads + head]) * f64::from(scale)
            };
            let largest = (0..tokens).map(score).fold(f64::NEG_INFINITY, f64::max);
            let weight = |t: usize| (score(t) - largest).exp();
            let sum = (0..tokens).map(weight).sum::<f64>();
            for column in 0..width {
                let value = |t: usize| f64::from(rows[(sequence * tokens + t) * width + column]);
                out[(sequence * heads + head) * width + column] =
                    (0..tokens).map(|t| weight(t) / sum * value(t)).sum();
            }
        }
    }
    out
}

/// The gradients of [`layer_norm`], given those of its output: of the input, the weight and the bias.
pub fn layer_norm_backward(norm: &LayerNorm, input: &[f32], output: &[f32]) -> [Vec<f64>; 3] {
    let width = norm.weight.len();
    let mut of_input = Vec::new();
    let (mut weight, mut bias) = (vec![0.0; width], vec![0.0; width]);
    for (row, given) in input.chunks_exact(width).zip(output.chunks_exact(width)) {
        let values = || row.iter().map(|&x| f64::from(x));
        let mean = values().sum::<f64>() / width as f64;
        let variance = values().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        let scale = 1.0 / (variance + f64::from(norm.epsilon)).sqrt();
        let normal = values().map(|x| (x - mean) * scale).collect::<Vec<_>>();
        let scaled = given.iter().zip(&norm.weight).map(|(&g, &w)| f64::from(g) * f64::from(w));
        let scaled = scaled.collect::<Vec<_>>();
        let sum = scaled.iter().sum::<f64>() / width as f64;
        let product = scaled.iter().zip(&normal).map(|(g, n)| g * n).sum::<f64>() / width as f64;
        for i in 0..width {
            weight[i] += f64::from(given[i]) * normal[i];
            bias[i] += f64::from(given[i]);
            of_input.push(scale * (scaled[i] - sum - normal[i] * product));
        }
    }
    [of_input, weight, bias]
}

/// The gradients of [`attention`], given those of its output: of queries, keys and values.
pub fn attention_backward(
    shape: AttentionShape,
    inputs: [&[f32]; 3],
    output: &[f32],
) -> [Vec<f64>; 3] {
    let AttentionShape { batch, query_tokens, key_tokens, heads, head_size } = shape;
    let [q, k, v] = inputs;
    let width = heads * head_size;
    let scale = 1.0 / (head_size as f64).sqrt();
    let (mut dq, mut dk, mut dv) = (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
    let dot = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
    };
    for sequence in 0..batch {
        for head in 0..heads {
            let column = head * head_size;
            let key_row = |token: usize| (sequence * key_tokens + token) * width + column;
            for query in 0..query_tokens {
                let row = (sequence * query_tokens + query) * width + column;
                let (query, given) = (&q[row..row + head_size], &output[row..row + head_size]);
                let keys = (0..key_tokens).map(key_row);
                let scores = keys.clone().map(|at| dot(query, &k[at..at + head_size]) * scale);
                let scores = scores.collect::<Vec<_>>();
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weights = scores.iter().map(|s| (s - largest).exp()).collect::<Vec<_>>();
                let sum = weights.iter().sum::<f64>();
                let weights = weights.iter().map(|weight| weight / sum).collect::<Vec<_>>();
                let slopes = keys.clone().map(|at| dot(given, &v[at..at + head_size]));
                let slopes = slopes.collect::<Vec<_>>();
                let mean = weights.iter().zip(&slopes).map(|(w, s)| w * s).sum::<f64>();
                for ((at, weight), slope) in keys.zip(&weights).zip(&slopes) {
                    let slope = weight * (slope - mean) * scale;
                    for d in 0..head_size {
                        dq[row + d] += slope * f64::from(k[at + d]);
                        dk[at + d] += slope * f64::from(q[row + d]);
                        dv[at + d] += weight * f64::from(output[row + d]);
                    }
                }
            }
        }
    }
    [dq, dk, dv]
}
