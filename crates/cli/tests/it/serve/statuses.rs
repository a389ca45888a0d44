//! Every status of the contract, provoked.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::status_support::{Header, Server};
use crate::tiny::Tiny;

/// What the tests below provoke; the document promises the same, and 405 goes without saying.
const PROVOKED: [u16; 11] = [200, 400, 401, 404, 408, 413, 415, 422, 429, 500, 503];

/// A PNG of 8x8 pixels.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mP4z8CAFTEMLQkAKP8/wc53yE8AAAAASUVORK5CYII=";

/// The same without its last third.
const BROKEN_PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR4";

fn text() -> Value {
    json!({ "input": "a cat" })
}

fn image(base64: &str) -> Value {
    json!({ "input": [{ "image": base64 }] })
}

#[test]
fn the_document_promises_exactly_the_statuses_that_these_tests_provoke() {
    let server = Server::start(&["--lazy"]);
    let document = server.get("/openapi.json").good().body;
    let mut promised = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let responses = operation["responses"].as_object().unwrap();
            promised.extend(responses.keys().map(|status| status.parse::<u16>().unwrap()));
        }
    }
    assert_eq!(promised, BTreeSet::from(PROVOKED));
}

#[test]
fn what_is_wrong_with_a_request_decides_its_status() {
    let server = Server::start(&["--max-body", "1MiB", "--max-image", "1KiB"]).ready();
    let post = |body: &Value| server.post("/v1/embeddings", body);
    post(&text()).good();
    post(&image(PNG)).good();
    post(&json!({ "input": 3 })).error(400, "invalid_value");
    post(&json!({ "input": "a cat", "model": "large" })).error(404, "model_not_found");
    // More than the system's buffers hold: the client hears the reason only if the server lets it finish.
    post(&json!({ "input": "a".repeat(32 << 20) })).error(413, "body_too_large");
    post(&image(&"iVBORw0KGgoA".repeat(200))).error(413, "image_too_large");
    post(&image("bm8gaW1hZ2U=")).error(415, "image_unsupported");
    post(&image(BROKEN_PNG)).error(422, "image_undecodable");
    server.get("/v1/embeddings").error(405, "method_not_allowed");
    assert_eq!(server.get("/v1/embeddings").header("allow"), "POST");
    server.get("/v1/nothing").error(404, "path_not_found");
    server.get("/v1/models/large").error(404, "model_not_found");
    let form = Header("content-type", "multipart/form-data; boundary=x");
    let answer = server.post_with("/v1/embeddings", &text(), [form]);
    answer.error(415, "unsupported_content_type");
}

#[test]
fn no_key_and_an_unknown_key_are_401_and_say_how_to_show_one() {
    let server = Server::start(&["--lazy"]);
    for (key, code) in [("Basic a-key", "missing_api_key"), ("Bearer another", "invalid_api_key")] {
        let header = Header("authorization", key);
        let answer = server.post_with("/v1/embeddings", &text(), [header]);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        answer.error(401, code);
    }
    let large = json!({ "input": "a".repeat(32 << 20) });
    let header = Header("authorization", "Bearer another");
    server.post_with("/v1/embeddings", &large, [header]).error(401, "invalid_api_key");
    server.get("/health").good();
}

#[test]
fn a_body_that_stops_coming_is_408() {
    let server = Server::start(&["--lazy", "--body-timeout", "1"]);
    let answer = server.without_its_body("/v1/embeddings", 100).answer();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains(r#""code":"request_timeout""#), "{answer}");
}

#[test]
fn a_used_up_minute_is_429_and_says_when_to_come_again() {
    let server = Server::start(&["--requests-per-minute", "1"]);
    let first = server.get("/v1/models").good();
    assert_eq!(first.header("x-ratelimit-remaining-requests"), "0");
    let second = server.get("/v1/models");
    second.error(429, "rate_limit_exceeded");
    assert!((1..=60).contains(&second.retry_after()), "{}", second.retry_after());
}

#[test]
fn a_broken_model_is_500_and_no_retry_can_help() {
    let tiny = Tiny::new();
    tiny.overwrite("vision_model.post_layernorm.bias", [0xc0, 0x7f]);
    let server = Server::of(tiny, &[]);
    let wait = Header("prefer", "wait=60");
    let answer = server.post_with("/v1/embeddings", &image(PNG), [wait]);
    answer.error(500, "embedding_not_finite");
    assert_eq!(answer.header("x-should-retry"), "false");
    server.post("/v1/embeddings", &text()).good();
}

#[test]
fn a_cold_model_is_503_until_it_is_loaded_and_a_patient_client_waits_for_it() {
    let server = Server::start(&["--lazy"]);
    let cold = server.post("/v1/embeddings", &text());
    cold.error(503, "model_loading");
    assert!((1..=120).contains(&cold.retry_after()));
    let wait = Header("prefer", "wait=60");
    server.post_with("/v1/embeddings", &text(), [wait]).good();
    server.post("/v1/embeddings", &text()).good();
}
