//! What cannot be computed is refused by name.

use kernels::Isa;
use model::Engine;
use pixels::RgbImage;
use weights::Tower;

use crate::folder::end_to_end;
use crate::goldens::{Goldens, open};

#[test]
fn a_token_id_beyond_the_table_is_an_error_and_no_read() {
    let goldens = Goldens::tiny("tiny-base");
    let engine = goldens.engine(Isa::detect(), 1);
    let mut ids = goldens.ids()[..64].to_vec();
    ids[5] = 4_000_000_000;
    let mut out = vec![0.0; engine.dimension(Tower::Text).expect("there is a text tower")];
    let error = engine.embed_texts(&ids, &mut out, &mut ()).expect_err("the id is beyond");
    assert!(
        error.to_string().starts_with("token id 4000000000 is beyond the table of "),
        "{error}"
    );
}

#[test]
fn a_picture_of_another_size_is_named_with_its_place() {
    let goldens = Goldens::tiny("tiny-base");
    let engine = goldens.engine(Isa::detect(), 1);
    let good = &goldens.pictures()[0];
    let bad = RgbImage::from_raw(2, 3, vec![0; 18]).expect("a whole picture");
    let mut out = vec![0.0; 2 * engine.dimension(Tower::Vision).expect("there is a tower")];
    let error = engine.embed_images(&[good, &bad], &mut out, &mut ()).expect_err("a wrong size");
    assert_eq!(error.to_string(), "picture 1 is 2x3 pixels; the vision tower takes 32x32");
}

#[test]
fn a_model_without_a_tokenizer_embeds_pictures_and_names_what_a_text_lacks() {
    let goldens = Goldens::tiny("tiny-base");
    let model = open(&goldens.folder);
    let pictures = goldens.pictures();
    assert_eq!(model.embed_images(&[&pictures[0]]).expect("a picture is embedded").len(), 1);
    let error = model.tokenize("a cat").expect_err("there is no tokenizer").to_string();
    assert!(error.contains("spiece.model") && error.contains("tiny-base"), "{error}");
}

#[test]
fn no_pictures_and_no_texts_give_no_rows() {
    let folder = end_to_end();
    let model = open(&folder);
    assert!(model.embed_images(&[]).expect("nothing to do").is_empty());
    let no_texts: [tokens::Encoding; 0] = [];
    assert!(model.embed_texts(&no_texts).expect("nothing to do").is_empty());
}
