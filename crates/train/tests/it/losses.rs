use kernels::{Compute, Isa, LogitLine};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use train::loss::{self, Embeddings, LossGradient, NOBODY, Pairs, SigmoidLoss, TextPart, naive};

/// Deterministic numbers in -1..1.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state = state.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(0xA076_1D64_78BD_642F);
        ((state >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Rows of length 1.
fn rows(count: usize, dimension: usize, seed: u64) -> Vec<f32> {
    let mut rows = numbers(count * dimension, seed);
    for row in rows.chunks_exact_mut(dimension) {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        for x in row {
            *x /= length;
        }
    }
    rows
}

/// A batch: `texts` texts, one in seven of no picture, most pictures with one or more of them, few keys so that many pairs are masked.
struct Case {
    dimension: usize,
    images: Vec<f32>,
    texts: Vec<f32>,
    owners: Vec<u32>,
    image_keys: Vec<u64>,
    text_keys: Vec<u64>,
}

impl Case {
    fn new(images: usize, texts: usize, dimension: usize, keys: u64) -> Self {
        let owner = |text| if text % 7 == 6 { NOBODY } else { (text % images) as u32 };
        let owners = (0..texts).map(owner).collect::<Vec<_>>();
        let image_keys = (0..images as u64).map(|image| image * 7 % keys).collect::<Vec<_>>();
        let key = |&owner: &u32| image_keys.get(owner as usize).copied().unwrap_or(keys);
        let text_keys = owners.iter().map(key).collect();
        let (seed, other) = (images as u64, texts as u64 + 1000);
        let (images, texts) = (rows(images, dimension, seed), rows(texts, dimension, other));
        Self { dimension, images, texts, owners, image_keys, text_keys }
    }

    fn embeddings(&self) -> Embeddings<'_> {
        Embeddings { dimension: self.dimension, images: &self.images, texts: &self.texts }
    }

    fn pairs(&self) -> Pairs<'_> {
        let Self { owners, image_keys, text_keys, .. } = self;
        Pairs { owners, image_keys, text_keys }
    }
}

/// The largest relative error of a loss and its slopes.
fn error(found: &LossGradient, expected: &LossGradient) -> f64 {
    let relative = |found: f64, expected: f64| (found - expected).abs() / (expected.abs() + 1e-3);
    let rows = |found: &[f32], expected: &[f32]| {
        let difference = found.iter().zip(expected).map(|(f, e)| f64::from(f - e).powi(2));
        let length = expected.iter().map(|e| f64::from(*e).powi(2)).sum::<f64>();
        difference.sum::<f64>().sqrt() / (length.sqrt() + 1e-9)
    };
    [
        relative(found.loss, expected.loss),
        relative(found.scale, expected.scale),
        relative(found.bias, expected.bias),
        rows(&found.images, &expected.images),
        rows(&found.texts, &expected.texts),
    ]
    .into_iter()
    .fold(0.0, f64::max)
}

fn check(cases: u32, test: impl Fn((usize, usize, usize, u64)) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let shapes = (1_usize..40, 1_usize..80, 1_usize..40, 1_u64..60);
    TestRunner::new_with_rng(config, rng).run(&shapes, test).expect("the property holds");
}

const LINE: LogitLine = LogitLine { scale: 8.0, bias: -3.0 };

#[test]
fn the_tiled_sigmoid_loss_is_the_naive_one() {
    let compute = Compute::new(Isa::detect(), 2);
    check(60, |(images, texts, dimension, keys)| {
        let case = Case::new(images, texts, dimension, keys);
        let found = loss::sigmoid(&compute, case.embeddings(), case.pairs(), LINE);
        let expected = naive::sigmoid(case.embeddings(), case.pairs(), LINE);
        prop_assert!(error(&found, &expected) <= 1e-6, "{}", error(&found, &expected));
        Ok(())
    });
}

#[test]
fn the_tiled_softmax_loss_is_the_naive_one() {
    let compute = Compute::new(Isa::detect(), 2);
    check(60, |(images, texts, dimension, keys)| {
        let case = Case::new(images, texts, dimension, keys);
        let found = loss::softmax(&compute, case.embeddings(), case.pairs(), LINE.scale);
        let expected = naive::softmax(case.embeddings(), case.pairs(), LINE.scale);
        prop_assert!(error(&found, &expected) <= 1e-6, "{}", error(&found, &expected));
        Ok(())
    });
}

#[test]
fn batches_of_several_tiles_that_end_in_the_middle_of_one_equal_the_naive_loss() {
    let compute = Compute::new(Isa::detect(), 2);
    for keys in [u64::MAX, 500] {
        let case = Case::new(700, 1201, 24, keys);
        let found = loss::sigmoid(&compute, case.embeddings(), case.pairs(), LINE);
        let expected = naive::sigmoid(case.embeddings(), case.pairs(), LINE);
        assert!(error(&found, &expected) <= 1e-6, "{}", error(&found, &expected));
        let found = loss::softmax(&compute, case.embeddings(), case.pairs(), LINE.scale);
        let expected = naive::softmax(case.embeddings(), case.pairs(), LINE.scale);
        assert!(error(&found, &expected) <= 1e-6, "{}", error(&found, &expected));
    }
}

#[test]
fn pictures_and_texts_in_parts_add_up_to_the_whole() {
    let compute = Compute::new(Isa::detect(), 2);
    let case = Case::new(60, 97, 16, 40);
    let whole = loss::sigmoid(&compute, case.embeddings(), case.pairs(), LINE);
    let mut of_texts = vec![0.0_f32; case.texts.len()];
    let (mut of_images, mut sums) = (Vec::new(), [0.0; 3]);
    for first in (0..60).step_by(20) {
        let images = &case.images[first * 16..(first + 20) * 16];
        let keys = &case.image_keys[first..first + 20];
        let mut part = SigmoidLoss::new(&compute, LINE, 16, images, keys, first, 97);
        for (first, last) in [(0, 50), (50, 97)] {
            let texts = TextPart {
                embeddings: &case.texts[first * 16..last * 16],
                owners: &case.owners[first..last],
                keys: &case.text_keys[first..last],
            };
            let found = part.add(texts);
            let to = &mut of_texts[first * 16..last * 16];
            to.iter_mut().zip(found).for_each(|(sum, part)| *sum += part);
        }
        let found = part.finish();
        of_images.extend(found.images);
        sums = [sums[0] + found.loss, sums[1] + found.scale, sums[2] + found.bias];
    }
    let [loss, scale, bias] = sums;
    let found = LossGradient { loss, images: of_images, texts: of_texts, scale, bias };
    assert!(error(&found, &whole) <= 1e-6, "{}", error(&found, &whole));
}
