//! Operations per second of each kernel at the shapes of the target checkpoint, on two threads.
//!
//! `cargo bench -p kernels -- "matmul/avx512"` runs a part; criterion's elements per second are
//! operations per second (a multiplication and an addition are two).

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kernels::{
    AttentionShape, Buffer, Compute, Format, Heads, Isa, LayerNorm, Output, QueryKeyValue, Rows,
    SignedQuery, dot_rows, look_up,
};

const FORMATS: [Format; 3] = [Format::F32, Format::Bf16, Format::Int8];

/// Rows that are not all zero.
fn rows(compute: &Compute, format: Format, count: usize, width: usize) -> Rows {
    let mut plain = Rows::new(Format::F32, count, width);
    for (i, number) in plain.numbers().iter_mut().enumerate() {
        *number = (i % 97) as f32 * 0.02 - 1.0;
    }
    let mut rows = Rows::new(format, count, width);
    compute.convert(&plain, count, &mut rows);
    rows
}

fn products(criterion: &mut Criterion) {
    for isa in Isa::available() {
        let compute = Compute::new(isa, 2);
        for format in FORMATS {
            let mut group = criterion.benchmark_group(format!("matmul/{isa}/{format:?}"));
            group.sample_size(20);
            for (count, outputs, inputs) in [
                (64, 3072, 768),
                (256, 2304, 768),
                (256, 3072, 768),
                (256, 768, 3072),
                (2048, 3072, 768),
            ] {
                let linear = compute.pack(format, inputs, &vec![0.1; outputs], &|row, out| {
                    out.iter_mut().enumerate().for_each(|(i, w)| *w = ((row + i) % 13) as f32);
                });
                let input = rows(&compute, format, count, inputs);
                let mut out = vec![0.0; count * outputs];
                group.throughput(Throughput::Elements((2 * count * outputs * inputs) as u64));
                group.bench_function(format!("{count}x{outputs}x{inputs}"), |bencher| {
                    bencher.iter(|| {
                        let out = Output::Store(&mut out);
                        compute.matmul(black_box(&input), count, &linear, out);
                    });
                });
            }
            let linear = compute.pack(format, 768, &vec![0.1; 3072], &|_, out| out.fill(0.01));
            let input = rows(&compute, format, 256, 768);
            let mut out = Rows::new(Format::Bf16, 256, 3072);
            group.throughput(Throughput::Elements(2 * 256 * 3072 * 768));
            group.bench_function("256x3072x768 with gelu", |bencher| {
                bencher.iter(|| compute.matmul(&input, 256, &linear, Output::Gelu(&mut out)));
            });
            group.bench_function("256x3072x768 to bf16", |bencher| {
                bencher.iter(|| compute.matmul(&input, 256, &linear, Output::Rows(&mut out)));
            });
        }
    }
}

fn attention(criterion: &mut Criterion) {
    for isa in Isa::available() {
        let compute = Compute::new(isa, 2);
        for format in [Format::F32, Format::Bf16] {
            let mut group = criterion.benchmark_group(format!("attention/{isa}/{format:?}"));
            for tokens in [64, 256] {
                let shape = AttentionShape {
                    batch: 1,
                    query_tokens: tokens,
                    key_tokens: tokens,
                    heads: 12,
                    head_size: 64,
                };
                let qkv = rows(&compute, format, tokens, 2304);
                let part = |i: usize| Heads {
                    rows: &qkv,
                    first_column: i * 768,
                    rows_per_sequence: tokens,
                };
                let inputs = QueryKeyValue { queries: part(0), keys: part(1), values: part(2) };
                let mut out = Rows::new(format, tokens, 768);
                let mut scratch = vec![0; compute.attention_scratch(shape)];
                group.throughput(Throughput::Elements((4 * tokens * tokens * 768) as u64));
                group.bench_function(format!("{tokens} tokens"), |bencher| {
                    bencher.iter(|| compute.attention(shape, inputs, &mut out, &mut scratch));
                });
            }
        }
    }
}

fn rows_to_rows(criterion: &mut Criterion) {
    for isa in Isa::available() {
        let compute = Compute::new(isa, 2);
        let mut group = criterion.benchmark_group(format!("rows/{isa}"));
        let norm = LayerNorm { weight: vec![1.0; 768], bias: vec![0.0; 768], epsilon: 1e-6 };
        let input = (0..256 * 768).map(|i| (i % 101) as f32).collect::<Vec<_>>();
        group.throughput(Throughput::Elements(256 * 768));
        for format in FORMATS {
            let mut out = Rows::new(format, 256, 768);
            group.bench_function(format!("layer_norm to {format:?}"), |bencher| {
                bencher.iter(|| compute.layer_norm(&norm, black_box(&input), &mut out));
            });
        }
        let hidden = rows(&compute, Format::Bf16, 256, 3072);
        let mut out = Rows::new(Format::Int8, 256, 3072);
        group.throughput(Throughput::Elements(256 * 3072));
        group.bench_function("Bf16 to Int8", |bencher| {
            bencher.iter(|| compute.convert(&hidden, 256, &mut out));
        });
    }
}

/// What a search of a million rows of 768 numbers reads, per row; codes on ordinary and on huge pages.
fn search(criterion: &mut Criterion) {
    const ROWS: usize = 1_000_000_usize.next_multiple_of(32);
    const FIRST: usize = 16;
    const WHOLE: usize = 96;
    const LOOKED_AT: usize = 4096;
    // What the codes are has no part in the time, what the rows are does: they lie anywhere.
    let ordinary = vec![0x5a_u8; ROWS * WHOLE];
    let mut huge = Buffer::<u32>::zeroed(ROWS * WHOLE / 4);
    huge.bytes_mut().fill(0x5a);
    let mut state = 1_u64;
    let places = (0..64 * LOOKED_AT).map(|_| {
        state = state.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(0xA076_1D64_78BD_642F);
        (state >> 33) as u32 % ROWS as u32
    });
    let places = places.collect::<Vec<_>>();
    let query = (0..768).map(|i| (i % 97) as f32 * 0.02 - 1.0).collect::<Vec<_>>();
    for isa in Isa::available() {
        let mut group = criterion.benchmark_group(format!("search/{isa}"));
        group.sample_size(20);
        for (pages, codes) in [("ordinary", &ordinary[..]), ("huge", huge.bytes())] {
            let tables = vec![7; FIRST * 32];
            let mut sums = vec![0; ROWS];
            group.throughput(Throughput::Elements(ROWS as u64));
            group.bench_function(format!("look_up in {pages} pages"), |bencher| {
                bencher
                    .iter(|| look_up(isa, &tables, black_box(&codes[..ROWS * FIRST]), &mut sums));
            });
            let query = SignedQuery::new(&query);
            let mut sums = vec![0; LOOKED_AT];
            let mut parts = places.chunks_exact(LOOKED_AT).cycle();
            group.throughput(Throughput::Elements(LOOKED_AT as u64));
            group.bench_function(format!("sums of scattered rows in {pages} pages"), |bencher| {
                bencher.iter(|| {
                    let rows = parts.next().expect("it is a cycle");
                    query.sums(isa, black_box(codes), rows, &mut sums);
                });
            });
        }
        let rows = vec![0.5; LOOKED_AT * 768];
        let mut products = vec![0.0; LOOKED_AT];
        group.throughput(Throughput::Elements(LOOKED_AT as u64));
        group.bench_function("dot_rows", |bencher| {
            bencher.iter(|| dot_rows(isa, &query, black_box(&rows), &mut products));
        });
    }
}

criterion_group!(benches, products, attention, rows_to_rows, search);
criterion_main!(benches);
