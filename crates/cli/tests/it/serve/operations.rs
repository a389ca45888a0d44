//! What operators rely on: an end that loses nothing, ids, numbers, pages of other origins.

use serde_json::{Value, json};

use super::client::{Connection, Request};
use super::server::Server;
use super::{base64, eventually};
use crate::tiny::{Tiny, picture};

fn texts(count: usize) -> Value {
    let texts = (0..count).map(|number| format!("the text of number {number}"));
    json!({ "input": texts.collect::<Vec<_>>() })
}

/// Waits until the server takes no new connections.
fn refuses(server: &Server) {
    eventually("new connections are refused", || Connection::open(&server.address).is_err());
}

#[test]
fn a_server_that_is_told_to_stop_finishes_what_it_accepted() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &[]);
    let mut idle = server.connect();
    idle.ask(&Request::get("/health")).unwrap().with_status(200);
    let request = Request::post("/v1/embeddings", &texts(2048));
    let bytes = request.bytes();
    let (mut computing, mut sending) = (server.connect(), server.connect());
    computing.send(&bytes).unwrap();
    sending.send(&bytes[..bytes.len() / 2]).unwrap();
    let ready = Request::get("/ready").bytes();
    let mut asking = server.connect();
    asking.send(&ready[..ready.len() - 2]).unwrap();
    // And the asker's own.
    eventually("all are connected", || server.metric("polysight_connections") == 5.0);
    eventually("both are accepted", || server.metric("polysight_requests_in_flight") >= 2.0);
    server.signal("TERM");
    refuses(&server);
    assert!(idle.is_closed(), "an idle connection is not kept");
    asking.send(&ready[ready.len() - 2..]).unwrap();
    let answer = asking.read().unwrap().with_status(503).json();
    assert_eq!(answer["problems"], json!(["the server is stopping"]));
    sending.send(&bytes[bytes.len() / 2..]).unwrap();
    for connection in [&mut computing, &mut sending] {
        let reply = connection.read().unwrap().with_status(200).json();
        assert_eq!(reply["data"].as_array().unwrap().len(), 2048);
        assert!(connection.is_closed());
    }
    let ended = server.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(ended.log.trim_end().ends_with("stopped"), "{}", ended.log);
}

#[test]
fn a_second_word_ends_the_server_at_once() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--shutdown-timeout=1h"]);
    let bytes = Request::post("/v1/embeddings", &texts(10)).bytes();
    let mut slow = server.connect();
    slow.send(&bytes[..bytes.len() - 1]).unwrap();
    eventually("it is accepted", || server.metric("polysight_requests_in_flight") == 2.0);
    server.signal("TERM");
    refuses(&server);
    server.signal("INT");
    let ended = server.end();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.log.contains("told twice"), "{}", ended.log);
    assert!(slow.is_closed());
}

#[test]
fn a_client_that_never_ends_holds_a_stopping_server_only_for_the_shutdown_timeout() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--shutdown-timeout=1s"]);
    let bytes = Request::post("/v1/embeddings", &texts(10)).bytes();
    let mut slow = server.connect();
    slow.send(&bytes[..bytes.len() - 1]).unwrap();
    eventually("it is accepted", || server.metric("polysight_requests_in_flight") == 2.0);
    server.signal("TERM");
    let ended = server.end();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.log.contains("the time for them is over"), "{}", ended.log);
}

#[test]
fn a_word_that_comes_as_soon_as_the_server_listens_is_not_lost() {
    let tiny = Tiny::new();
    let model = format!("tiny={}", tiny.path().display());
    let server = Server::start(crate::program::Run::new(["serve", "--model", &model]));
    server.signal("TERM");
    let ended = server.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
}

#[test]
fn every_reply_has_an_id_of_its_own_which_stands_in_the_log() {
    let tiny = Tiny::new();
    let arguments = ["--max-body=1KB", "--requests-per-minute=4", "--lazy"];
    let server = Server::of(&tiny, &arguments);
    let post = |body: &Value| Request::post("/v1/embeddings", body);
    let preflight = Request::new("OPTIONS", "/v1/embeddings")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST");
    let mut ids = Vec::new();
    for (status, request) in [
        (200, Request::get("/health")),
        (200, Request::get("/metrics")),
        (200, preflight),
        (404, Request::get("/nothing")),
        (405, Request::new("DELETE", "/v1/embeddings")),
        (200, Request::get("/v1/models")),
        (503, post(&json!({ "input": "a" }))),
        (413, post(&json!({ "input": "a".repeat(2000) }))),
        (400, post(&json!({}))),
        (429, post(&json!({ "input": "a" }))),
        (429, Request::get("/v1/models")),
    ] {
        let answer = server.ask(&request).with_status(status);
        let id = answer.header("x-request-id").expect("an id").to_owned();
        assert!(id.starts_with("req_") && !ids.contains(&id), "{id}");
        assert!(answer.header("openai-processing-ms").is_some());
        ids.push(id);
    }
    eventually("the ids are in the log", || {
        let log = server.log();
        ids.iter().all(|id| log.contains(id))
    });
}

