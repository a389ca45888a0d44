//! `polysight model check --precision int8 …`: what a precision costs on pictures and texts.

use serde_json::Value;

use crate::program::{Finished, Run};
use crate::tiny::{PICTURES, TEXTS, Tiny, goldens, picture};

/// The checks of a precision, in their order.
const CHECKS: [&str; 4] = ["text loss", "picture loss", "rank agreement", "label flips"];

fn check(tiny: &Tiny, precision: &str) -> Run {
    Run::new(["model", "check"]).argument(tiny.path()).argument("--precision").argument(precision)
}

fn with_texts(run: Run) -> Run {
    TEXTS.into_iter().fold(run, |run, text| run.argument("--text").argument(text))
}

/// Name and verdict of the checks behind those that every model goes through.
fn further(report: &Value) -> Vec<[&str; 2]> {
    let checks = report["checks"].as_array().unwrap().iter().skip(7);
    checks.map(|check| ["name", "verdict"].map(|field| check[field].as_str().unwrap())).collect()
}

fn detail<'a>(report: &'a Value, name: &str) -> &'a str {
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks.find(|check| check["name"] == name).unwrap()["detail"].as_str().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_precision_is_measured_on_pictures_and_texts() {
    let tiny = Tiny::new();
    for (precision, least) in [("bf16", 0.999), ("int8", 0.98)] {
        let run = with_texts(check(&tiny, precision)).argument("--json");
        let report = run.argument(goldens().join("pictures")).finish().quiet_success().json();
        assert_eq!(report["verdict"], "ok");
        assert_eq!(further(&report), CHECKS.map(|name| [name, "ok"]));
        let loss = &report["precision_loss"];
        assert_eq!([&loss["precision"], &loss["reference"]], [precision, "f32"]);
        assert_eq!(loss["built_in_texts"], false);
        for (things, count) in [("texts", TEXTS.len()), ("pictures", PICTURES.len())] {
            let cosines = &loss[things];
            assert_eq!(cosines["count"], count);
            let [smallest, mean] = ["least_cosine", "mean_cosine"].map(|of| number(&cosines[of]));
            assert!(least < smallest && smallest <= mean && mean < 1.0, "{precision} {cosines}");
        }
        let scores = &loss["scores"];
        assert_eq!(scores["pairs"], TEXTS.len() * PICTURES.len());
        assert_eq!(scores["rank"]["statistic"], "kendall_tau_b");
        assert_eq!(scores["rank"]["texts_of_a_picture"]["count"], PICTURES.len());
        assert_eq!(scores["rank"]["pictures_of_a_text"]["count"], TEXTS.len());
        assert_eq!(scores["best_text"]["pictures"], PICTURES.len());
        assert!(number(&scores["largest_logit_change"]) > 0.0);
    }
}

