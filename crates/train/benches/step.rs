//! Training steps of the default model's shape, one line of JSON for each of three rounds:
//! `cargo bench -p train --bench step -- [bf16|f32] [pictures of a batch] [threads]`. `benches/train/step.py` runs it beside
//! PyTorch.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::time::Instant;

use kernels::{Compute, Isa};
use pixels::RgbImage;
use train::Arithmetic;
use train::initial::{InitialLine, initialise};
use train::loss::Place;
use train::optimiser::{Learning, Optimiser, Rule};
use train::parameters::Parameters;
use train::trainer::{
    Batch, CpuTrainer, Keep, LossKind, PictureInput, Settings, StepSettings, TextInput, Trainer,
};
use weights::{Config, Preprocessing};

const SIZE: u32 = 64;
const STEPS: u32 = 4;
const CONFIG: &str = include_str!("shape.json");

fn batch(config: &Config, count: usize) -> Batch {
    let picture = |index: usize| {
        let pixels = (0..SIZE * SIZE * 3).map(|i| (i as usize * (index + 7) * 31 % 251) as u8);
        RgbImage::from_raw(SIZE, SIZE, pixels.collect()).expect("the pixels fit")
    };
    let tokens = config.text.max_position_embeddings;
    let ids = (0..count * tokens).map(|i| (i * 7919 % config.text.vocab_size) as u32);
    let keys = (0..count as u64).collect::<Vec<_>>();
    Batch {
        pictures: PictureInput::Pictures((0..count).map(picture).collect()),
        texts: TextInput::Ids(ids.collect()),
        owners: (0..count as u32).collect(),
        image_keys: keys.clone(),
        text_keys: keys,
        place: Place { first_image: 0, texts_of_batch: count },
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let arithmetic = match arguments.next().as_deref() {
        Some("f32") => Arithmetic::F32,
        _ => Arithmetic::Bf16,
    };
    let mut number = |default| arguments.next().and_then(|a| a.parse().ok()).unwrap_or(default);
    let (count, threads) = (number(256), number(2));
    let config = Config::from_json(CONFIG.as_bytes()).expect("the shape is one");
    let mut parameters = Parameters::of(&config);
    initialise(&mut parameters, &config, InitialLine::for_texts(count), 1);
    let learning = vec![Learning::Free { rate: 1.0, decay: 1e-4 }; parameters.list().len()];
    let optimiser = Optimiser::new(Rule::default(), &parameters, learning);
    let settings = Settings { arithmetic, keep: Keep::All };
    let preprocessing = Preprocessing::for_vision(&config.vision);
    let compute = Compute::new(Isa::detect(), threads);
    let mut trainer =
        CpuTrainer::new(compute, &config, &preprocessing, settings, parameters, optimiser);
    let batch = batch(&config, count);
    let settings = StepSettings { rate: 1e-4, loss: LossKind::Sigmoid, clip: 1.0 };
    trainer.step(&batch, &settings);
    for _ in 0..3 {
        let began = Instant::now();
        let mut report = trainer.step(&batch, &settings);
        for _ in 1..STEPS {
            report = trainer.step(&batch, &settings);
        }
        let seconds = began.elapsed().as_secs_f64();
        let rate = f64::from(STEPS) * count as f64 / seconds;
        println!("{{\"pictures_per_second\": {rate:.1}, \"loss\": {:.6}}}", report.loss);
    }
}
