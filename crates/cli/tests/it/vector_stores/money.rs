//! What stores cost, and whose they are.

use serde_json::{Value, json};

use super::{PICTURES, id};
use crate::accounts::bank::{Bank, PRICE, get};
use crate::files::shelf::{form, upload};
use crate::serve::client::{Answer, Request};
use crate::serve::eventually;
use crate::serve::server::Server;

fn ask(server: &Server, key: &str, request: Request) -> Answer {
    server.ask(&request.header("authorization", &format!("Bearer {key}")))
}

fn post(server: &Server, key: &str, path: &str, body: &Value) -> Answer {
    ask(server, key, Request::post(path, body))
}

fn put(server: &Server, key: &str, name: &str) -> String {
    let bytes = fs_err::read(crate::tiny::picture(name)).unwrap();
    let form = form(&[("purpose", "vision")], name, &bytes);
    id(&ask(server, key, upload(form)).with_status(200).json()).to_owned()
}

fn at_rest(server: &Server, key: &str, store: &str) -> Value {
    let mut found = Value::Null;
    eventually("the store is at rest", || {
        found =
            server.ask(&get(key, &format!("/v1/vector_stores/{store}"))).with_status(200).json();
        found["file_counts"]["in_progress"] == 0
    });
    found
}

#[test]
fn a_picture_costs_its_price_when_it_is_found_and_only_then() {
    costs_its_price(&Bank::sqlite());
}

#[test]
fn a_picture_costs_the_same_on_postgres() {
    if let Some(bank) = Bank::postgres() {
        costs_its_price(&bank);
    }
}

fn costs_its_price(bank: &Bank) {
    bank.customer("Ann", 2 * PRICE);
    let key = bank.plain_key(&["Ann"]);
    let server = bank.serve(&[]);
    let files = PICTURES.map(|name| put(&server, &key, name));
    let body = json!({ "file_ids": files });
    let answer = post(&server, &key, "/v1/vector_stores", &body).with_status(402);
    assert_eq!(answer.code(), "insufficient_credit");
    let dry = json!({ "file_ids": files, "dry_run": true });
    let quote = post(&server, &key, "/v1/vector_stores", &dry).with_status(200).json();
    assert_eq!((&quote["object"], &quote["cost"]), (&json!("quote"), &json!(3 * PRICE)));
    assert_eq!(server.ask(&get(&key, "/v1/vector_stores")).json()["data"], json!([]));
    let made = post(&server, &key, "/v1/vector_stores", &json!({ "file_ids": files[..1] }));
    assert_eq!(made.header("x-cost-usd"), Some("0.00"));
    let store = id(&made.with_status(200).json()).to_owned();
    assert_eq!(at_rest(&server, &key, &store)["file_counts"]["completed"], 1);
    assert_eq!(bank.account("Ann")["balance"], PRICE);
    // Both fit when they are asked for one by one, and the second no longer when its turn comes.
    let path = format!("/v1/vector_stores/{store}/files");
    for file in &files[1..] {
        let answer = post(&server, &key, &path, &json!({ "file_id": file }));
        assert!(matches!(answer.status, 200 | 402), "{}", answer.text());
    }
    let rested = at_rest(&server, &key, &store);
    assert_eq!(rested["file_counts"]["completed"], 2);
    assert_eq!(bank.account("Ann")["balance"], 0);
    for file in
        server.ask(&get(&key, &format!("{path}?filter=failed"))).json()["data"].as_array().unwrap()
    {
        assert_eq!(file["last_error"]["code"], "server_error");
        assert!(
            file["last_error"]["message"].as_str().unwrap().contains("has $0.00 left"),
            "{file}"
        );
    }
    // A sentence costs what a text costs, here nothing.
    let search =
        post(&server, &key, &format!("/v1/vector_stores/{store}/search"), &json!({ "query": "a" }));
    assert_eq!(search.with_status(200).header("x-cost-usd"), Some("0.00"));
    bank.assert_clean();
}

