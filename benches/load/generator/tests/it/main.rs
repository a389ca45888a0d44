//! The program against a stand-in server.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod stand_in;

use std::collections::HashSet;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::stand_in::{Manner, start};

const PHOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../crates/cli/assets/photo.jpg");

fn run(address: &str, arguments: &[&str]) -> Value {
    let done = Command::new(env!("CARGO_BIN_EXE_load-generator"))
        .args(["--address", address, "--model", "m", "--photo", PHOTO, "--json", "--pictures", "4"])
        .args(["--warm-up", "0.1"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn count(outcomes: &Value, name: &str) -> u64 {
    outcomes.get(name).and_then(Value::as_u64).unwrap_or(0)
}

#[test]
fn refusals_are_counted_apart_from_good_answers_and_connections_come_back() {
    for dialect in [
        "polysight-embeddings",
        "polysight-classify",
        "openai-chat",
        "infinity",
        "openvino-fastapi",
    ] {
        let (address, seen) = start(Manner::RefusesEveryFourth);
        let found = run(&address, &["--dialect", dialect, "--clients", "3", "--seconds", "0.5"]);
        let outcomes = &found["outcomes"];
        let (good, refused) = (count(outcomes, "200"), count(outcomes, "429"));
        assert!(good > 0 && refused > 0, "{found}");
        assert_eq!(good + refused, found["requests"].as_u64().unwrap(), "{found}");
        assert_eq!(found["latency_ms"]["count"], good);
        assert_eq!(found["refused_latency_ms"]["count"], refused);
        assert_eq!(found["cached_pictures"], good);
        let bodies = seen.bodies.lock().unwrap();
        let distinct = bodies.iter().collect::<HashSet<_>>();
        assert_eq!(distinct.len(), bodies.len(), "every request has bytes of its own");
        assert!(bodies.iter().all(|body| serde_json::from_slice::<Value>(body).is_ok()));
    }
}

#[test]
fn a_batch_counts_every_picture() {
    let (address, _) = start(Manner::TwoAtOnce(Duration::from_millis(20)));
    let found = run(
        &address,
        &[
            "--dialect",
            "polysight-embeddings",
            "--clients",
            "1",
            "--batch",
            "3",
            "--seconds",
            "0.5",
        ],
    );
    let seconds = found["good_pictures_by_second"].as_array().unwrap();
    let pictures = seconds.iter().map(|second| second.as_f64().unwrap()).sum::<f64>();
    assert!(pictures > 0.0 && pictures % 3.0 == 0.0, "{found}");
    assert_eq!(found["good_pictures_per_second"].as_f64().unwrap(), pictures / 0.5);
    let requests = count(&found["outcomes"], "200") as f64;
    assert!((0.0..=1.0).contains(&(requests - pictures / 3.0)), "one at most ends after the time");
}

#[test]
fn an_answer_without_what_was_asked_for_is_not_good() {
    let (address, _) = start(Manner::Strange);
    let found = run(&address, &["--dialect", "polysight-classify", "--seconds", "0.3"]);
    assert_eq!(found["good_share"], 0.0);
    assert!(count(&found["outcomes"], "200 with another body") > 0, "{found}");
    assert_eq!(found["latency_ms"], Value::Null);
}

#[test]
fn an_open_load_goes_on_while_it_is_refused_and_ends_with_a_recovery() {
    let (address, _) = start(Manner::TwoAtOnce(Duration::from_millis(100)));
    let found = run(
        &address,
        &[
            "--dialect",
            "polysight-embeddings",
            "--rate",
            "100",
            "--clients",
            "64",
            "--seconds",
            "1",
        ],
    );
    assert!(count(&found["outcomes"], "429") > count(&found["outcomes"], "200"), "{found}");
    assert!(found["recovery"]["seconds"].as_f64().is_some(), "{found}");
    assert!(found["connections"].as_u64().unwrap() < 64, "{found}");
}

#[test]
fn a_server_that_is_not_there_is_no_connection() {
    let found = run("127.0.0.1:1", &["--dialect", "polysight-embeddings", "--seconds", "0.2"]);
    assert!(count(&found["outcomes"], "no connection") > 0, "{found}");
}

#[test]
fn dropped_connections_are_followed_until_the_server_has_let_go() {
    let (address, seen) = start(Manner::TwoAtOnce(Duration::ZERO));
    // The stand-in lives in this process, and other tests hold threads meanwhile: only what was sent is certain.
    let pid = std::process::id().to_string();
    let found = run(
        &address,
        &[
            "--dialect",
            "polysight-embeddings",
            "--mode",
            "drop",
            "--drops",
            "40",
            "--drop-wait",
            "0.01",
            "--settle",
            "0.2",
            "--clients",
            "4",
            "--pid",
            &pid,
        ],
    );
    assert_eq!(found["drops"], 40);
    assert_eq!(found["unconnected"], 0);
    assert_eq!(found["answer_after"], "200", "{found}");
    let whole = found["whole_requests"].as_u64().unwrap() as usize;
    assert!(0 < whole && whole < 40, "{found}");
    assert!(found["end"]["sample"]["rss_bytes"].as_u64().unwrap() > 0);
    assert!(!seen.bodies.lock().unwrap().is_empty());
}

#[test]
fn texts_are_measured_alone_and_beside_pictures() {
    let (address, seen) = start(Manner::TwoAtOnce(Duration::from_millis(5)));
    let found = run(
        &address,
        &[
            "--dialect",
            "polysight-embeddings",
            "--mode",
            "mixed",
            "--batch",
            "2",
            "--clients",
            "1",
            "--seconds",
            "0.4",
        ],
    );
    for part in ["texts_alone", "texts", "pictures"] {
        assert!(count(&found[part]["outcomes"], "200") > 0, "{part}: {found}");
    }
    assert!(found["texts"]["latency_ms"]["p50"].as_f64().unwrap() >= 5.0);
    let bodies = seen.bodies.lock().unwrap();
    let texts = bodies.iter().filter(|body| body.len() < 200).collect::<Vec<_>>();
    assert_eq!(texts.iter().collect::<HashSet<_>>().len(), texts.len());
}
