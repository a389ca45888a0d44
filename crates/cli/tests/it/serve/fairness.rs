//! Small requests beside large ones.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::base64;
use super::client::Request;
use super::eventually;
use super::server::Server;
use crate::tiny::{PICTURES, Tiny, picture};

const EMBEDDED_TEXTS: &str = "polysight_embedded_total{model=\"tiny\",tower=\"text\"}";
const EMBEDDED_PICTURES: &str = "polysight_embedded_total{model=\"tiny\",tower=\"vision\"}";

fn pictures(count: usize) -> Vec<Value> {
    let all = PICTURES.map(|name| base64(&fs_err::read(picture(name)).unwrap()));
    all.iter().cycle().take(count).map(|image| json!({ "image": image })).collect()
}

/// While several clients wait for `large`, `small` is answered, and none of them yet.
fn small_passes_large(server: &Server, large: &Value, small: &Value, counter: &str) {
    let large = Request::post("/v1/embeddings", large);
    let before = server.metric(counter);
    let any_finished = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                server.ask(&large).with_status(200);
                any_finished.store(true, Ordering::SeqCst);
            });
        }
        eventually("the large ones are being computed", || server.metric(counter) > before);
        server.post("/v1/embeddings", small).with_status(200);
        let passed = !any_finished.load(Ordering::SeqCst);
        assert!(passed, "the small request waited for a large one that began before it");
    });
}

#[test]
fn a_short_text_does_not_wait_for_large_batches() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--image-cache=0"]);
    let text = json!({ "input": "a short text" });
    let texts = (0..2048).map(|number| format!("the text of number {number}"));
    let texts = texts.collect::<Vec<_>>();
    small_passes_large(&server, &json!({ "input": texts }), &text, EMBEDDED_TEXTS);
    let images = json!({ "input": pictures(1024) });
    small_passes_large(&server, &images, &text, EMBEDDED_PICTURES);
}

#[test]
fn a_lone_picture_does_not_wait_for_large_batches() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--image-cache=0"]);
    let large = json!({ "input": pictures(1024) });
    let small = json!({ "input": pictures(1) });
    small_passes_large(&server, &large, &small, EMBEDDED_PICTURES);
}
