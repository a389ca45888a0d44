//! Several models: found, loaded, dropped, broken.

use serde_json::{Value, json};

use super::client::Request;
use super::eventually;
use super::server::Server;
use crate::program::Run;
use crate::tiny::Tiny;

fn named(name: &str, tiny: &Tiny) -> String {
    format!("{name}={}", tiny.path().display())
}

/// A model whose numbers are others.
fn other() -> Tiny {
    let other = Tiny::new();
    other.overwrite("text_model.head.bias", [0x40, 0x40]);
    other
}

fn body(model: Option<&str>) -> Value {
    match model {
        Some(model) => json!({ "model": model, "input": "a text" }),
        None => json!({ "input": "a text" }),
    }
}

/// The vector of a text from a model, which is named by the name that it has first.
fn embed(server: &Server, model: Option<&str>, first_name: &str) -> Value {
    let request = Request::post("/v1/embeddings", &body(model)).header("prefer", "wait=60");
    let reply = server.ask(&request).with_status(200).json();
    assert_eq!(reply["model"], first_name);
    reply["data"].clone()
}

fn state(server: &Server, id: &str) -> String {
    let reply = server.get(&format!("/v1/models/{id}")).with_status(200).json();
    reply["state"].as_str().unwrap().to_owned()
}

#[test]
fn each_model_answers_to_its_name_and_its_aliases_and_the_first_to_none() {
    let (tiny, other) = (Tiny::new(), other());
    let other = named("org/other", &other);
    let aliases = ["--alias=clip=tiny", "--alias=vendor/best=org/other"];
    let server = Server::of(&tiny, &[&["--model", &other], &aliases[..]].concat());
    let first = embed(&server, None, "tiny");
    let second = embed(&server, Some("org/other"), "org/other");
    assert_ne!(first, second);
    assert_eq!(embed(&server, Some("tiny"), "tiny"), first);
    assert_eq!(embed(&server, Some("clip"), "tiny"), first);
    assert_eq!(embed(&server, Some("vendor/best"), "org/other"), second);
    assert_eq!(embed(&server, Some(""), "tiny"), first, "empty means default");
    let list = server.get("/v1/models").with_status(200).json();
    let ids = list["data"].as_array().unwrap().iter().map(|model| &model["id"]);
    assert_eq!(ids.collect::<Vec<_>>(), ["tiny", "org/other"]);
    let one = server.get("/v1/models/org/other").with_status(200).json();
    assert_eq!((&one["id"], &one["state"]), (&"org/other".into(), &"ready".into()));
    assert_eq!(one["aliases"], json!(["vendor/best"]));
    for unknown in ["other", "org", "org/other/", "TINY"] {
        let answer = server.post("/v1/embeddings", &body(Some(unknown))).with_status(404);
        assert_eq!(answer.code(), "model_not_found");
    }
    server.get("/v1/models/org").with_status(404);
}

#[test]
fn a_lazy_model_is_loaded_when_it_is_asked_for_and_a_patient_client_gets_its_answer() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--lazy"]);
    assert_eq!(state(&server, "tiny"), "cold");
    let answer = server.post("/v1/embeddings", &body(None)).with_status(503);
    assert_eq!(answer.code(), "model_loading");
    assert_eq!(answer.header("x-should-retry"), None);
    let request = Request::post("/v1/embeddings", &body(None)).header("prefer", "wait=60");
    server.ask(&request).with_status(200);
    assert_eq!(state(&server, "tiny"), "ready");
    server.post("/v1/embeddings", &body(None)).with_status(200);
}

#[test]
fn many_who_wait_for_a_lazy_model_load_it_once() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--lazy"]);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| embed(&server, None, "tiny"));
        }
    });
    assert_eq!(server.log().matches("model loaded").count(), 1);
}