#[test]
fn another_model_costs_each_picture_again_and_whoever_cannot_pay_keeps_the_first() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 5 * PRICE);
    let key = bank.plain_key(&["Ann"]);
    let other = crate::tiny::Tiny::otherwise_prepared();
    let server = bank.serve(&["--model", &format!("other={}", other.path().display())]);
    let files = PICTURES.map(|name| put(&server, &key, name));
    let store = post(
        &server,
        &key,
        "/v1/vector_stores",
        &json!({ "model": "tiny", "file_ids": files[..2] }),
    );
    let store = id(&store.with_status(200).json()).to_owned();
    assert_eq!(at_rest(&server, &key, &store)["file_counts"]["completed"], 2);
    let path = format!("/v1/vector_stores/{store}");
    let moved = |model: &str| {
        let mut now = Value::Null;
        eventually("it has moved", || {
            now = server.ask(&get(&key, &path)).with_status(200).json();
            now["model"] == model || now["reindex"]["status"] == "failed"
        });
        now
    };
    let begun = post(&server, &key, &format!("{path}/reindex"), &json!({ "model": "other" }));
    assert_eq!(begun.with_status(200).header("x-cost-usd"), Some("0.00"));
    assert_eq!(moved("other")["reindex"], Value::Null);
    assert_eq!(bank.account("Ann")["balance"], PRICE);
    // The credit is for one of them alone.
    post(&server, &key, &format!("{path}/reindex"), &json!({ "model": "tiny" })).with_status(402);
    assert_eq!(moved("other")["file_counts"]["completed"], 2);
    let search = json!({ "query": files[0], "max_num_results": 1 });
    let found = post(&server, &key, &format!("{path}/search"), &search).with_status(200).json();
    assert_eq!(found["data"][0]["file_id"], files[0]);
    bank.assert_clean();
}

#[test]
fn of_two_servers_the_one_that_has_the_index_embeds_what_the_other_takes() {
    let Some(bank) = Bank::postgres() else { return };
    bank.customer("Ann", 10 * PRICE);
    let key = bank.plain_key(&["Ann"]);
    let (first, second) = (bank.serve(&[]), bank.serve(&[]));
    let files = PICTURES.map(|name| put(&second, &key, name));
    let store = post(&first, &key, "/v1/vector_stores", &json!({ "file_ids": files[..1] }));
    let store = id(&store.with_status(200).json()).to_owned();
    at_rest(&first, &key, &store);
    for file in &files[1..] {
        let path = format!("/v1/vector_stores/{store}/files");
        post(&second, &key, &path, &json!({ "file_id": file })).with_status(200);
    }
    assert_eq!(at_rest(&second, &key, &store)["file_counts"]["completed"], 3);
    let path = format!("/v1/vector_stores/{store}/search");
    let found = post(&first, &key, &path, &json!({ "query": "a" })).with_status(200).json();
    assert_eq!(found["data"].as_array().unwrap().len(), 3);
    let refused = post(&second, &key, &path, &json!({ "query": "a" })).with_status(503);
    assert_eq!(refused.code(), "index_unavailable");
    // When the first has gone, the second has it.
    drop(first);
    eventually("the second has the index", || {
        post(&second, &key, &path, &json!({ "query": "a" })).status == 200
    });
    assert_eq!(bank.account("Ann")["balance"], 7 * PRICE);
    bank.assert_clean();
}

#[test]
fn servers_that_share_a_pgvector_share_stores() {
    if let Some(bank) = Bank::pgvector() {
        share_stores(&bank, &[]);
    }
}

#[test]
fn servers_that_share_a_qdrant_share_stores() {
    if let (Some(bank), Some(url)) = (Bank::postgres(), super::qdrant()) {
        share_stores(&bank, &["--qdrant", &url]);
    }
}

fn share_stores(bank: &Bank, arguments: &[&str]) {
    bank.customer("Ann", 10 * PRICE);
    let key = bank.plain_key(&["Ann"]);
    let (first, second) = (bank.serve(arguments), bank.serve(arguments));
    let files = PICTURES.map(|name| put(&second, &key, name));
    let store = post(&first, &key, "/v1/vector_stores", &json!({ "file_ids": files[..1] }));
    let store = id(&store.with_status(200).json()).to_owned();
    for file in &files[1..] {
        let path = format!("/v1/vector_stores/{store}/files");
        let body = json!({ "file_id": file, "attributes": { "by": "second" } });
        post(&second, &key, &path, &body).with_status(200);
    }
    assert_eq!(at_rest(&first, &key, &store)["file_counts"]["completed"], 3);
    let path = format!("/v1/vector_stores/{store}/search");
    let filtered =
        json!({ "query": "a", "filters": { "type": "eq", "key": "by", "value": "second" } });
    for server in [&first, &second] {
        let found = post(server, &key, &path, &json!({ "query": "a" })).with_status(200).json();
        assert_eq!(found["data"].as_array().unwrap().len(), 3);
        let found = post(server, &key, &path, &filtered).with_status(200).json();
        assert_eq!(found["data"].as_array().unwrap().len(), 2);
    }
    assert_eq!(bank.account("Ann")["balance"], 7 * PRICE);
    let gone = Request::new("DELETE", &format!("/v1/vector_stores/{store}"));
    ask(&second, &key, gone).with_status(200);
    post(&first, &key, &path, &json!({ "query": "a" })).with_status(404);
    bank.assert_clean();
}

