//! What the server has computed before.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::base64;
use super::server::Server;
use crate::tiny::{PICTURES, Tiny, picture};

fn bytes(name: &str) -> Vec<u8> {
    fs_err::read(picture(name)).unwrap()
}

/// The name by which the server may know a picture.
fn held(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    format!("sha256:{}", digits.collect::<String>())
}

fn embed(server: &Server, parts: &[Value]) -> Value {
    server.post("/v1/embeddings", &json!({ "input": parts })).with_status(200).json()
}

#[test]
fn a_picture_is_computed_once_and_known_by_its_hash() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    let pictures = PICTURES.map(|name| json!({ "image": base64(&bytes(name)) }));
    let first = embed(&server, &pictures);
    let second = embed(&server, &pictures);
    assert_eq!(first["data"], second["data"]);
    assert_eq!(
        (&first["usage"]["images"], &first["usage"]["cached_images"]),
        (&7.into(), &0.into())
    );
    assert_eq!(second["usage"]["cached_images"], 7);
    let hashes = PICTURES.map(|name| json!({ "image": held(&bytes(name)) }));
    let third = embed(&server, &hashes);
    assert_eq!(third["data"], first["data"]);
    assert_eq!(third["usage"]["cached_images"], 7);
    assert_eq!(server.metric("polysight_embedded_total{model=\"tiny\",tower=\"vision\"}"), 7.0);
    assert_eq!(server.metric("polysight_cache_hits_total{cache=\"images\"}"), 14.0);
    assert!(server.metric("polysight_cache_bytes{cache=\"images\"}") > 0.0);
}

#[test]
fn a_hash_that_is_not_held_is_not_found_and_a_wrong_one_is_invalid() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    let ask =
        |image: &str| server.post("/v1/embeddings", &json!({ "input": [{ "image": image }] }));
    assert_eq!(ask(&held(b"nobody sent this")).with_status(404).code(), "image_not_found");
    for wrong in ["sha256:", "sha256:00", &format!("sha256:{}", "g".repeat(64))] {
        assert_eq!(ask(wrong).with_status(400).code(), "invalid_image");
    }
}

#[test]
fn a_picture_of_another_model_is_not_held() {
    let (tiny, other) = (Tiny::new(), Tiny::new());
    let model = format!("other={}", other.path().display());
    let server = Server::of(&tiny, &["--model", &model]);
    let good = bytes("rgb_61x37.png");
    embed(&server, &[json!({ "image": base64(&good) })]);
    let body = json!({ "model": "other", "input": [{ "image": held(&good) }] });
    server.post("/v1/embeddings", &body).with_status(404);
}

#[test]
fn without_memory_for_caches_all_is_computed_again() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--image-cache=0", "--label-cache=0"]);
    let good = bytes("rgb_61x37.png");
    let body = json!({ "input": [{ "image": base64(&good) }], "labels": ["a cat", "a dog"] });
    let classify = || server.post("/v1/classify", &body).with_status(200).json();
    let (first, second) = (classify(), classify());
    assert_eq!(first, second);
    assert_eq!(second["usage"]["cached_images"], 0);
    assert_eq!(second["usage"]["cached_labels"], 0);
    let body = json!({ "input": [{ "image": held(&good) }] });
    server.post("/v1/embeddings", &body).with_status(404);
}

#[test]
fn a_thousand_labels_are_computed_once() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    let labels = (0..1000).map(|number| format!("thing {number}")).collect::<Vec<_>>();
    let input = [json!({ "image": base64(&bytes("tall_7x90.png")) })];
    let classify = |labels: &[String]| {
        let body = json!({ "input": input, "labels": labels });
        server.post("/v1/classify", &body).with_status(200).json()
    };
    let first = classify(&labels);
    let computed = || server.metric("polysight_embedded_total{model=\"tiny\",tower=\"text\"}");
    let once = computed();
    let second = classify(&labels);
    assert_eq!(first["data"], second["data"]);
    assert_eq!(
        (&first["usage"]["cached_labels"], &second["usage"]["cached_labels"]),
        (&0.into(), &1000.into())
    );
    assert_eq!(second["usage"]["prompt_tokens"], 0, "nothing was computed");
    assert_eq!((once, computed()), (1000.0, 1000.0));
    let some = classify(&[&labels[..10], &["new".to_owned()]].concat());
    assert_eq!(
        (&some["usage"]["labels"], &some["usage"]["cached_labels"]),
        (&11.into(), &10.into())
    );
}
