//! `polysight eval`.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::golden::Matrix;
use crate::program::Run;
use crate::tiny::{PICTURES, TEXTS, Tiny, picture};

/// Data sets of the golden pictures.
pub(crate) struct DataSets(TempDir);

impl DataSets {
    pub(crate) fn new() -> Self {
        let sets = Self(tempfile::tempdir().unwrap());
        for (index, name) in PICTURES.iter().enumerate() {
            let bytes = fs_err::read(picture(name)).unwrap();
            sets.write(&format!("classes/{}/{name}", ["cat", "dog", "tree"][index % 3]), &bytes);
            sets.write(&format!("captions/{name}"), &bytes);
        }
        // Two languages, turn and turn about.
        let mut lines = String::new();
        for (index, name) in PICTURES.iter().enumerate() {
            let language = ["en", "de"][index % 2];
            let line = json!({"image": name, "caption": TEXTS[index % 4], "language": language});
            writeln!(lines, "{line}").unwrap();
        }
        sets.write("captions/captions_of_goldens.jsonl", lines.as_bytes());
        sets
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }

    fn measure(&self, tiny: &Tiny, name: &str) -> Run {
        tiny.run(["eval", "--json"]).argument(self.path(name))
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number: {value}"))
}

#[test]
fn accuracy_is_what_classify_answers() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let report = sets.measure(&tiny, "classes").finish().quiet_success().json();
    let run = tiny.run(["classify", "--json", "--labels", "cat,dog,tree"]);
    let answers = run.argument(sets.path("classes")).finish().quiet_success().json();
    let mut right = 0;
    for item in answers["data"].as_array().unwrap() {
        let path = item["path"].as_str().unwrap();
        right += usize::from(path.contains(&format!("/{}/", item["prediction"].as_str().unwrap())));
    }
    let result = &report["classification"][0];
    assert_eq!(number(&result["accuracy_at_1"]), right as f64 / 7.0);
    assert_eq!(number(&result["accuracy_at_5"]), 1.0, "there are three classes");
    assert_eq!((&result["pictures"], &result["classes"]), (&json!(7), &json!(3)));
    assert_eq!(result["templates"], json!(["This is a photo of {}."]));
    assert_eq!(report["data_set"]["name"], "classes");
    assert_eq!(report["model"]["fingerprint"], answers["system_fingerprint"]);
    assert!(report["model"]["computed_by"].as_str().unwrap().starts_with("f32 on "));
    assert_eq!(result["calibration"]["pairs"]["count"], 21);
    assert_eq!(result["calibration"]["best"]["count"], 7);
}

/// Ranks of the golden logits: is the answer within the first k?
fn within(scores: &[f64], own: &[usize], k: usize) -> bool {
    let mut order = (0..scores.len()).collect::<Vec<_>>();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    order.iter().take(k).any(|item| own.contains(item))
}

#[test]
fn recall_is_that_of_the_logits_of_transformers() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let mut lines = String::new();
    for (picture, text) in PICTURES.iter().zip(TEXTS).take(4) {
        writeln!(lines, "{}", json!({"image": picture, "caption": text})).unwrap();
    }
    sets.write("captions/own.jsonl", lines.as_bytes());
    let report = sets.measure(&tiny, "captions/own.jsonl").finish().quiet_success().json();
    let found = &report["retrieval"]["languages"][0];
    assert_eq!((&found["pictures"], &found["captions"]), (&json!(4), &json!(4)));
    let logits = Matrix::read("f64.logits_per_image");
    let row = |picture: usize| logits.row(picture)[..4].to_vec();
    let column = |text: usize| (0..4).map(|picture| logits.row(picture)[text]).collect::<Vec<_>>();
    let share = |scores: &dyn Fn(usize) -> Vec<f64>| {
        (0..4).filter(|query| within(&scores(*query), &[*query], 1)).count() as f64 / 4.0
    };
    assert_eq!(number(&found["image_to_text"]["at_1"]), share(&row));
    assert_eq!(number(&found["text_to_image"]["at_1"]), share(&column));
    assert!(share(&row) < 1.0 && share(&column) < 1.0, "the weights are random");
    assert_eq!(number(&found["text_to_image"]["at_5"]), 1.0, "there are four");
}

