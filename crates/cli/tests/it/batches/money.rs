//! Who pays for batches, and how much.

use serde_json::json;

use super::desk::{Desk, id, joined, pictures};
use crate::accounts::bank::{Bank, PRICE};
use crate::serve::client::Request;

/// A picture at the tier of batches.
const HALF: i64 = PRICE / 2;

#[test]
fn a_line_costs_half_and_takes_nothing_of_the_minute() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000);
    let key = bank.plain_key(&["Ann"]);
    let server = bank.serve(&["--images-per-minute", "1"]);
    let desk = Desk { server: &server, key: Some(&key) };
    let lines = pictures(0..10);
    let batch = desk.run(&lines, "/v1/embeddings");
    assert_eq!(batch["status"], "completed", "{batch}");
    desk.assert_each_once(&batch, &lines);
    for line in desk.output(&batch) {
        assert_eq!(line["response"]["body"]["usage"]["cost"], HALF, "{line}");
    }
    assert_eq!(bank.account("Ann")["balance"], 1_000_000 - 10 * HALF);
    // The pictures are in the cache by now, which is free.
    let again = desk.run(&lines, "/v1/embeddings");
    assert_eq!(again["request_counts"]["completed"], 10);
    assert_eq!(bank.account("Ann")["balance"], 1_000_000 - 10 * HALF);
    bank.assert_clean();
}

#[test]
fn lines_that_cannot_be_paid_fail_and_the_others_do_not() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 3 * HALF);
    let key = bank.plain_key(&["Ann"]);
    let server = bank.serve(&[]);
    let desk = Desk { server: &server, key: Some(&key) };
    let lines = pictures(0..10);
    let batch = desk.run(&lines, "/v1/embeddings");
    assert_eq!(batch["request_counts"], json!({ "total": 10, "completed": 3, "failed": 7 }));
    desk.assert_each_once(&batch, &lines);
    for line in desk.errors(&batch) {
        assert_eq!(line["response"]["status_code"], 402, "{line}");
        assert_eq!(line["response"]["body"]["error"]["code"], "insufficient_credit");
    }
    assert_eq!(bank.account("Ann")["balance"], 0);
    bank.assert_clean();
}

#[test]
fn a_key_that_is_gone_pays_no_more() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000);
    let manager = bank.plain_key(&["Ann", "--role", "manager"]);
    let made = bank.key(&["Ann"]);
    let key = made["key"].as_str().unwrap();
    let lines = pictures(0..3);
    let batch = {
        let server = bank.serve(&["--batch-lines", "0"]);
        let desk = Desk { server: &server, key: Some(key) };
        let batch = desk.make(&joined(&lines), "/v1/embeddings");
        let gone = Request::new("DELETE", &format!("/v1/keys/{}", id(&made["data"])));
        let gone = gone.header("authorization", &format!("Bearer {manager}"));
        server.ask(&gone).with_status(200);
        batch
    };
    let server = bank.serve(&[]);
    let desk = Desk { server: &server, key: Some(&manager) };
    let batch = desk.ended(id(&batch));
    assert_eq!(batch["request_counts"], json!({ "total": 3, "completed": 0, "failed": 3 }));
    for line in desk.errors(&batch) {
        assert_eq!(line["response"]["body"]["error"]["code"], "invalid_api_key", "{line}");
    }
    assert_eq!(bank.account("Ann")["balance"], 1_000_000);
    bank.assert_clean();
}
