//! What labels cost a picture: scoring 1, 8 and 32 embeddings against 1,000 and 10,000 label vectors
//! of D = 768, on one thread.
//!
//! `cargo bench -p model`; criterion's elements per second are pairs of a picture and a label.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use model::{Embeddings, LabelVectors, Scoring};

/// D of the target checkpoint.
const DIMENSION: usize = 768;

/// Rows of length 1 that are all different.
fn rows(count: usize, seed: u32) -> Embeddings {
    let mut state = seed;
    let mut number = || {
        // Numerical Recipes' generator; its upper bits are good enough for a vector.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    Embeddings::normalise(DIMENSION, (0..count * DIMENSION).map(|_| number()).collect())
}

fn score(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("score");
    for labels in [1_000, 10_000] {
        let names = (0..labels).map(|label| format!("label {label}")).collect();
        let scoring = Scoring::new(4.76, -12.9);
        let vectors = LabelVectors::from_vectors(names, rows(labels, 1), scoring);
        for pictures in [1, 8, 32] {
            let images = rows(pictures, 2);
            group.throughput(Throughput::Elements((pictures * labels) as u64));
            let name = BenchmarkId::new(format!("{labels} labels"), format!("{pictures} pictures"));
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    for image in images.rows() {
                        black_box(vectors.score(black_box(image)));
                    }
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, score);
criterion_main!(benches);