#[test]
fn each_language_counts_alone_and_one_can_be_asked_for() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let report = sets.measure(&tiny, "captions").finish().quiet_success().json();
    let languages = report["retrieval"]["languages"].as_array().unwrap();
    let codes = languages.iter().map(|one| one["language"].as_str().unwrap());
    assert_eq!(codes.collect::<Vec<_>>(), ["de", "en"]);
    assert_eq!((&languages[0]["pictures"], &languages[1]["pictures"]), (&json!(3), &json!(4)));
    let recall = |language: usize| number(&languages[language]["image_to_text"]["at_1"]);
    let mean = f64::midpoint(recall(0), recall(1));
    assert!((number(&report["retrieval"]["mean_image_to_text"]["at_1"]) - mean).abs() < 1e-12);
    let run = sets.measure(&tiny, "captions").argument("--language").argument("de");
    let report = run.argument("--first-caption").finish().quiet_success().json();
    assert_eq!(report["retrieval"]["languages"].as_array().unwrap().len(), 1);
    assert_eq!(report["retrieval"]["captions"], "first");
}

#[test]
fn class_names_and_templates_of_a_language_are_measured() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    sets.write(
        "babel.json",
        r#"{"DE": [[0, 2], ["Katze", "Baum"]], "FR": [[0, 1, 2], ["chat", "chien", "arbre"]]}"#
            .as_bytes(),
    );
    let run =
        sets.measure(&tiny, "classes").argument("--class-names").argument(sets.path("babel.json"));
    let report = run.finish().quiet_success().json();
    let results = report["classification"].as_array().unwrap();
    assert_eq!((&results[0]["language"], &results[1]["language"]), (&json!("de"), &json!("fr")));
    assert_eq!((&results[0]["classes"], &results[0]["pictures"]), (&json!(2), &json!(5)));
    assert!(results[0]["templates"].as_array().unwrap().contains(&json!("ein Foto: {}")));
    sets.write("templates.txt", b"# two\n{c} in the snow\n\nno more than {}\n");
    let run = sets.measure(&tiny, "classes").argument("--templates-file");
    let report = run.argument(sets.path("templates.txt")).finish().quiet_success().json();
    let expected = json!(["{c} in the snow", "no more than {}"]);
    assert_eq!(report["classification"][0]["templates"], expected);
}

#[test]
fn the_language_of_the_data_sets_own_names_chooses_the_templates() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let run =
        |languages: &str| sets.measure(&tiny, "classes").argument("--language").argument(languages);
    let report = run("de").finish().quiet_success().json();
    assert_eq!(report["classification"][0]["language"], "de");
    let templates = report["classification"][0]["templates"].as_array().unwrap();
    assert!(templates.contains(&json!("ein Foto: {}")));
    run("de,fr").finish().usage_error("--language: the classes of this data set");
}

#[test]
fn texts_that_are_too_long_are_counted_in_a_note() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let long = "the sea and the sky ".repeat(30);
    let line = json!({"image": PICTURES[0], "captions": [long, "short", long]});
    sets.write("captions/long.jsonl", line.to_string().as_bytes());
    let run = sets.measure(&tiny, "captions/long.jsonl").finish();
    assert_eq!(run.code, 0);
    let note = "polysight: texts too long for the model, which lost their end: 2\n";
    assert_eq!(run.stderr, note);
}

#[test]
fn a_broken_picture_is_named_counts_as_wrong_and_makes_the_exit_code_1() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    sets.write("classes/dog/broken.png", b"\x89PNG\r\n\x1a\nnot really");
    let run = sets.measure(&tiny, "classes").finish();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("polysight: dog/broken.png: "), "{}", run.stderr);
    let report = run.json();
    assert_eq!(
        (&report["data_set"]["pictures"], &report["data_set"]["failed"]),
        (&json!(8), &json!(1))
    );
    assert_eq!(report["data_set"]["failures"][0]["key"], "dog/broken.png");
    assert_eq!(report["classification"][0]["pictures"], 8);
}

#[test]
fn the_report_is_a_folder_of_json_markdown_and_charts_and_the_table_is_for_people() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let out = sets.path("new/report");
    for name in ["classes", "captions"] {
        let run = tiny.run(["eval", "--name", "animals"]).argument(sets.path(name));
        let run = run.argument("--out").argument(&out).finish().quiet_success();
        assert!(run.text().contains("animals, 7 pictures"), "{}", run.text());
    }
    let mut files = fs_err::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect::<Vec<_>>();
    files.sort_unstable();
    assert_eq!(
        files,
        [
            "accuracy.svg",
            "confusion.svg",
            "reliability.de.svg",
            "reliability.en.svg",
            "reliability.svg",
            "report.md",
            "result.json",
            "retrieval.svg",
        ]
    );
    let report = fs_err::read_to_string(out.join("report.md")).unwrap();
    assert!(report.contains("## Retrieval") && report.contains("(retrieval.svg)"));
    let json: Value =
        serde_json::from_slice(&fs_err::read(out.join("result.json")).unwrap()).unwrap();
    assert_eq!(json["data_set"]["name"], "animals");
}

