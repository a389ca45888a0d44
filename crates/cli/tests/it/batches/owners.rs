//! Who sees whose batches.

use serde_json::json;

use super::desk::{Desk, id, joined, line};
use crate::accounts::bank::{Bank, get};
use crate::serve::client::Request;

#[test]
fn another_accounts_batch_is_the_very_same_as_none() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000);
    bank.customer("Ben", 1_000_000);
    let (anns, bens) = (bank.plain_key(&["Ann"]), bank.plain_key(&["Ben"]));
    let admin = bank.plain_key(&["--role", "admin"]);
    let server = bank.serve(&[]);
    let (ann, ben) =
        (Desk { server: &server, key: Some(&anns) }, Desk { server: &server, key: Some(&bens) });
    let input = joined(&[line("1", "/v1/score", &json!({ "queries": "a", "documents": ["b"] }))]);
    let bens_file = ben.put(&input);
    let body = |file: &str| json!({ "input_file_id": file, "endpoint": "/v1/score", "completion_window": "24h" });
    let ask = |file: &str| {
        let answer = ann.post("/v1/batches", &body(file)).with_status(404);
        assert_eq!(answer.code(), "file_not_found");
        answer.text().replace(file, "ID")
    };
    assert_eq!(ask(&bens_file), ask("file-0"));
    let bens_batch = ben.post("/v1/batches", &body(&bens_file)).with_status(200).json();
    let anns_batch = ann.make(&input, "/v1/score");
    for (method, path) in [
        ("GET", "/v1/batches/ID"),
        ("POST", "/v1/batches/ID/cancel"),
        ("GET", "/v1/batches?after=ID"),
    ] {
        let ask = |id: &str| {
            let request = Request::new(method, &path.replace("ID", id));
            let request = request.header("authorization", &format!("Bearer {anns}"));
            let answer = server.ask(&request).with_status(404);
            assert_eq!(answer.code(), "batch_not_found", "{method} {path}");
            answer.text().replace(id, "ID")
        };
        assert_eq!(ask(id(&bens_batch)), ask("batch_0"), "{method} {path}");
    }
    let bens_batch = ben.ended(id(&bens_batch));
    assert_eq!(bens_batch["status"], "completed", "nobody cancelled it: {bens_batch}");
    let output = bens_batch["output_file_id"].as_str().unwrap();
    let output = format!("/v1/files/{output}/content");
    assert_eq!(ann.get(&output).with_status(404).code(), "file_not_found");
    ben.get(&output).with_status(200);
    let batches = ann.get("/v1/batches").with_status(200).json();
    assert_eq!(batches["data"].as_array().unwrap().len(), 1);
    assert_eq!(batches["data"][0]["id"], anns_batch["id"]);
    assert_eq!(server.ask(&get(&admin, "/v1/batches")).with_status(403).code(), "admin_key");
    server.get("/v1/batches").with_status(401);
}
