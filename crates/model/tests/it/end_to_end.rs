//! From files and sentences to logits, against transformers' processor, tokenizer and model.

use model::{Embeddings, Siglip};

use crate::folder::end_to_end;
use crate::goldens::{Goldens, largest_angle, open};
use crate::stages::check_logits;

struct Inputs {
    pictures: Vec<String>,
    texts: Vec<String>,
}

fn inputs(goldens: &Goldens) -> Inputs {
    let json = fs_err::read(goldens.folder.join("inputs.json")).expect("the inputs are listed");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("the list is JSON");
    let list = |name: &str| {
        let values = json[name].as_array().unwrap_or_else(|| panic!("{name} is a list"));
        values.iter().map(|value| value.as_str().expect("a string").to_owned()).collect()
    };
    Inputs { pictures: list("pictures"), texts: list("texts") }
}

pub(crate) fn embed_pictures(model: &Siglip, goldens: &Goldens) -> Embeddings {
    let prepare = |name: &String| {
        let bytes = fs_err::read(goldens.folder.join(name)).expect("the picture is there");
        model.preprocessor().prepare(&bytes).expect("the picture is decoded")
    };
    let pictures = inputs(goldens).pictures.iter().map(prepare).collect::<Vec<_>>();
    for (found, expected) in pictures.iter().zip(goldens.pictures()) {
        assert!(found.data() == expected.data(), "resized pixels are equal to the bit");
    }
    model.embed_images(&pictures.iter().collect::<Vec<_>>()).expect("pictures are embedded")
}

pub(crate) fn embed_sentences(model: &Siglip, goldens: &Goldens) -> Embeddings {
    let texts = inputs(goldens).texts;
    let encodings = texts.iter().map(|text| model.tokenize(text).expect("a text is encoded"));
    let encodings = encodings.collect::<Vec<_>>();
    let ids = encodings.iter().flat_map(|encoding| encoding.ids.clone()).collect::<Vec<_>>();
    assert_eq!(ids, goldens.ids(), "token ids are equal");
    model.embed_texts(&encodings).expect("texts are embedded")
}

#[test]
fn files_and_sentences_give_the_logits_of_transformers() {
    let goldens = Goldens::tiny("tiny-end-to-end");
    let folder = end_to_end();
    let model = open(&folder);
    let images = embed_pictures(&model, &goldens);
    let texts = embed_sentences(&model, &goldens);
    let dimension = images.dimension();
    let angle = largest_angle(images.values(), &goldens.numbers("f64.image_embeds"), dimension);
    assert!(angle <= 1e-9, "images are off by {angle:e}");
    let angle = largest_angle(texts.values(), &goldens.numbers("f64.text_embeds"), dimension);
    assert!(angle <= 1e-9, "texts are off by {angle:e}");
    check_logits(&goldens, images.values(), texts.values(), dimension, "end to end");
}
