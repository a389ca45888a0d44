//! What `/v1/batches` answers.

use serde_json::{Value, json};

use super::desk::{Desk, id, joined, line, pictures};
use crate::files::shelf::{Shelf, put};
use crate::serve::client::Request;
use crate::serve::eventually;
use crate::tiny::picture;

#[test]
fn every_endpoint_answers_lines_as_it_answers_requests() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let desk = Desk { server: &server, key: None };
    let bytes = fs_err::read(picture("rgb_61x37.png")).unwrap();
    let file = put(&server, "vision", "a.png", &bytes).with_status(200).json();
    let image = json!({ "type": "image_url", "image_url": { "url": id(&file) } });
    let questions = [
        ("/v1/embeddings", "data", json!({ "input": ["a", "b"] })),
        (
            "/v1/classify",
            "data",
            json!({ "input": [{ "image": id(&file) }], "labels": ["a", "b"] }),
        ),
        (
            "/v1/chat/completions",
            "choices",
            json!({ "messages": [{ "role": "user", "content": [image] }], "guided_choice": ["a", "b"] }),
        ),
        ("/v1/moderations", "results", json!({ "input": [image] })),
        ("/v1/rerank", "results", json!({ "query": "a", "documents": ["b", "c"] })),
        ("/v1/score", "data", json!({ "queries": "a", "documents": ["b", "c"] })),
    ];
    for (endpoint, answer, body) in questions {
        let lines = [line("good", endpoint, &body), line("bad", endpoint, &json!({ "input": 7 }))];
        let batch = desk.run(&lines, endpoint);
        assert_eq!(batch["status"], "completed", "{batch}");
        assert_eq!(batch["request_counts"], json!({ "total": 2, "completed": 1, "failed": 1 }));
        let output = desk.output(&batch);
        assert_eq!((output.len(), &output[0]["custom_id"]), (1, &json!("good")), "{output:?}");
        let response = &output[0]["response"];
        assert_eq!((&response["status_code"], &output[0]["error"]), (&json!(200), &Value::Null));
        assert!(response["request_id"].as_str().unwrap().starts_with("req_"));
        let direct = desk.post(endpoint, &body).with_status(200).json();
        assert_eq!(response["body"][answer], direct[answer], "{endpoint}");
        let errors = desk.errors(&batch);
        assert_eq!((errors.len(), &errors[0]["custom_id"]), (1, &json!("bad")));
        let response = &errors[0]["response"];
        assert_eq!(response["status_code"], 400, "{endpoint}: {response}");
        assert!(response["body"]["error"]["message"].is_string(), "{response}");
    }
    assert_eq!(server.metric("polysight_batch_lines_total"), 12.0);
}

