//! Keys, and what must never be written down.

use serde_json::{Value, json};

use super::client::Request;
use super::server::Server;
use super::{base64, eventually};
use crate::tiny::{Tiny, picture};

fn ask(server: &Server, name: &str, value: &str) -> u16 {
    let request = Request::post("/v1/embeddings", &json!({ "input": "a" }));
    server.ask(&request.header(name, value)).status
}

#[test]
fn every_given_key_opens_the_server_and_no_other_does() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--api-key=first-key", "--api-key=second-key"]);
    for key in ["first-key", "second-key"] {
        assert_eq!(ask(&server, "authorization", &format!("Bearer {key}")), 200);
        assert_eq!(ask(&server, "x-api-key", key), 200);
    }
    for key in ["first-ke", "first-key2", "First-key", "third", "", "first-key,second-key"] {
        assert_eq!(ask(&server, "authorization", &format!("Bearer {key}")), 401, "{key:?}");
        assert_eq!(ask(&server, "x-api-key", key), 401, "{key:?}");
    }
    assert_eq!(ask(&server, "authorization", "Basic first-key"), 401);
    let answer = server.post("/v1/embeddings", &json!({ "input": "a" })).with_status(401);
    assert_eq!(answer.code(), "missing_api_key");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    server.get("/v1/models").with_status(401);
    for path in ["/health", "/ready", "/metrics"] {
        server.get(path).with_status(200);
    }
}

#[test]
fn the_key_of_a_caller_has_its_own_rate() {
    let tiny = Tiny::new();
    let keys = ["--api-key=first-key", "--api-key=second-key", "--requests-per-minute=2"];
    let server = Server::of(&tiny, &keys);
    let statuses = |key: &str| [(); 3].map(|()| ask(&server, "x-api-key", key));
    assert_eq!(statuses("first-key"), [200, 200, 429]);
    assert_eq!(statuses("second-key"), [200, 200, 429]);
}

/// A word that must not be found anywhere.
const MARKER: &str = "xyzzymarker";

/// Requests that carry the marker wherever a client can put it: good ones, and bad ones of every kind.
fn marked() -> Vec<Request> {
    let text = format!("a text with {MARKER}");
    let mut picture = fs_err::read(picture("rgb_61x37.png")).unwrap();
    picture.extend_from_slice(MARKER.as_bytes());
    let good = base64(&picture);
    let bad = base64(MARKER.as_bytes());
    let bodies: Vec<Value> = vec![
        json!({ "input": [text, { "image": good }], "labels": [text, "b"], MARKER: MARKER }),
        json!({ "input": text, "model": MARKER }),
        json!({ "input": text, "encoding_format": MARKER }),
        json!({ "input": { MARKER: MARKER } }),
        json!({ "input": [{ "image": bad }], "labels": [text] }),
        json!({ "input": [{ "image": MARKER }], "labels": [text] }),
        json!({ "input": text, "labels": [text, text], "templates": [MARKER] }),
        json!({ "input": [{ "image": format!("https://127.0.0.1/{MARKER}") }], "labels": [text] }),
        json!({ "input": [{ "image": format!("sha256:{MARKER}") }], "labels": [text] }),
        json!(MARKER),
    ];
    let mut requests = Vec::new();
    for body in &bodies {
        for path in ["/v1/embeddings", "/v1/classify"] {
            requests.push(Request::post(path, body));
        }
    }
    let broken = Request::new("POST", "/v1/embeddings").body(format!("{{\"input\":{MARKER}"));
    requests.push(broken);
    requests.push(Request::post(&format!("/models/{MARKER}"), &json!({ "inputs": good })));
    for path in [format!("/{MARKER}"), format!("/v1/models/{MARKER}"), format!("/health?{MARKER}")]
    {
        requests.push(Request::get(&path));
    }
    requests
}

#[test]
fn the_log_has_no_key_no_text_no_label_and_no_picture() {
    let tiny = Tiny::new();
    let key = format!("--api-key=key-{MARKER}");
    let server = Server::of(&tiny, &[&key, "--log-level=debug", "--log-format=json"]);
    let (mut good, mut bad) = (0, 0);
    for key in [format!("key-{MARKER}"), format!("wrong-{MARKER}")] {
        for request in marked() {
            let answer = server.ask(&request.header("authorization", &format!("Bearer {key}")));
            if answer.status == 200 { good += 1 } else { bad += 1 }
        }
    }
    assert!(good >= 2 && bad >= 20, "{good} {bad}");
    let last = server.get("/health");
    let id = last.header("x-request-id").unwrap();
    eventually("the last one is in the log", || server.log().contains(id));
    let log = server.log();
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    // Whole, and as the inside of base64 at any of its three places.
    let inside = |shift: usize| {
        let text = format!("{}{MARKER}", "a".repeat(shift));
        base64(text.as_bytes())[4..12].to_owned()
    };
    for word in [MARKER.to_owned(), inside(0), inside(1), inside(2)] {
        assert!(!log.contains(&word), "{word} is in the log:\n{log}");
    }
}
