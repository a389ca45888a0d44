//! The full shape of the target, made by `python parity/goldens.py full --out DIR`. Far too large
//! to commit, so this test runs only when it is told where the folder is:
//!
//! ```sh
//! POLYSIGHT_FULL_GOLDENS=DIR/siglip-base-patch16-256-multilingual \
//!     cargo test --release -p model -- --ignored --nocapture full_size
//! ```

use std::path::PathBuf;

use kernels::Isa;
use model::{Engine, Precision, Siglip};
use weights::Tower;

use crate::end_to_end::{embed_pictures, embed_sentences};
use crate::goldens::{Goldens, largest_angle, options};
use crate::precision::loss;
use crate::stages::{check_folder, check_logits};

#[expect(clippy::disallowed_methods, reason = "tests may ask where large goldens are")]
fn folder() -> Goldens {
    let folder = std::env::var_os("POLYSIGHT_FULL_GOLDENS");
    Goldens::open(&PathBuf::from(folder.expect("POLYSIGHT_FULL_GOLDENS names the model folder")))
}

#[test]
#[ignore = "needs the full-size goldens"]
fn full_size_stages_equal_transformers_on_every_instruction_set() {
    for isa in Isa::available() {
        check_folder(&folder(), isa, 3e-6);
    }
}

#[test]
#[ignore = "needs the full-size goldens"]
fn full_size_files_and_sentences_give_the_logits_of_transformers() {
    let goldens = folder();
    for isa in Isa::available() {
        let model = Siglip::open(&goldens.folder, &options(isa)).expect("the model opens");
        let images = embed_pictures(&model, &goldens);
        let texts = embed_sentences(&model, &goldens);
        let dimension = images.dimension();
        let image = largest_angle(images.values(), &goldens.numbers("f64.image_embeds"), dimension);
        let text = largest_angle(texts.values(), &goldens.numbers("f64.text_embeds"), dimension);
        println!("{isa}: 1 - cosine at most {image:.1e} (images), {text:.1e} (texts)");
        assert!(image <= 1e-9 && text <= 1e-9);
        check_logits(&goldens, images.values(), texts.values(), dimension, isa.name());
    }
}

#[test]
#[ignore = "needs the full-size goldens"]
fn full_size_reduced_precision_stays_within_its_limits() {
    // Its kernels are joined to those of the other sets by the property tests.
    let isa = Isa::detect();
    let bf16 = loss(&folder(), Precision::Bf16, isa);
    // Measured 7.6e-5 and 1.0e-4; PyTorch 2.13 in bf16 is off by 2e-4 on this checkpoint.
    assert!(bf16.images <= 1.5e-4 && bf16.texts <= 1.5e-4, "{bf16:?}");
    let int8 = loss(&folder(), Precision::Int8, isa);
    // Measured 1.2e-3 and 1.6e-3, with planted outliers too: this checkpoint makes ten times as much
    // of any rounding as one of default initialisation.
    assert!(int8.images <= 2.5e-3 && int8.texts <= 2.5e-3, "{int8:?}");
}

#[test]
#[ignore = "needs the full-size goldens"]
fn full_size_batches_of_1_to_33_give_the_same_bytes() {
    let goldens = folder();
    let pictures = goldens.pictures();
    let ids = goldens.ids();
    let one = goldens.engine(Isa::detect(), 1);
    let two = goldens.engine(Isa::detect(), 2);
    let dimension = one.dimension(Tower::Vision).expect("there is a vision tower");
    let rows = |engine: &dyn Engine, first: usize, count: usize| {
        let (mut images, mut texts) = (vec![0.0; count * dimension], vec![0.0; count * dimension]);
        let chosen = pictures[first..first + count].iter().collect::<Vec<_>>();
        engine.embed_images(&chosen, &mut images, &mut ()).expect("pictures are embedded");
        let chosen = &ids[first * 64..(first + count) * 64];
        engine.embed_texts(chosen, &mut texts, &mut ()).expect("texts are embedded");
        [images, texts]
    };
    let all = rows(&two, 0, 33);
    for (first, count) in [(0, 1), (32, 1), (5, 2), (1, 7), (10, 16), (0, 32)] {
        let part = [&all[0], &all[1]]
            .map(|rows| rows[first * dimension..(first + count) * dimension].to_vec());
        assert!(rows(&one, first, count) == part, "{count} from {first} on one thread");
        assert!(rows(&two, first, count) == part, "{count} from {first} on two threads");
    }
}