#[test]
fn pages_of_other_origins_may_ask_with_a_key_and_read_the_headers() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--api-key=key", "--cors-origin=https://app.example"]);
    let preflight = |origin: &str| {
        server.ask(
            &Request::new("OPTIONS", "/v1/embeddings")
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization,content-type"),
        )
    };
    let answer = preflight("https://app.example").with_status(200);
    let header = |name: &str| answer.header(name).unwrap_or_default().to_ascii_lowercase();
    assert_eq!(header("access-control-allow-origin"), "https://app.example");
    let allowed = header("access-control-allow-headers");
    assert!(allowed.contains("authorization"), "a star does not stand for it: {allowed}");
    assert!(header("access-control-allow-methods").contains("post"));
    let stranger = preflight("https://stranger.example");
    assert_eq!(stranger.header("access-control-allow-origin"), None);
    for key in ["key", "wrong"] {
        let request = Request::post("/v1/embeddings", &json!({ "input": "a" }))
            .header("origin", "https://app.example")
            .header("authorization", &format!("Bearer {key}"));
        let answer = server.ask(&request);
        assert_eq!(answer.status, if key == "key" { 200 } else { 401 });
        let origin = answer.header("access-control-allow-origin");
        assert_eq!(origin, Some("https://app.example"), "a page must be able to read errors too");
        let exposed = answer.header("access-control-expose-headers").unwrap();
        for name in ["x-request-id", "retry-after", "x-ratelimit-remaining-requests"] {
            assert!(exposed.contains(name), "{name} is not in {exposed}");
        }
    }
}

#[test]
fn the_metrics_are_openmetrics_and_count_what_happened() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--image-cache=0"]);
    let good = json!({ "image": base64(&fs_err::read(picture("rgb_61x37.png")).unwrap()) });
    let bad = json!({ "image": base64(b"no picture") });
    let cut = json!({ "image": base64(b"\x89PNG\r\n\x1a\n") });
    let ask = |body: &Value| server.post("/v1/embeddings", body).status;
    assert_eq!(ask(&json!({ "input": [good, good, good] })), 200);
    let items = json!({ "input": [good, bad, cut, bad], "on_error": "item" });
    assert_eq!(ask(&items), 200);
    assert_eq!(ask(&json!({ "input": [good, bad] })), 415);
    assert_eq!(ask(&json!({ "input": ["a", "b"] })), 200);
    assert_eq!(ask(&json!({ "input": [] })), 400);
    let request = |status: u16| {
        let labels = format!("{{path=\"/v1/embeddings\",status=\"{status}\"}}");
        server.metric(&format!("polysight_requests_total{labels}"))
    };
    assert_eq!([request(200), request(415), request(400)], [3.0, 1.0, 1.0]);
    let error = |code: &str| server.metric(&format!("polysight_errors_total{{code=\"{code}\"}}"));
    assert_eq!(error("image_unsupported"), 3.0, "two items and one request");
    assert_eq!(error("image_undecodable"), 1.0);
    assert_eq!(error("empty_input"), 1.0);
    let done = |tower: &str| {
        server.metric(&format!("polysight_embedded_total{{model=\"tiny\",tower=\"{tower}\"}}"))
    };
    assert_eq!([done("vision"), done("text")], [5.0, 2.0]);
    let answer = server.get("/metrics");
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    check_openmetrics(answer.text());
}

/// The rules of the text format that a scraper stumbles over.
fn check_openmetrics(text: &str) {
    let mut families = Vec::<(&str, &str)>::new();
    let lines = text.strip_suffix("# EOF\n").expect("it ends with the end").lines();
    for line in lines {
        let words = line.split(' ').collect::<Vec<_>>();
        match words[..] {
            ["#", "TYPE", name, kind] => {
                assert!(families.iter().all(|(known, _)| *known != name), "{name} comes twice");
                families.push((name, kind));
            }
            ["#", "HELP" | "UNIT", ..] => {}
            [.., value] => {
                value.parse::<f64>().unwrap_or_else(|_| panic!("no number: {line}"));
                let name = line.split(['{', ' ']).next().unwrap();
                let (family, kind) = families.last().expect("a type comes first");
                let suffixes: &[&str] = match *kind {
                    "counter" => &["_total"],
                    "gauge" => &[""],
                    "histogram" => &["_bucket", "_sum", "_count"],
                    other => panic!("an unexpected type: {other}"),
                };
                let rest = name.strip_prefix(family).unwrap_or_else(|| panic!("{line}"));
                assert!(suffixes.contains(&rest), "{line} is not of {family}");
            }
            [] => panic!("an empty line"),
        }
    }
    assert!(families.len() > 15, "{families:?}");
}
