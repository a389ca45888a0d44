//! `polysight classify`.

use serde_json::Value;

use crate::golden::{Matrix, assert_same_logit};
use crate::program::Run;
use crate::tiny::{PICTURES, TEXTS, Tiny, picture};

/// The golden texts as labels that no template changes.
fn as_they_are(tiny: &Tiny) -> Run {
    let file = tiny.path().join("labels.txt");
    fs_err::write(&file, format!("\u{feff}# golden texts\r\n\r\n{}\n", TEXTS.join("\n"))).unwrap();
    tiny.run(["classify", "--template", "none", "--labels-file"]).argument(file)
}

fn with_pictures(run: Run) -> Run {
    PICTURES.iter().fold(run, |run, name| run.argument(picture(name)))
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn the_reply_has_the_shape_of_the_api_and_the_numbers_of_transformers() {
    let tiny = Tiny::new();
    let run = with_pictures(as_they_are(&tiny)).argument("--json").finish();
    let reply = run.quiet_success().json();
    assert_eq!(reply["object"], "list");
    assert_eq!(reply["model"], tiny.path().file_name().unwrap().to_str().unwrap());
    let fingerprint = reply["system_fingerprint"].as_str().unwrap();
    assert!(fingerprint.starts_with("fp_") && fingerprint.len() == 15);
    assert_eq!(reply["score_mode"], "relative");
    assert_eq!(reply["templates"], serde_json::json!(["none"]));
    let usage = &reply["usage"];
    assert_eq!((usage["images"].clone(), usage["labels"].clone()), (7.into(), 4.into()));
    for name in ["cached_images", "cached_labels", "cost"] {
        assert_eq!(usage[name], 0);
    }
    assert!(usage["prompt_tokens"].as_u64().unwrap() > 4);
    assert_eq!(usage["prompt_tokens"], usage["total_tokens"]);
    let data = reply["data"].as_array().unwrap();
    assert_eq!(data.len(), PICTURES.len());
    let logits = Matrix::read("f64.logits_per_image");
    for (index, item) in data.iter().enumerate() {
        assert_eq!(item["object"], "classification");
        assert_eq!(item["index"], index);
        assert_eq!(item["path"], picture(PICTURES[index]).to_str().unwrap());
        check_predictions(item, &logits.row(index)[..4]);
    }
}

/// All four labels, best first, with scores that follow from the golden logits.
fn check_predictions(item: &Value, logits: &[f64]) {
    let predictions = item["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), 4, "the empty line is no label");
    assert_eq!(item["prediction"], predictions[0]["label"]);
    assert_eq!(item["score"], predictions[0]["score"]);
    let sum = logits.iter().map(|logit| logit.exp()).sum::<f64>();
    let mut last = f64::INFINITY;
    for (rank, prediction) in predictions.iter().enumerate() {
        let label = prediction["label"].as_str().unwrap();
        let place = TEXTS.iter().position(|text| *text == label).unwrap();
        let logit = number(&prediction["logit"]);
        assert_same_logit(logit, logits[place]);
        assert!(logit <= last, "the best come first");
        last = logit;
        let probability = 1.0 / (1.0 + (-logits[place]).exp());
        assert!((number(&prediction["probability"]) - probability).abs() < 2e-5);
        assert!((number(&prediction["relative"]) - logits[place].exp() / sum).abs() < 5e-5);
        assert_eq!(prediction["score"], prediction["relative"]);
        assert_eq!(prediction["selected"], rank == 0);
        assert!(number(&prediction["cosine"]).abs() <= 1.0);
    }
}

#[test]
fn with_multi_label_the_score_is_the_probability_and_the_threshold_selects() {
    let tiny = Tiny::new();
    let arguments = ["--multi-label", "--threshold", "0.001", "--json", "--top-k", "3"];
    let run = with_pictures(as_they_are(&tiny));
    let run = arguments.iter().fold(run, Run::argument);
    let reply = run.finish().quiet_success().json();
    assert_eq!(reply["score_mode"], "probability");
    let mut selected = 0;
    for item in reply["data"].as_array().unwrap() {
        let predictions = item["predictions"].as_array().unwrap();
        assert_eq!(predictions.len(), 3);
        for prediction in predictions {
            assert_eq!(prediction["score"], prediction["probability"]);
            let above = number(&prediction["score"]) >= 0.001;
            assert_eq!(prediction["selected"], above);
            selected += usize::from(above);
        }
    }
    assert!((1..21).contains(&selected), "the threshold divides the labels: {selected}");
}

#[test]
fn a_threshold_above_the_best_score_selects_nothing() {
    let tiny = Tiny::new();
    let run = tiny.run(["classify", "--labels", "cat,dog", "--threshold", "1", "--json"]);
    let reply = run.argument(picture("rgb_61x37.png")).finish().quiet_success().json();
    let item = &reply["data"][0];
    assert_eq!(item["predictions"][0]["selected"], false);
    assert_eq!(item["prediction"], item["predictions"][0]["label"], "the best is still named");
}

#[test]
fn absent_templates_are_auto_and_auto_is_stated() {
    let tiny = Tiny::new();
    let run = |template: &[&str]| {
        let run = tiny.run(["classify", "--labels", "cat, dog,,", "--json"]);
        let run = template.iter().fold(run, Run::argument);
        run.argument(picture("rgb_61x37.png")).finish().quiet_success().json()
    };
    let absent = run(&[]);
    let auto = run(&["--template", "auto"]);
    let written = run(&["--template", "This is a photo of {}."]);
    let other = run(&["--template", "{c}", "--template", "de"]);
    assert_eq!(absent["templates"], serde_json::json!(["auto"]));
    assert_eq!(absent, auto);
    assert_eq!(absent["data"], written["data"]);
    assert_eq!(other["templates"], serde_json::json!(["{c}", "de"]));
    assert_ne!(absent["data"], other["data"]);
    assert_eq!(absent["usage"]["labels"], 2, "empty labels do not count");
}

#[test]
fn standard_input_is_a_picture() {
    let tiny = Tiny::new();
    let bytes = fs_err::read(picture("tall_7x90.png")).unwrap();
    let run = tiny.run(["classify", "--labels", "cat,dog", "--json", "-"]);
    let piped = run.finish_with_input(&bytes).quiet_success().json();
    let run = tiny.run(["classify", "--labels", "cat,dog", "--json"]);
    let named = run.argument(picture("tall_7x90.png")).finish().quiet_success().json();
    assert_eq!(piped["data"][0]["path"], "-");
    assert_eq!(piped["data"][0]["predictions"], named["data"][0]["predictions"]);
}

#[test]
fn the_table_is_aligned_also_for_wide_characters_and_has_no_colours_in_a_pipe() {
    let tiny = Tiny::new();
    let labels = "cat,dog,猫の写真,a label of more than forty columns which is cut,bird,house,tree";
    let run = tiny.run(["classify", "--labels", labels]);
    let run = run.argument(picture("rgb_61x37.png")).finish().quiet_success();
    let lines = run.text().lines().collect::<Vec<_>>();
    assert_eq!(lines[0], picture("rgb_61x37.png").to_str().unwrap());
    assert_eq!(lines.len(), 6, "a heading and five labels");
    assert!(!run.text().contains('\u{1b}'));
    let columns = |line: &str| {
        let before = line.split(" %").next().unwrap();
        before.chars().map(|c| if ('\u{3040}'..'\u{a000}').contains(&c) { 2 } else { 1 }).sum()
    };
    let widths = lines[1..].iter().map(|line| columns(line)).collect::<Vec<usize>>();
    assert!(widths.iter().all(|width| *width == widths[0]), "{widths:?}\n{}", run.text());
}

#[test]
fn labels_and_templates_that_make_no_sense_are_usage_errors() {
    let tiny = Tiny::new();
    let run = |arguments: &[&str]| {
        let run = tiny.run(["classify"]).argument(picture("rgb_61x37.png"));
        arguments.iter().fold(run, Run::argument).finish()
    };
    run(&[]).usage_error("--labels \"cat,dog\"");
    run(&["--labels", " , "]).usage_error("--labels \"cat,dog\"");
    run(&["--labels", "a", "--labels-file", "b"]).usage_error("cannot be used with");
    run(&["--labels", "a", "--template", "no place"]).usage_error("no place");
    run(&["--labels", "a", "--threshold", "1.5"]).usage_error("from 0 to 1");
    run(&["--labels", "a", "--threshold", "-0.1"]).usage_error("from 0 to 1");
    run(&["--labels", "a", "--threshold", "NaN"]).usage_error("from 0 to 1");
    run(&["--labels", "a", "--top-k", "0"]).usage_error("--top-k");
    let missing = run(&["--labels-file", "/nonexistent/labels"]);
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("/nonexistent/labels"));
}

#[test]
fn a_label_that_comes_twice_counts_once_and_is_noted() {
    let tiny = Tiny::new();
    let run = tiny.run(["classify", "--labels", "cat,dog,cat", "--json"]);
    let run = run.argument(picture("rgb_61x37.png")).finish();
    assert_eq!(run.code, 0);
    assert_eq!(run.stderr, "polysight: the label \"cat\" was given twice and counts once\n");
    assert_eq!(run.json()["usage"]["labels"], 2);
}

#[test]
fn a_prompt_that_is_too_long_is_named_unless_quiet() {
    let tiny = Tiny::new();
    let long = "the sea and the sky ".repeat(30);
    let arguments = ["classify", "--template", "none", "--labels", &long];
    let run = tiny.run(arguments).argument(picture("rgb_61x37.png")).finish();
    assert_eq!(run.code, 0);
    assert!(run.stderr.contains("too long") && run.stderr.contains(long.trim()));
    let run = tiny.run(arguments).argument(picture("rgb_61x37.png"));
    run.argument("--quiet").finish().quiet_success();
}
