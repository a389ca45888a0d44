//! Each stage of both towers against the reference, for each member of the family.

#![expect(clippy::print_stdout, reason = "`--nocapture` shows the measured errors")]

use std::collections::{BTreeMap, HashMap};

use kernels::Isa;
use model::{Engine, Observer, Scoring, Stage};
use weights::{Checkpoint, Tower};

use crate::goldens::{Goldens, largest_angle, relative_error};

/// All committed folders but the one without stages.
const FAMILY: [&str; 4] = ["tiny-base", "tiny-so400m", "tiny-i18n", "tiny-siglip2"];

/// Keeps what it sees; the parts of a batch are put together.
#[derive(Default)]
struct Recorder(HashMap<Stage, Vec<f32>>);

impl Observer for Recorder {
    fn see(&mut self, stage: Stage, values: &[f32]) {
        self.0.entry(stage).or_default().extend_from_slice(values);
    }
}

fn golden_name(tower: &str, stage: Stage) -> String {
    match (tower, stage) {
        (_, Stage::Embeddings) => format!("{tower}.embeddings"),
        (_, Stage::Layer(index)) => format!("{tower}.layers.{index}"),
        ("vision", Stage::Norm) => "vision.post_layernorm".to_owned(),
        (_, Stage::HeadAttention) => "vision.head.attention".to_owned(),
        (_, Stage::Pooled) => "text.pooled".to_owned(),
        other => panic!("{other:?} has no golden"),
    }
}

/// Compares all stages seen, and prints them by name; returns how many there were.
fn compare(goldens: &Goldens, tower: &str, seen: &Recorder, tolerance: f64, label: &str) -> usize {
    let mut errors = BTreeMap::new();
    for (&stage, values) in &seen.0 {
        let name = golden_name(tower, stage);
        let expected = goldens.numbers(&name);
        errors.insert(name, relative_error(&values[..expected.len()], &expected));
    }
    println!("{label}, |found - expected| / |expected| by stage:");
    for (name, error) in &errors {
        println!("  {name:<24} {error:.1e}");
        assert!(*error <= tolerance, "{label}: {name} is off by {error:e}");
    }
    seen.0.len()
}

/// Runs both towers of a folder and compares every stage and the embeddings.
pub(crate) fn check_folder(goldens: &Goldens, isa: Isa, tolerance: f64) {
    let engine = goldens.engine(isa, 2);
    let label = format!("{} on {isa}", goldens.folder.display());
    let layers = |tower: Tower| {
        let checkpoint = Checkpoint::open(&goldens.folder).expect("the checkpoint opens");
        match tower {
            Tower::Vision => checkpoint.config().vision.num_hidden_layers,
            Tower::Text => checkpoint.config().text.num_hidden_layers,
        }
    };

    let pictures = goldens.pictures();
    let pictures = pictures.iter().collect::<Vec<_>>();
    let dimension = engine.dimension(Tower::Vision).expect("there is a vision tower");
    let mut images = vec![0.0; pictures.len() * dimension];
    let mut seen = Recorder::default();
    engine.embed_images(&pictures, &mut images, &mut seen).expect("pictures are embedded");
    let stages = compare(goldens, "vision", &seen, tolerance, &label);
    assert_eq!(stages, layers(Tower::Vision) + 3, "{label}: every vision stage was seen");
    let angle = largest_angle(&images, &goldens.numbers("f64.image_embeds"), dimension);
    assert!(angle <= 1e-9, "{label}: images are off by {angle:e}");

    let ids = goldens.ids();
    let texts = goldens.shape("text.input_ids")[0];
    let mut embeddings = vec![0.0; texts * dimension];
    let mut seen = Recorder::default();
    engine.embed_texts(&ids, &mut embeddings, &mut seen).expect("texts are embedded");
    let stages = compare(goldens, "text", &seen, tolerance, &label);
    assert_eq!(stages, layers(Tower::Text) + 1, "{label}: every text stage was seen");
    let angle = largest_angle(&embeddings, &goldens.numbers("f64.text_embeds"), dimension);
    assert!(angle <= 1e-9, "{label}: texts are off by {angle:e}");

    check_logits(goldens, &images, &embeddings, dimension, &label);
}

/// Every pair's logit and probability, against transformers' f32 run.
pub(crate) fn check_logits(
    goldens: &Goldens,
    images: &[f32],
    texts: &[f32],
    dimension: usize,
    label: &str,
) {
    let checkpoint = Checkpoint::open(&goldens.folder).expect("the checkpoint opens");
    let scale = checkpoint.logit_scale().expect("there is a logit_scale");
    let bias = checkpoint.logit_bias().expect("there is a logit_bias");
    let scoring = Scoring::new(scale, bias);
    let images = model::Embeddings::normalise(dimension, images.to_vec());
    let texts = model::Embeddings::normalise(dimension, texts.to_vec());
    let logits = goldens.numbers("logits_per_image");
    let probabilities = goldens.numbers("probabilities_per_image");
    assert_eq!(logits.len(), images.len() * texts.len(), "{label}: one logit per pair");
    let mut pair = 0;
    for image in images.rows() {
        for text in texts.rows() {
            let score = scoring.score(image, text);
            let off = (f64::from(score.logit) - logits[pair]).abs();
            assert!(off <= 5e-5, "{label}: logit {pair} is off by {off:e}");
            let off = (f64::from(score.probability) - probabilities[pair]).abs();
            assert!(off <= 1.3e-5, "{label}: probability {pair} is off by {off:e}");
            pair += 1;
        }
    }
}

#[test]
fn every_stage_of_every_family_member_equals_transformers_on_every_instruction_set() {
    for isa in Isa::available() {
        for name in FAMILY {
            // Measured: at most 1.2e-6 (see docs/NUMERICS.md).
            check_folder(&Goldens::tiny(name), isa, 3e-6);
        }
    }
}

#[test]
fn half_precision_weights_give_the_reference_computed_from_the_same_rounded_weights() {
    let goldens = Goldens::tiny("tiny-base-f16");
    let engine = goldens.engine(Isa::detect(), 2);
    let pictures = goldens.pictures();
    let pictures = pictures.iter().collect::<Vec<_>>();
    let dimension = engine.dimension(Tower::Vision).expect("there is a vision tower");
    let mut images = vec![0.0; pictures.len() * dimension];
    engine.embed_images(&pictures, &mut images, &mut ()).expect("pictures are embedded");
    let angle = largest_angle(&images, &goldens.numbers("f64.image_embeds"), dimension);
    assert!(angle <= 1e-9, "images are off by {angle:e}");
    let ids = goldens.ids();
    let mut texts = vec![0.0; goldens.shape("text.input_ids")[0] * dimension];
    engine.embed_texts(&ids, &mut texts, &mut ()).expect("texts are embedded");
    let angle = largest_angle(&texts, &goldens.numbers("f64.text_embeds"), dimension);
    assert!(angle <= 1e-9, "texts are off by {angle:e}");
}