#[test]
fn results_stand_in_the_order_of_their_lines_and_are_files_like_others() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let desk = Desk { server: &server, key: None };
    // An answer of a picture takes longer than that of a text, and a chunk has 32.
    let mut lines = pictures(0..20);
    for number in 0..60 {
        let body = json!({ "input": format!("text {number}"), "dimensions": 2 });
        lines.insert(number / 3, line(&format!("text {number}"), "/v1/embeddings", &body));
    }
    let input = joined(&lines);
    let body = json!({
        "input_file_id": desk.put(&input),
        "endpoint": "/v1/embeddings",
        "completion_window": "24h",
        "metadata": { "for": "a test" },
        "output_expires_after": { "anchor": "created_at", "seconds": 3600 },
        "unknown": 1,
    });
    let made = desk.post("/v1/batches", &body).with_status(200);
    assert_eq!(made.header("x-ignored-params"), Some("unknown"));
    let made = made.json();
    assert_eq!((&made["object"], &made["metadata"]), (&json!("batch"), &body["metadata"]));
    assert_eq!(made["expires_at"].as_i64().unwrap() - made["created_at"].as_i64().unwrap(), 86_400);
    // What was uploaded is no longer needed by name.
    let path = format!("/v1/files/{}", body["input_file_id"].as_str().unwrap());
    server.ask(&Request::new("DELETE", &path)).with_status(200);
    let batch = desk.ended(id(&made));
    assert_eq!(batch["status"], "completed", "{batch}");
    assert_eq!(batch["error_file_id"], Value::Null);
    for time in ["in_progress_at", "finalizing_at", "completed_at"] {
        assert!(batch[time].is_i64(), "{time}: {batch}");
    }
    let output = desk.output(&batch);
    let ids =
        |lines: &[Value]| lines.iter().map(|line| line["custom_id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&output), ids(&lines));
    let path = format!("/v1/files/{}", batch["output_file_id"].as_str().unwrap());
    let file = desk.get(&path).with_status(200).json();
    assert_eq!(file["purpose"], "batch_output");
    assert_eq!(file["filename"], format!("{}_output.jsonl", id(&batch)));
    assert_eq!(file["expires_at"].as_i64().unwrap() - file["created_at"].as_i64().unwrap(), 3600);
    eventually("only the output is stored", || shelf.objects().len() == 1);
    server.ask(&Request::new("DELETE", &path)).with_status(200);
    assert_eq!(desk.see(id(&batch)), batch, "the batch remembers");
    server.comes_to_rest();
}

#[test]
fn an_input_that_is_no_good_is_told_line_by_line() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let desk = Desk { server: &server, key: None };
    let good = line("a", "/v1/score", &json!({})).to_string();
    let other = line("b", "/v1/rerank", &json!({})).to_string();
    let input = format!("{good}\n\nno json\n{other}\n{good}\n");
    let made = desk.make(input.as_bytes(), "/v1/score");
    let batch = desk.ended(id(&made));
    assert_eq!(batch["status"], "failed", "{batch}");
    assert!(batch["failed_at"].is_i64());
    let errors = batch["errors"]["data"].as_array().unwrap();
    let told = errors.iter().map(|error| (&error["line"], &error["code"], &error["param"]));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (&json!(3), &json!("invalid_json_line"), &Value::Null),
            (&json!(4), &json!("invalid_url"), &json!("url")),
            (&json!(5), &json!("duplicate_custom_id"), &json!("custom_id")),
        ]
    );
    assert!(errors.iter().all(|error| error["message"].is_string()));
    assert_eq!((desk.output(&batch).len(), desk.errors(&batch).len()), (0, 0));
    let cancel = desk.post(&format!("/v1/batches/{}/cancel", id(&batch)), &json!({}));
    assert_eq!(cancel.with_status(400).code(), "batch_not_cancellable");
}

#[test]
fn a_batch_that_makes_no_sense_is_refused_in_words() {
    let shelf = Shelf::new();
    let server = shelf.serve(&["--batch-lines", "0"]);
    let desk = Desk { server: &server, key: None };
    let input = desk.put(b"x");
    let good =
        json!({ "input_file_id": input, "endpoint": "/v1/score", "completion_window": "24h" });
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        desk.post("/v1/batches", &body)
    };
    for (name, value, code) in [
        ("input_file_id", Value::Null, "missing_field"),
        ("endpoint", Value::Null, "missing_field"),
        ("completion_window", json!(""), "missing_field"),
        ("endpoint", json!("/v1/files"), "invalid_value"),
        ("completion_window", json!("1h"), "invalid_value"),
        ("metadata", json!([]), "invalid_value"),
        ("metadata", json!({ "a": 1 }), "invalid_value"),
        ("metadata", json!({ "a": "x".repeat(513) }), "invalid_value"),
        ("output_expires_after", json!({}), "missing_field"),
        ("output_expires_after", json!({ "anchor": "created_at", "seconds": 1 }), "invalid_value"),
    ] {
        let refused = with(name, value.clone()).with_status(400);
        assert_eq!(refused.code(), code, "{name} {value}");
        let param = refused.json()["error"]["param"].as_str().unwrap().to_owned();
        assert!(param.starts_with(name), "{param}");
    }
    let unknown = with("input_file_id", json!("file-0")).with_status(404);
    assert_eq!(unknown.code(), "file_not_found");
    let file = put(&server, "vision", "a.png", b"x").with_status(200).json();
    let other = with("input_file_id", file["id"].clone()).with_status(400);
    assert_eq!(other.code(), "invalid_purpose");
    assert_eq!(desk.get("/v1/batches/batch_0").with_status(404).code(), "batch_not_found");
    // Pages.
    let made = (0..5).map(|_| desk.post("/v1/batches", &good).with_status(200).json());
    let made = made.map(|batch| id(&batch).to_owned()).collect::<Vec<_>>();
    let list = |query: &str| {
        let list = desk.get(&format!("/v1/batches{query}")).with_status(200).json();
        let ids = list["data"].as_array().unwrap().iter().map(|batch| id(batch).to_owned());
        (ids.collect::<Vec<_>>(), list["has_more"] == true)
    };
    let newest = made.iter().rev().cloned().collect::<Vec<_>>();
    assert_eq!(list(""), (newest.clone(), false));
    assert_eq!(list("?limit=2"), (newest[..2].to_vec(), true));
    assert_eq!(list(&format!("?limit=2&after={}", newest[2])), (newest[3..].to_vec(), false));
    assert_eq!(desk.get("/v1/batches?limit=101").with_status(400).code(), "invalid_value");
    assert_eq!(desk.get("/v1/batches?after=x").with_status(404).code(), "batch_not_found");
    assert!(newest.iter().all(|id| desk.see(id)["status"] == "validating"), "nobody works on them");
}