#[test]
fn the_same_run_gives_the_same_figures_for_any_number_of_threads() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let measured = |threads: &str| {
        let run = sets.measure(&tiny, "captions").argument("--threads").argument(threads);
        let mut report = run.finish().quiet_success().json();
        report["seconds"] = Value::Null;
        report
    };
    assert_eq!(measured("1"), measured("3"));
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    tiny.run(["eval"]).finish().usage_error("DATASET");
    let run = |arguments: &[&str]| {
        let run = tiny.run(["eval"]).argument(sets.path("classes"));
        arguments.iter().fold(run, Run::argument).finish()
    };
    run(&["--template", "no place"]).usage_error("--template: the template \"no place\"");
    run(&["--wanted-precision", "1.5"]).usage_error("from 0 to 1");
    run(&["--against", "localhost:8080"])
        .usage_error("--against: \"localhost:8080\" is no address");
    run(&["--against", "http://x/v1", "--precision", "bf16"]).usage_error("cannot be used with");
    run(&["--api-key-file", "keys"]).usage_error("--against");
    run(&["--precision", "f8"]).usage_error("--precision: ");
    let run = tiny.run(["eval", "--class-names", "x.txt"]).argument(sets.path("captions"));
    run.finish().usage_error("--class-names: the pictures of this data set have captions");
}

#[test]
fn a_data_set_that_is_none_is_an_error_with_its_name() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    sets.write("broken/captions.jsonl", b"{\"image/key\": \"../../x\"}\n");
    sets.write("tar/0.tar", &[1; 2000]);
    for (name, expected) in [
        ("nothing", "nothing"),
        ("broken", "captions.jsonl, line 1: the picture \"../../x.jpg\" is not a path below"),
        ("tar", "0.tar: no tar"),
    ] {
        let run = sets.measure(&tiny, name).finish();
        assert_eq!((run.code, run.stdout.len()), (1, 0), "{}", run.stderr);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    }
}

#[test]
fn results_stand_above_the_published_figures() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let out = sets.path("report");
    let run = tiny.run(["eval", "--name", "imagenet"]).argument(sets.path("classes"));
    run.argument("--out").argument(&out).finish().quiet_success();
    let result = out.join("result.json");
    let chart = sets.path("chart.svg");
    let run = Run::new(["eval", "compare", "--json", "--out"]).argument(&chart).argument(&result);
    let reply = run.finish().quiet_success().json();
    let figures = reply["figures"].as_array().unwrap();
    let report: Value = serde_json::from_slice(&fs_err::read(&result).unwrap()).unwrap();
    assert_eq!(figures[0]["model"], report["model"]["name"]);
    assert_eq!(
        (&figures[0]["benchmark"], &figures[0]["metric"]),
        (&json!("ImageNet"), &json!("acc@1"))
    );
    let percent = 100.0 * number(&report["classification"][0]["accuracy_at_1"]);
    assert!((number(&figures[0]["percent"]) - percent).abs() < 1e-9);
    assert_eq!(figures[0]["url"], result.to_str().unwrap());
    let siglip = figures.iter().find(|figure| figure["model"] == "SigLIP").unwrap();
    assert_eq!(
        (number(&siglip["percent"]), &siglip["url"]),
        (76.2, &json!("https://arxiv.org/abs/2303.15343"))
    );
    let svg = fs_err::read_to_string(&chart).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("measured with polysight"));
    let run = Run::new(["eval", "compare"]).finish().quiet_success();
    assert!(run.text().contains("| CLIP | B, 196 patches | 68.3 [1] |"), "{}", run.text());
}

#[test]
fn a_file_that_is_no_result_is_named() {
    let sets = DataSets::new();
    sets.write("other.json", b"{\"object\": \"list\"}");
    let run = Run::new(["eval", "compare"]).argument(sets.path("other.json")).finish();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("other.json: no report of an evaluation"), "{}", run.stderr);
}
