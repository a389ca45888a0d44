//! What label sets cost, and whose they are.

use serde_json::{Value, json};

use super::{id, uri};
use crate::accounts::bank::{Bank, PRICE};
use crate::serve::client::Request;

#[test]
fn an_example_is_paid_for_once_and_a_set_of_words_costs_nothing() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000);
    let key = bank.plain_key(&["Ann"]);
    let server = bank.serve(&[]);
    let make = |body: &Value| {
        let request = Request::post("/v1/label_sets", body);
        server.ask(&request.header("authorization", &format!("Bearer {key}")))
    };
    let words = make(&json!({ "name": "words", "labels": ["a", "b"] })).with_status(200);
    assert_eq!(words.header("x-cost-usd"), Some("0.00"));
    let labels = json!([{ "name": "a", "examples": [uri("rgb_61x37.png"), uri("tall_7x90.png")] }, { "name": "b", "examples": [uri("tall_7x90.png")] }]);
    let dry = make(&json!({ "name": "x", "labels": labels, "dry_run": true })).with_status(200);
    assert_eq!((&dry.json()["object"], &dry.json()["cost"]), (&json!("quote"), &json!(2 * PRICE)));
    let list = Request::get("/v1/label_sets").header("authorization", &format!("Bearer {key}"));
    assert_eq!(server.ask(&list).json()["data"].as_array().unwrap().len(), 1);
    let first = make(&json!({ "name": "x", "labels": labels })).with_status(200);
    assert_eq!(first.header("x-cost-usd"), Some("0.000188"), "each picture once");
    assert_eq!(first.json()["usage"]["cost"], 2 * PRICE);
    let next = json!({ "id": id(&first.json()), "labels": labels });
    let second = make(&next).with_status(200);
    assert_eq!(second.header("x-cost-usd"), Some("0.00"), "an earlier version has paid");
    let quote = make(&json!({ "name": "y", "labels": ["a"], "dry_run": true })).with_status(200);
    assert_eq!(quote.json()["cost"], 0);
    let body = json!({ "input": [uri("grey_30x53.png")], "label_set": id(&first.json()) });
    let classify = Request::post("/v1/classify", &body);
    let answer = server.ask(&classify.header("authorization", &format!("Bearer {key}")));
    assert_eq!(answer.with_status(200).header("x-cost-usd"), Some("0.000094"), "the picture alone");
    bank.assert_clean();
}

#[test]
fn who_cannot_pay_for_the_examples_gets_no_set() {
    let bank = Bank::sqlite();
    bank.customer("Ann", PRICE);
    let key = bank.plain_key(&["Ann"]);
    let server = bank.serve(&[]);
    let labels = json!([{ "name": "a", "examples": [uri("rgb_61x37.png"), uri("tall_7x90.png")] }]);
    let request = Request::post("/v1/label_sets", &json!({ "name": "x", "labels": labels }));
    let answer = server.ask(&request.header("authorization", &format!("Bearer {key}")));
    assert_eq!(answer.with_status(402).code(), "insufficient_credit");
    let list = Request::get("/v1/label_sets").header("authorization", &format!("Bearer {key}"));
    assert_eq!(server.ask(&list).with_status(200).json()["data"], json!([]));
    bank.assert_clean();
}