#[test]
fn a_batch_that_is_cancelled_keeps_what_was_answered() {
    let shelf = Shelf::new();
    let server = shelf.serve(&["--batch-lines", "2"]);
    let desk = Desk { server: &server, key: None };
    let lines = pictures(0..1500);
    let made = desk.make(&joined(&lines), "/v1/embeddings");
    let answered = || desk.see(id(&made))["request_counts"]["completed"].as_u64().unwrap();
    eventually("some lines are answered", || answered() > 20);
    let path = format!("/v1/batches/{}/cancel", id(&made));
    // As clients send it: without a body.
    let told = server.ask(&Request::new("POST", &path)).with_status(200).json();
    assert_eq!(told["status"], "cancelling");
    let batch = desk.ended(id(&made));
    assert_eq!(batch["status"], "cancelled", "{batch}");
    assert!(batch["cancelled_at"].is_i64() && batch["completed_at"].is_null(), "{batch}");
    desk.assert_each_once(&batch, &lines);
    let output = desk.output(&batch).len();
    assert_eq!(batch["request_counts"]["completed"], output);
    let errors = desk.errors(&batch);
    assert!(errors.iter().all(|line| line["error"]["code"] == "batch_cancelled"), "{errors:?}");
    assert!(output > 20 && !errors.is_empty(), "{output} {}", errors.len());
    let again = desk.post(&path, &json!({})).with_status(200).json();
    assert_eq!(again, batch);
    server.comes_to_rest();
}

#[test]
fn a_batch_whose_input_is_gone_ends_with_what_was_answered() {
    let shelf = Shelf::new();
    let server = shelf.serve(&["--batch-lines", "2"]);
    let desk = Desk { server: &server, key: None };
    let made = desk.make(&joined(&pictures(0..1500)), "/v1/embeddings");
    let answered = || desk.see(id(&made))["request_counts"]["completed"].as_u64().unwrap();
    eventually("some lines are answered", || answered() > 20);
    let [input] = &shelf.objects()[..] else { panic!("there is one file") };
    fs_err::remove_file(input).unwrap();
    desk.post(&format!("/v1/batches/{}/cancel", id(&made)), &json!({})).with_status(200);
    let batch = desk.ended(id(&made));
    assert_eq!(batch["status"], "cancelled", "{batch}");
    let (output, errors) = (desk.output(&batch), desk.errors(&batch));
    assert!(output.len() > 20 && output.iter().all(|line| line["custom_id"].is_string()));
    assert_eq!(output.len() + errors.len(), 1500, "each line once");
    assert!(errors.iter().all(|line| line["custom_id"].is_null()), "{errors:?}");
    assert!(server.log().contains("the input of a batch is gone"), "{}", server.log());
}

#[test]
fn a_server_that_starts_goes_on_without_being_asked() {
    let shelf = Shelf::new();
    let lines = pictures(0..1000);
    let made = {
        let server = shelf.serve(&["--batch-lines", "4"]);
        let desk = Desk { server: &server, key: None };
        let made = desk.make(&joined(&lines), "/v1/embeddings");
        let answered = || desk.see(id(&made))["request_counts"]["completed"].as_u64().unwrap();
        eventually("some lines are answered", || answered() > 10);
        server.signal("TERM");
        let ended = server.end();
        assert!(ended.status.success(), "{}", ended.log);
        made
    };
    let server = shelf.serve(&[]);
    eventually("it works", || server.metric("polysight_batch_lines_total") > 100.0);
    let desk = Desk { server: &server, key: None };
    let batch = desk.ended(id(&made));
    assert_eq!(batch["status"], "completed", "{batch}");
    desk.assert_each_once(&batch, &lines);
    let here = server.metric("polysight_batch_lines_total");
    assert!(here < 1000.0, "what was answered before is not answered again: {here}");
}
