//! GFLOP/s of each kernel at the shapes of the target checkpoint.
//!
//! `cargo bench -p kernels -- "matmul/avx512"` runs a part; criterion prints elements (operations)
//! per second. The number of threads is 2.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kernels::{AttentionShape, Compute, Epilogue, Heads, Isa, LayerNorm};

fn products(criterion: &mut Criterion) {
    for isa in Isa::available() {
        let compute = Compute::new(isa, 2);
        let mut group = criterion.benchmark_group(format!("matmul/{isa}"));
        group.sample_size(20);
        for (rows, outputs, depth) in [
            (64, 3072, 768),
            (256, 2304, 768),
            (256, 3072, 768),
            (256, 768, 3072),
            (2048, 3072, 768),
        ] {
            let weights = compute.pack(outputs, depth, &|row, out| out.fill(row as f32 * 1e-3));
            let (a, bias) = (vec![0.5; rows * depth], vec![0.1; outputs]);
            let mut out = vec![0.0; rows * outputs];
            group.throughput(Throughput::Elements((2 * rows * outputs * depth) as u64));
            group.bench_function(format!("{rows}x{outputs}x{depth}"), |bencher| {
                bencher.iter(|| {
                    compute.matmul(black_box(&a), &weights, &bias, Epilogue::Bias, &mut out);
                });
            });
        }
    }
}

fn attention(criterion: &mut Criterion) {
    for isa in Isa::available() {
        let compute = Compute::new(isa, 2);
        let mut group = criterion.benchmark_group(format!("attention/{isa}"));
        for tokens in [64, 256] {
            let shape = AttentionShape {
                batch: 1,
                query_tokens: tokens,
                key_tokens: tokens,
                heads: 12,
                head_size: 64,
            };
            let qkv = (0..tokens * 2304)
                .map(|i| (i % 97) as f32 * 0.02 - 1.0)
                .collect::<Vec<_>>();
            let part = |i: usize| Heads {
                values: &qkv[i * 768..],
                batch_stride: 0,
                token_stride: 2304,
            };
            let mut out = vec![0.0; tokens * 768];
            let mut scratch = vec![0.0; compute.attention_scratch(shape)];
            group.throughput(Throughput::Elements((4 * tokens * tokens * 768) as u64));
            group.bench_function(format!("{tokens} tokens"), |bencher| {
                bencher.iter(|| {
                    compute.attention(shape, part(0), part(1), part(2), &mut out, &mut scratch);
                });
            });
        }
    }
}

fn norms(criterion: &mut Criterion) {
    for isa in Isa::available() {
        let compute = Compute::new(isa, 2);
        let norm = LayerNorm {
            weight: vec![1.0; 768],
            bias: vec![0.0; 768],
            epsilon: 1e-6,
        };
        let input = (0..256 * 768).map(|i| (i % 101) as f32).collect::<Vec<_>>();
        let mut out = vec![0.0; input.len()];
        let mut group = criterion.benchmark_group(format!("layer_norm/{isa}"));
        group.throughput(Throughput::Elements(input.len() as u64));
        group.bench_function("256x768", |bencher| {
            bencher.iter(|| compute.layer_norm(&norm, black_box(&input), &mut out));
        });
    }
}

criterion_group!(benches, products, attention, norms);
criterion_main!(benches);
