//! The same input gives the same bytes for any batch, order and number of threads.

use kernels::Isa;
use model::{Engine, Precision};
use pixels::RgbImage;
use weights::Tower;

use crate::goldens::Goldens;

/// Embeds the pictures and texts of `order`, taken from the goldens again and again.
fn embed(engine: &dyn Engine, goldens: &Goldens, order: &[usize]) -> Vec<Vec<f32>> {
    let pictures = goldens.pictures();
    let ids = goldens.ids();
    let tokens = goldens.shape("text.input_ids")[1];
    let dimension = engine.dimension(Tower::Vision).expect("there is a vision tower");
    let chosen = order.iter().map(|&i| &pictures[i % pictures.len()]).collect::<Vec<&RgbImage>>();
    let mut images = vec![0.0; order.len() * dimension];
    engine.embed_images(&chosen, &mut images, &mut ()).expect("pictures are embedded");
    let count = ids.len() / tokens;
    let chosen = order.iter().flat_map(|&i| ids[i % count * tokens..][..tokens].to_vec());
    let mut texts = vec![0.0; order.len() * dimension];
    engine
        .embed_texts(&chosen.collect::<Vec<_>>(), &mut texts, &mut ())
        .expect("texts are embedded");
    let pairs = images.chunks_exact(dimension).zip(texts.chunks_exact(dimension));
    pairs.map(|(image, text)| [image, text].concat()).collect()
}

#[test]
fn batches_1_to_33_in_any_order_on_any_thread_count_give_the_same_bytes() {
    for isa in Isa::available() {
        for name in ["tiny-base", "tiny-so400m"] {
            let goldens = Goldens::tiny(name);
            let single = goldens.engine(isa, 1);
            // Alone, one by one: 6 is a multiple of the number of pictures and of texts.
            let alone = (0..6).flat_map(|i| embed(&single, &goldens, &[i])).collect::<Vec<_>>();
            for (threads, batch) in [(1, 33), (2, 1), (2, 2), (2, 32), (2, 33), (3, 7), (5, 19)] {
                let engine = goldens.engine(isa, threads);
                let order = (0..batch).map(|i| i * 5 % 6).collect::<Vec<_>>();
                for (row, &i) in embed(&engine, &goldens, &order).iter().zip(&order) {
                    assert!(*row == alone[i], "{name}, {isa}, {threads} threads, batch {batch}");
                }
            }
        }
    }
}

#[test]
fn many_callers_at_once_get_what_one_gets() {
    let goldens = Goldens::tiny("tiny-base");
    let engine = goldens.engine(Isa::detect(), 2);
    let alone = embed(&engine, &goldens, &[0, 1, 2]);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert!(embed(&engine, &goldens, &[0, 1, 2]) == alone);
                }
            });
        }
    });
}

/// The rows of pads that the text tower knows beforehand are the rows it would compute.
#[test]
fn a_text_gives_the_same_bytes_whatever_id_the_configuration_calls_padding() {
    let goldens = Goldens::tiny("tiny-base");
    let ids = goldens.ids();
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["model.safetensors", "preprocessor_config.json", "goldens.safetensors"] {
        fs_err::copy(goldens.folder.join(name), folder.path().join(name)).expect("a copy");
    }
    let config = fs_err::read(goldens.folder.join("config.json")).expect("a configuration");
    let mut config: serde_json::Value = serde_json::from_slice(&config).expect("JSON");
    let other = ids.iter().copied().find(|&id| id != 1).expect("a token that is no padding");
    config["text_config"]["pad_token_id"] = other.into();
    fs_err::write(folder.path().join("config.json"), config.to_string()).expect("written");
    assert!(ids.iter().filter(|&&id| id == 1).count() > 10, "there is padding");
    for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
        let texts = [goldens.folder.as_path(), folder.path()].map(|folder| {
            let engine = Goldens::open(folder).engine_in(precision, Isa::detect(), 2);
            let dimension = engine.dimension(Tower::Text).expect("there is a text tower");
            let mut out = vec![0.0; ids.len() / 64 * dimension];
            engine.embed_texts(&ids, &mut out, &mut ()).expect("texts are embedded");
            out
        });
        assert!(texts[0] == texts[1], "in {precision}");
    }
}
