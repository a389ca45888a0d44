//! `polysight score`.

use serde_json::Value;

use crate::golden::{Matrix, assert_same_logit};
use crate::tiny::{PICTURES, TEXTS, Tiny, picture};

#[test]
fn matrices_are_images_by_texts_and_those_of_transformers() {
    let tiny = Tiny::new();
    let run = tiny.run(["score", "--json"]);
    let run = TEXTS.iter().fold(run, |run, text| run.argument("--text").argument(text));
    let run = PICTURES.iter().fold(run, |run, name| run.argument(picture(name)));
    let scores = run.finish().quiet_success().json();
    let golden = Matrix::read("f64.logits_per_image");
    for name in ["cosine", "logit", "probability"] {
        let rows = scores[name].as_array().unwrap();
        assert_eq!(rows.len(), PICTURES.len());
        assert!(rows.iter().all(|row| row.as_array().unwrap().len() == TEXTS.len()));
    }
    let number = |name: &str, image: usize, text: usize| {
        scores[name][image][text].as_f64().expect("a number")
    };
    for image in 0..PICTURES.len() {
        for text in 0..TEXTS.len() {
            let expected = golden.row(image)[text];
            assert_same_logit(number("logit", image, text), expected);
            let probability = 1.0 / (1.0 + (-expected).exp());
            assert!((number("probability", image, text) - probability).abs() < 2e-5);
            assert!(number("cosine", image, text).abs() <= 1.0);
        }
    }
    assert_eq!(scores["texts"], serde_json::json!(TEXTS));
    assert_eq!(scores["images"][2], picture(PICTURES[2]).to_str().unwrap());
}

#[test]
fn the_row_of_a_failed_image_is_made_of_nulls() {
    let tiny = Tiny::new();
    let run = tiny.run(["score", "--json", "--text", "a", "--text", "-b", "/nonexistent/a.png"]);
    let run = run.argument(picture("rgb_61x37.png")).finish();
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr.lines().count(), 1);
    let scores = run.json();
    for name in ["cosine", "logit", "probability"] {
        assert_eq!(scores[name][0], serde_json::json!([Value::Null, Value::Null]));
        assert!(scores[name][1][1].is_number());
    }
}

#[test]
fn the_table_shows_each_text_below_each_picture() {
    let tiny = Tiny::new();
    let run = tiny.run(["score", "--text", "a photo of a cat", "--text", ""]);
    let run = run.argument(picture("rgb_61x37.png")).argument(picture("tall_7x90.png"));
    let run = run.finish().quiet_success();
    let lines = run.text().lines().collect::<Vec<_>>();
    assert_eq!(lines.len(), 6);
    assert!(lines[1].starts_with("  a photo of a cat") && lines[1].contains("cosine"));
    let logit = Matrix::read("f64.logits_per_image").row(0)[0];
    assert!(lines[1].contains(&format!("{logit:.3}")), "{} has not {logit}", lines[1]);
}

#[test]
fn a_score_needs_a_text_and_a_picture() {
    let tiny = Tiny::new();
    tiny.run(["score", "a.png"]).finish().usage_error("--text");
    tiny.run(["score", "--text", "a"]).finish().usage_error("<IMAGE>");
}