#[test]
fn an_idle_model_goes_and_comes_back_with_the_same_numbers() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--idle-timeout=1s"]);
    let first = embed(&server, None, "tiny");
    eventually("the idle model is dropped", || state(&server, "tiny") == "cold");
    assert_eq!(server.metric("polysight_models_loaded"), 0.0);
    assert_eq!(server.metric("polysight_model_bytes"), 0.0);
    server.get("/ready").with_status(200);
    assert_eq!(embed(&server, None, "tiny"), first);
}

#[test]
fn when_memory_is_short_the_model_that_was_not_used_the_longest_goes() {
    let (tiny, second, third) = (Tiny::new(), other(), Tiny::new());
    let (second, third) = (named("second", &second), named("third", &third));
    let models = ["--lazy", "--model", &second, "--model", &third];
    // What one of them takes, then a server where two fit.
    let server = Server::of(&tiny, &models);
    embed(&server, None, "tiny");
    let one = server.metric("polysight_model_bytes");
    assert!(one > 0.0);
    let memory = format!("--model-memory={}", (2.5 * one) as u64);
    let server = Server::of(&tiny, &[&models[..], &[&memory]].concat());
    let states = || ["tiny", "second", "third"].map(|id| state(&server, id));
    let first = embed(&server, Some("tiny"), "tiny");
    embed(&server, Some("second"), "second");
    embed(&server, Some("tiny"), "tiny");
    assert_eq!(states(), ["ready", "ready", "cold"]);
    embed(&server, Some("third"), "third");
    assert_eq!(states(), ["ready", "cold", "ready"]);
    assert_eq!(server.metric("polysight_models_loaded"), 2.0);
    embed(&server, Some("second"), "second");
    assert_eq!(states(), ["cold", "ready", "ready"]);
    assert_eq!(embed(&server, Some("tiny"), "tiny"), first);
}

#[test]
fn models_that_load_at_the_same_time_share_the_memory() {
    let (tiny, second, third) = (Tiny::new(), other(), Tiny::new());
    let (second, third) = (named("second", &second), named("third", &third));
    let models = ["--model", &second, "--model", &third, "--model-memory=1"];
    let server = Server::of(&tiny, &models);
    assert_eq!(server.metric("polysight_models_loaded"), 1.0);
}

#[test]
fn an_unusable_model_leaves_the_others_serving_and_is_named() {
    let (tiny, broken) = (Tiny::new(), Tiny::new());
    let weights = broken.path().join("model.safetensors");
    let bytes = fs_err::read(&weights).unwrap();
    fs_err::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    let run = Run::new(["serve", "--model", &named("tiny", &tiny)]);
    let server = Server::start(run.argument("--model").argument(named("broken", &broken)));
    assert_eq!([state(&server, "tiny"), state(&server, "broken")], ["ready", "cold"]);
    let ready = server.get("/ready").with_status(503).json();
    assert_eq!(ready["problems"], json!(["broken: cannot be loaded"]));
    embed(&server, None, "tiny");
    // Whoever asks is told, patient or not, and does not make the server try again and again.
    let tries = server.log().matches("cannot be loaded").count();
    for patience in ["wait=0", "wait=5"] {
        let request = Request::post("/v1/embeddings", &body(Some("broken")));
        let answer = server.ask(&request.header("prefer", patience)).with_status(503);
        assert_eq!(answer.code(), "model_unusable");
        let path = broken.path().to_str().unwrap();
        assert!(!answer.text().contains(path), "a path of the machine is nobody's concern");
    }
    assert_eq!(server.log().matches("cannot be loaded").count(), tries);
    server.get("/health").with_status(200);
}

#[test]
fn a_server_without_a_usable_model_does_not_start() {
    let tiny = Tiny::new();
    fs_err::write(tiny.path().join("model.safetensors"), "none").unwrap();
    let ran =
        Run::new(["serve", "--addr", "127.0.0.1:0", "--model", &named("broken", &tiny)]).finish();
    assert_eq!((ran.code, ran.text()), (1, ""));
    for words in ["broken", "model.safetensors", "no model could be loaded"] {
        assert!(ran.stderr.contains(words), "{words:?} is missing from {}", ran.stderr);
    }
}
