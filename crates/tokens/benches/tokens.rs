//! How long loading and encoding take: the committed 8k model, and a synthetic one of the size of mC4's 250k pieces.
//!
//! `cargo bench -p tokens`

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tokens::{Tokenizer, TokenizerOptions};

const MODEL: &[u8] = include_bytes!("../tests/goldens/cldr_unigram_8k_mt5layout.model");
const GEMMA: &[u8] = include_bytes!("../tests/goldens/gemma/tokenizer.json");
const CAPTION: &str = "A photo of two cats sleeping on a pink couch.";

fn options() -> TokenizerOptions {
    TokenizerOptions { vocabulary: 300_000, ..TokenizerOptions::default() }
}

/// The small model with more pieces behind it: one to five syllables, with or without `▁`, up to 250,100 in all.
fn large_model() -> Vec<u8> {
    let mut model = MODEL.to_vec();
    for index in 8000..250_100usize {
        let mut text = String::from(if index % 3 == 0 { "▁" } else { "" });
        // Letters that the small model's pieces do not begin with keep all of these new.
        text.push(['ж', 'q', '漢', 'ñ'][index % 4]);
        let mut rest = index;
        while rest > 0 {
            text.push_str(["ka", "lo", "mi", "te", "ru", "sen", "pod", "цу"][rest % 8]);
            rest /= 8;
        }
        let mut piece = vec![0x0a, text.len() as u8];
        piece.extend_from_slice(text.as_bytes());
        piece.push(0x15);
        piece.extend_from_slice(&(-8.0 - index as f32 * 1e-5).to_le_bytes());
        model.extend_from_slice(&[0x0a, piece.len() as u8]);
        model.extend_from_slice(&piece);
    }
    model
}

fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    let large = large_model();
    for (name, bytes) in [("8k pieces", MODEL), ("250k pieces", &large)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                Tokenizer::from_spiece(black_box(bytes), &options()).expect("the model is sound")
            });
        });
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let spiece =
        |bytes: &[u8]| Tokenizer::from_spiece(bytes, &options()).expect("the model is sound");
    let gemma = Tokenizer::from_json(GEMMA, &options()).expect("the file is sound");
    let tokenizers = [
        ("8k pieces", spiece(MODEL)),
        ("250k pieces", spiece(&large_model())),
        ("gemma shape", gemma),
    ];
    let mut group = criterion.benchmark_group("encode");
    for (name, tokenizer) in &tokenizers {
        group.bench_function(BenchmarkId::new("caption", name), |bencher| {
            bencher.iter(|| tokenizer.encode(black_box(CAPTION)));
        });
    }
    group.sample_size(10);
    let sentences = CAPTION.repeat(1_000_000 / CAPTION.len());
    let one_word = "a".repeat(1_000_000);
    for (text_name, text) in [("1 MB of sentences", &sentences), ("1 MB in one word", &one_word)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        for (name, tokenizer) in &tokenizers {
            group.bench_function(BenchmarkId::new(text_name, name), |bencher| {
                bencher.iter(|| tokenizer.encode(black_box(text)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, load, encode);
criterion_main!(benches);