/// The same numbers from two runs of `score`.
#[test]
fn the_changes_are_those_between_two_runs_of_the_score_command() {
    let tiny = Tiny::new();
    let score = |precision: &str| {
        let run = with_texts(tiny.run(["score", "--json", "--precision", precision]));
        run.argument(goldens().join("pictures")).finish().quiet_success().json()
    };
    let (exact, reduced) = (score("f32"), score("int8"));
    let numbers = |matrices: &Value, name: &str| {
        let rows = matrices[name].as_array().unwrap().iter();
        let row = |row: &Value| row.as_array().unwrap().iter().map(number).collect::<Vec<_>>();
        rows.map(row).collect::<Vec<_>>()
    };
    let largest = |name: &str| {
        let (exact, reduced) = (numbers(&exact, name), numbers(&reduced, name));
        let pairs = exact.iter().flatten().zip(reduced.iter().flatten());
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    let best = |row: &Vec<f64>| (0..row.len()).max_by(|&i, &j| row[i].total_cmp(&row[j])).unwrap();
    let bests = |matrices: &Value| numbers(matrices, "logit").iter().map(best).collect::<Vec<_>>();
    let changed = bests(&exact).iter().zip(bests(&reduced)).filter(|(a, b)| *a != b).count();

    let run = with_texts(check(&tiny, "int8")).argument("--json");
    let report = run.argument(goldens().join("pictures")).finish().quiet_success().json();
    let scores = &report["precision_loss"]["scores"];
    assert_eq!(scores["best_text"]["changed"], changed);
    // `score` prints as many digits as an f32 has.
    for (field, name) in
        [("largest_logit_change", "logit"), ("largest_probability_change", "probability")]
    {
        let difference = number(&scores[field]) - largest(name);
        assert!(difference.abs() < 1e-5, "{field}: {difference}");
    }
}

#[test]
fn people_read_a_line_for_each_check() {
    let tiny = Tiny::new();
    let run = with_texts(check(&tiny, "int8")).argument(goldens().join("pictures"));
    let run = run.finish().quiet_success();
    let lines = run.text().lines().skip(7).collect::<Vec<_>>();
    let starts = [
        "ok       text loss       int8 against f32, 5 texts: cosine at least 0.9",
        "ok       picture loss    int8 against f32, 7 pictures: cosine at least 0.9",
        "ok       rank agreement  Kendall's tau-b: texts of a picture at least ",
        "ok       label flips     ",
    ];
    assert_eq!(lines.len(), starts.len(), "{}", run.text());
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    assert!(lines[3].contains(" of 7 pictures have another best text"), "{}", lines[3]);
    assert!(lines[3].contains(" of 35 probabilities cross 0.5"), "{}", lines[3]);
}

#[test]
fn without_texts_the_built_in_ones_are_taken_and_it_is_said() {
    let tiny = Tiny::new();
    let run = check(&tiny, "bf16").argument("--json").argument(picture(PICTURES[0]));
    let report = run.finish().quiet_success().json();
    assert_eq!(report["precision_loss"]["built_in_texts"], true);
    assert_eq!(report["precision_loss"]["texts"]["count"], 32);
    assert!(detail(&report, "text loss").contains("32 built-in texts"));
    // One picture is in no order.
    let rank = &report["precision_loss"]["scores"]["rank"];
    assert_eq!(rank["pictures_of_a_text"], Value::Null);
    assert_eq!(rank["texts_of_a_picture"]["count"], 1);
}

#[test]
fn without_pictures_the_texts_are_measured_and_pictures_are_asked_for() {
    let tiny = Tiny::new();
    let run = with_texts(check(&tiny, "int8")).argument("--json");
    let report = run.finish().quiet_success().json();
    let verdicts = further(&report).iter().map(|[_, verdict]| *verdict).collect::<Vec<_>>();
    assert_eq!(verdicts, ["ok", "skipped", "skipped", "skipped"]);
    assert!(detail(&report, "picture loss").contains("pictures are needed"));
    let loss = &report["precision_loss"];
    assert_eq!(loss["texts"]["count"], TEXTS.len());
    assert_eq!([&loss["pictures"], &loss["scores"]], [&Value::Null; 2]);
}

#[test]
fn a_bad_picture_is_named_once_and_the_others_are_measured() {
    let tiny = Tiny::new();
    let folder = tempfile::tempdir().unwrap();
    let (bad, good) = (folder.path().join("a.png"), folder.path().join("b.png"));
    fs_err::write(&bad, "no picture").unwrap();
    fs_err::copy(picture(PICTURES[0]), &good).unwrap();
    let empty = folder.path().join("empty");
    fs_err::create_dir(&empty).unwrap();
    let run = check(&tiny, "int8").argument("--json").argument(&bad).argument(&good);
    let run = run.argument(&empty).finish();
    assert_eq!(run.code, 1);
    let named = |name: &str| run.stderr.lines().filter(|line| line.contains(name)).count();
    assert_eq!([named("a.png"), named("b.png"), named("empty")], [1, 0, 1], "{}", run.stderr);
    let report = run.json();
    assert_eq!(report["verdict"], "ok");
    assert_eq!(report["precision_loss"]["pictures"]["count"], 1);
    assert_eq!(further(&report), CHECKS.map(|name| [name, "ok"]));
}

#[test]
fn pictures_that_are_all_bad_leave_the_texts() {
    let tiny = Tiny::new();
    let run = check(&tiny, "int8").argument("--json").argument("absent.png").finish();
    assert_eq!(run.code, 1);
    let report = run.json();
    assert_eq!(detail(&report, "picture loss"), "none could be read");
    assert_eq!(report["precision_loss"]["texts"]["count"], 32);
    assert_eq!(report["precision_loss"]["scores"], Value::Null);
}

#[test]
fn texts_come_from_a_file_too() {
    let tiny = Tiny::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("texts.txt");
    fs_err::write(&file, "# captions\na red bicycle\n\n  two cats  \n").unwrap();
    let run = check(&tiny, "bf16").argument("--json").argument("--texts-file").argument(&file);
    let run = run.argument("--text").argument("snow");
    let report = run.finish().quiet_success().json();
    assert_eq!(report["precision_loss"]["texts"]["count"], 3);
    fs_err::write(&file, "# nothing\n").unwrap();
    let run = check(&tiny, "bf16").argument("--texts-file").argument(&file).finish();
    run.usage_error("no texts in this file");
}

#[test]
fn f32_is_not_compared_with_itself() {
    let tiny = Tiny::new();
    let report = with_texts(check(&tiny, "f32")).argument("--json").finish().quiet_success().json();
    assert_eq!(further(&report), [["precision loss", "skipped"]]);
    assert_eq!(report.get("precision_loss"), None);
}

#[test]
fn a_precision_alone_changes_nothing_in_the_report() {
    let tiny = Tiny::new();
    let report = check(&tiny, "int8").argument("--json").finish().quiet_success().json();
    assert!(further(&report).is_empty());
    assert_eq!(report.get("precision_loss"), None);
}

#[test]
fn standard_input_is_refused_because_it_is_read_once() {
    let tiny = Tiny::new();
    let run = check(&tiny, "int8").argument("-").finish();
    run.usage_error("standard input can be read once");
}

#[test]
fn embeddings_that_are_not_finite_fail_the_check() {
    let tiny = Tiny::new();
    tiny.overwrite("vision_model.post_layernorm.bias", [0xc0, 0x7f]);
    let run = check(&tiny, "int8").argument("--json").argument(picture(PICTURES[0])).finish();
    assert_eq!(run.code, 1);
    let report = run.json();
    let expected = [("text loss", "ok"), ("picture loss", "failed")];
    for (found, (name, verdict)) in further(&report).iter().zip(expected) {
        assert_eq!(found, &[name, verdict]);
    }
    assert_eq!(detail(&report, "picture loss"), "without a finite embedding: 1");
    assert_eq!(run_lines(&run, PICTURES[0]), 1, "{}", run.stderr);
}

fn run_lines(run: &Finished, name: &str) -> usize {
    run.stderr.lines().filter(|line| line.contains(name)).count()
}