#[test]
fn a_key_sees_and_touches_only_its_own_accounts_stores() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000);
    bank.customer("Ben", 1_000_000);
    let (ann, ben) = (bank.plain_key(&["Ann"]), bank.plain_key(&["Ben"]));
    let admin = bank.plain_key(&["--role", "admin"]);
    let server = bank.serve(&[]);
    let (anns_file, bens_file) = (put(&server, &ann, PICTURES[0]), put(&server, &ben, PICTURES[0]));
    let make = |key: &str, file: &str| {
        let store = post(&server, key, "/v1/vector_stores", &json!({ "name": "x" }))
            .with_status(200)
            .json();
        let path = format!("/v1/vector_stores/{}/file_batches", id(&store));
        let batch =
            post(&server, key, &path, &json!({ "file_ids": [file] })).with_status(200).json();
        at_rest(&server, key, id(&store));
        (id(&store).to_owned(), id(&batch).to_owned())
    };
    let (anns, bens) = (make(&ann, &anns_file), make(&ben, &bens_file));
    let files = json!({ "file_ids": [anns_file] });
    let file = json!({ "file_id": anns_file });
    // Another account's store is the very same as none.
    for (method, path, body) in [
        ("GET", "", None),
        ("POST", "", Some(json!({ "name": "mine" }))),
        ("DELETE", "", None),
        ("POST", "/search", Some(json!({ "query": "a" }))),
        ("POST", "/classify", Some(json!({ "labels": ["a"] }))),
        ("POST", "/duplicates", Some(json!({}))),
        ("POST", "/reindex", Some(json!({ "model": "tiny" }))),
        ("GET", "/files", None),
        ("POST", "/files", Some(file.clone())),
        ("GET", "/files/FILE", None),
        ("POST", "/files/FILE", Some(json!({ "attributes": {} }))),
        ("DELETE", "/files/FILE", None),
        ("GET", "/files/FILE/content", None),
        ("POST", "/file_batches", Some(files.clone())),
        ("GET", "/file_batches/BATCH", None),
        ("POST", "/file_batches/BATCH/cancel", None),
        ("GET", "/file_batches/BATCH/files", None),
    ] {
        let with = |store: &str| {
            let path = path.replace("FILE", &bens_file).replace("BATCH", &bens.1);
            let path = format!("/v1/vector_stores/{store}{path}");
            let request = match &body {
                Some(body) => Request::new(method, &path)
                    .header("content-type", "application/json")
                    .body(body.to_string()),
                None => Request::new(method, &path),
            };
            let answer = ask(&server, &ann, request).with_status(404);
            assert_eq!(answer.code(), "vector_store_not_found", "{method} {path}");
            answer.text().replace(store, "ID")
        };
        assert_eq!(with(&bens.0), with("vs_0"), "{method} {path}");
    }
    // Nor another account's file or batch in a store of one's own.
    let path = |rest: &str| format!("/v1/vector_stores/{}/{rest}", anns.0);
    for body in [json!({ "file_id": bens_file }), json!({ "file_id": "file-0" })] {
        let answer = post(&server, &ann, &path("files"), &body).with_status(404);
        assert_eq!(answer.code(), "file_not_found");
    }
    let body = json!({ "file_ids": [anns_file, bens_file] });
    assert_eq!(
        post(&server, &ann, &path("file_batches"), &body).with_status(404).code(),
        "file_not_found"
    );
    let body = json!({ "file_ids": [bens_file] });
    assert_eq!(
        post(&server, &ann, "/v1/vector_stores", &body).with_status(404).code(),
        "file_not_found"
    );
    let query = json!({ "query": bens_file });
    assert_eq!(
        post(&server, &ann, &path("search"), &query).with_status(404).code(),
        "file_not_found"
    );
    let of_ben = get(&ann, &path(&format!("file_batches/{}", bens.1)));
    assert_eq!(server.ask(&of_ben).with_status(404).code(), "file_batch_not_found");
    let of_ben = get(&ann, &path(&format!("files/{bens_file}")));
    assert_eq!(server.ask(&of_ben).with_status(404).code(), "vector_store_file_not_found");
    let list = server.ask(&get(&ann, "/v1/vector_stores")).with_status(200).json();
    assert_eq!(
        (list["data"].as_array().unwrap().len(), id(&list["data"][0])),
        (1, anns.0.as_str())
    );
    assert_eq!(server.ask(&get(&admin, "/v1/vector_stores")).with_status(403).code(), "admin_key");
    server.ask(&get(&ben, &format!("/v1/vector_stores/{}", bens.0))).with_status(200);
    server.get("/v1/vector_stores").with_status(401);
    bank.assert_clean();
}
