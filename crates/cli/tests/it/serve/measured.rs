//! `polysight eval --against` a server: what it answers is measured as the engine is.

use serde_json::{Value, json};

use super::server::Server;
use crate::eval::DataSets;
use crate::program::Run;
use crate::tiny::Tiny;

fn against(server: &Server, sets: &DataSets, name: &str) -> Run {
    let address = format!("http://{}/v1/", server.address);
    Run::new(["eval", "--json", "--against", &address]).argument(sets.path(name))
}

fn directly(tiny: &Tiny, sets: &DataSets, name: &str) -> Value {
    tiny.run(["eval", "--json"]).argument(sets.path(name)).finish().quiet_success().json()
}

/// Everything but who computed, and how long.
fn figures(report: &Value) -> Value {
    let mut report = report.clone();
    report["model"] = Value::Null;
    report["seconds"] = Value::Null;
    without_calibration(&mut report);
    report
}

/// Scale and bias are worked out from the server's answers, so that probabilities differ in their last digits.
fn without_calibration(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("calibration");
            object.values_mut().for_each(without_calibration);
        }
        Value::Array(values) => values.iter_mut().for_each(without_calibration),
        _ => {}
    }
}

#[test]
fn a_server_has_the_figures_of_its_engine() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let server = Server::of(&tiny, &[]);
    for name in ["classes", "captions"] {
        let report = against(&server, &sets, name).finish().quiet_success().json();
        let expected = directly(&tiny, &sets, name);
        assert_eq!(figures(&report), figures(&expected));
        assert_eq!(report["model"]["name"], "tiny");
        assert_eq!(report["model"]["fingerprint"], expected["model"]["fingerprint"]);
        let computed_by = report["model"]["computed_by"].as_str().unwrap();
        assert_eq!(computed_by, format!("http://{}/v1", server.address));
    }
}

#[test]
fn scale_and_bias_follow_from_the_servers_own_scores() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let server = Server::of(&tiny, &[]);
    let report = against(&server, &sets, "classes").finish().quiet_success().json();
    let expected = directly(&tiny, &sets, "classes");
    let bins = |report: &Value| {
        report["classification"][0]["calibration"]["best"]["bins"].as_array().unwrap().clone()
    };
    let mut compared = 0;
    for (found, expected) in bins(&report).iter().zip(&bins(&expected)) {
        assert_eq!(found["count"], expected["count"]);
        let number = |bin: &Value| bin["mean_probability"].as_f64().unwrap();
        assert!((number(found) - number(expected)).abs() < 1e-4, "{found} {expected}");
        compared += expected["count"].as_u64().unwrap();
    }
    assert_eq!(compared, 7);
}

#[test]
fn a_server_that_computes_something_else_has_other_figures() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let other = Tiny::new();
    // One number of the text tower, far off: as if texts were padded wrongly.
    other.overwrite("text_model.head.bias", [0x41, 0x40]);
    let server = Server::of(&other, &[]);
    let report = against(&server, &sets, "captions").finish().quiet_success().json();
    let expected = directly(&tiny, &sets, "captions");
    assert_ne!(figures(&report)["retrieval"], figures(&expected)["retrieval"]);
}

#[test]
fn a_picture_that_the_server_refuses_is_named_and_the_others_are_measured() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    sets.write("classes/dog/broken.png", b"\x89PNG\r\n\x1a\nnot really");
    let server = Server::of(&tiny, &[]);
    let run = against(&server, &sets, "classes").finish();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("dog/broken.png: HTTP 4"), "{}", run.stderr);
    let report = run.json();
    assert_eq!(
        (&report["data_set"]["failed"], &report["data_set"]["pictures"]),
        (&json!(1), &json!(8))
    );
}

#[test]
fn a_server_that_still_loads_is_waited_for() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let server = Server::of(&tiny, &["--lazy"]);
    let report = against(&server, &sets, "classes").finish().quiet_success().json();
    assert_eq!(report["data_set"]["failed"], 0);
    assert!(report["classification"][0]["calibration"].is_object(), "the first call was repeated");
}

#[test]
fn a_server_that_fails_ends_the_measurement() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    tiny.overwrite("vision_model.post_layernorm.bias", [0xc0, 0x7f]);
    let server = Server::of(&tiny, &[]);
    let run = against(&server, &sets, "classes").finish();
    assert_eq!((run.code, run.stdout.len()), (1, 0));
    assert!(run.stderr.contains("/embeddings: HTTP 500"), "{}", run.stderr);
}

#[test]
fn the_key_comes_from_a_file_and_without_it_the_server_says_no() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let server = Server::of(&tiny, &["--api-key=first-key"]);
    let run = against(&server, &sets, "classes").finish();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("HTTP 401"), "{}", run.stderr);
    sets.write("key.txt", b"# of the server\nfirst-key\n");
    let run = against(&server, &sets, "classes").argument("--api-key-file");
    run.argument(sets.path("key.txt")).finish().quiet_success();
    let run =
        Run::new(["eval", "--against", "http://127.0.0.1:1/v1"]).argument(sets.path("classes"));
    let run = run.finish();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("http://127.0.0.1:1/v1/models: "), "{}", run.stderr);
}

#[test]
fn a_model_can_be_named_and_one_that_is_not_served_is_an_error() {
    let (tiny, sets) = (Tiny::new(), DataSets::new());
    let server = Server::of(&tiny, &["--alias=clip=tiny"]);
    let named = |name: &str| against(&server, &sets, "classes").argument("--model").argument(name);
    let report = named("clip").finish().quiet_success().json();
    assert_eq!(report["model"]["name"], "clip");
    let run = named("unknown").finish();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("/embeddings: HTTP 404"), "{}", run.stderr);
}
