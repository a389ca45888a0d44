//! Who sees whose things.

use serde_json::{Value, json};

use super::bank::{Bank, call, get};
use crate::serve::client::{Answer, Request};
use crate::serve::server::Server;

/// Two accounts with a manager's key each, an admin's key, and a server that has answered both once.
struct Accounts {
    bank: Bank,
    server: Server,
    /// What the program printed of their keys.
    ann: Value,
    ben: Value,
    admin: String,
}

impl Accounts {
    fn new() -> Self {
        let bank = Bank::sqlite();
        bank.customer("Ann", 1_000_000);
        bank.customer("Ben", 2_000_000);
        let ann = bank.key(&["Ann", "--role", "manager"]);
        let ben = bank.key(&["Ben", "--role", "manager"]);
        let admin = bank.plain_key(&["--role", "admin"]);
        let server = bank.serve(&[]);
        let two = Self { bank, server, ann, ben, admin };
        for key in [two.anns(), two.bens()] {
            two.server.ask(&call(key, 1).header("connection", "close")).with_status(200);
        }
        two
    }

    fn anns(&self) -> &str {
        self.ann["key"].as_str().unwrap()
    }

    fn bens(&self) -> &str {
        self.ben["key"].as_str().unwrap()
    }

    fn ask(&self, key: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::new(method, path).header("authorization", &format!("Bearer {key}"));
        self.server.ask(&match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        })
    }
}

#[test]
fn a_key_sees_and_touches_only_its_own_accounts_keys_and_money() {
    let two = Accounts::new();
    let (anns, bens) = (two.anns(), two.bens());
    let (ann, ben) = (&two.ann["data"], &two.ben["data"]);
    // Every path that takes an id, with another account's.
    let bens_key = format!("/v1/keys/{}", ben["id"].as_str().unwrap());
    for (method, body) in
        [("GET", None), ("PATCH", Some(json!({ "disabled": true }))), ("DELETE", None)]
    {
        let answer = two.ask(anns, method, &bens_key, body).with_status(404);
        assert_eq!(answer.code(), "key_not_found", "{method}");
    }
    let bens_account = ben["account_id"].as_str().unwrap();
    for path in ["/v1/keys", "/v1/usage"] {
        let path = format!("{path}?account_id={bens_account}");
        assert_eq!(two.ask(anns, "GET", &path, None).with_status(404).code(), "account_not_found");
    }
    let theirs = json!({ "name": "mine", "account_id": bens_account });
    assert_eq!(
        two.ask(anns, "POST", "/v1/keys", Some(theirs)).with_status(404).code(),
        "account_not_found"
    );
    // Every list.
    let keys = two.ask(anns, "GET", "/v1/keys", None).with_status(200).json();
    assert_eq!(keys["data"].as_array().unwrap().len(), 1);
    assert_eq!(keys["data"][0]["id"], ann["id"]);
    for path in ["/v1/keys", "/v1/key", "/v1/credits", "/v1/usage", "/v1/usage?format=csv"] {
        let text = two.ask(anns, "GET", path, None).with_status(200).text().to_owned();
        for foreign in [bens_account, ben["id"].as_str().unwrap(), "1.999906"] {
            assert!(!text.contains(foreign), "{path}: {text}");
        }
    }
    let credits = two.ask(anns, "GET", "/v1/credits", None).json();
    assert_eq!(credits["data"]["balance"], 0.999_906);
    assert_eq!(credits["data"]["total_credits"], 1.0);
    // An idempotency key is the account's own.
    let named = |key: &str| two.server.ask(&call(key, 2).header("idempotency-key", "same"));
    named(anns).with_status(200);
    assert_eq!(named(bens).with_status(200).header("x-cost-usd"), Some("0.00"), "in the cache");
    // The operator sees both.
    let keys = two.ask(&two.admin, "GET", "/v1/keys", None).with_status(200).json();
    assert_eq!(keys["data"].as_array().unwrap().len(), 3);
    two.ask(&two.admin, "PATCH", &bens_key, Some(json!({ "disabled": true }))).with_status(200);
    two.ask(bens, "GET", "/v1/key", None).with_status(401);
    // Without any key nothing.
    for path in [
        "/v1/keys",
        "/v1/key",
        "/v1/credits",
        "/v1/usage",
        "/v1/models",
        "/v1/files",
        "/v1/batches",
        "/v1/batches",
        "/v1/label_sets",
        "/v1/vector_stores",
        "/v1/vector_stores",
    ] {
        two.server.get(path).with_status(401);
    }
    two.bank.assert_clean();
}

#[test]
fn another_accounts_file_is_the_same_as_none() {
    let two = Accounts::new();
    let (anns, bens) = (two.anns(), two.bens());
    let put = |key: &str| {
        let form = crate::files::shelf::form(&[("purpose", "vision")], "a.png", key.as_bytes());
        let upload = crate::files::shelf::upload(form);
        two.server
            .ask(&upload.header("authorization", &format!("Bearer {key}")))
            .with_status(200)
            .json()
    };
    let (anns_file, bens_file) = (put(anns), put(bens));
    let bens_file = bens_file["id"].as_str().unwrap();
    for (method, path) in [
        ("GET", "/v1/files/ID"),
        ("DELETE", "/v1/files/ID"),
        ("GET", "/v1/files/ID/content"),
        ("GET", "/v1/files?after=ID"),
    ] {
        let ask = |id: &str| {
            let answer = two.ask(anns, method, &path.replace("ID", id), None).with_status(404);
            assert_eq!(answer.code(), "file_not_found", "{method} {path}");
            answer.text().replace(id, "ID")
        };
        assert_eq!(ask(bens_file), ask("file-0"), "{method} {path}");
    }
    let embed = |id: &str| {
        let body = json!({ "input": [{ "image": id }] });
        let answer = two.ask(anns, "POST", "/v1/embeddings", Some(body)).with_status(404);
        answer.text().replace(id, "ID")
    };
    assert_eq!(embed(bens_file), embed("file-0"));
    let files = two.ask(anns, "GET", "/v1/files", None).with_status(200).json();
    assert_eq!(files["data"], json!([anns_file]));
    assert_eq!(two.ask(&two.admin, "GET", "/v1/files", None).with_status(403).code(), "admin_key");
    two.ask(bens, "GET", &format!("/v1/files/{bens_file}"), None).with_status(200);
    two.bank.assert_clean();
}

#[test]
fn another_accounts_label_set_is_the_same_as_none() {
    let two = Accounts::new();
    let (anns, bens) = (two.anns(), two.bens());
    let put = |key: &str| {
        let body = json!({ "name": "set of one", "labels": ["a"], "aliases": ["production"] });
        two.ask(key, "POST", "/v1/label_sets", Some(body)).with_status(200).json()
    };
    let (anns_set, bens_set) = (put(anns), put(bens));
    let bens_set = bens_set["id"].as_str().unwrap();
    let image = crate::serve::base64(&fs_err::read(crate::tiny::picture("rgb_61x37.png")).unwrap());
    let image = format!("data:image/png;base64,{image}");
    let part = json!([{ "type": "image_url", "image_url": { "url": image } }]);
    for (method, path, body) in [
        ("GET", "/v1/label_sets/ID", None),
        ("GET", "/v1/label_sets/ID@1", None),
        ("GET", "/v1/label_sets/ID@production", None),
        ("GET", "/v1/label_sets/ID/versions", None),
        ("GET", "/v1/label_sets/ID/doctor", None),
        ("DELETE", "/v1/label_sets/ID", None),
        ("POST", "/v1/label_sets/ID", Some(json!({ "aliases": { "production": null } }))),
        ("POST", "/v1/label_sets", Some(json!({ "id": "ID", "labels": ["b"] }))),
        ("POST", "/v1/classify", Some(json!({ "input": "a", "label_set": "ID" }))),
        ("POST", "/v1/moderations", Some(json!({ "input": part, "label_set": "ID@1" }))),
        (
            "POST",
            "/v1/chat/completions",
            Some(json!({ "messages": [{ "content": part }], "metadata": { "label_set": "ID" } })),
        ),
    ] {
        let ask = |id: &str| {
            let body = body.as_ref().map(|body| body.to_string().replace("ID", id));
            let body = body.map(|body| serde_json::from_str(&body).unwrap());
            let answer = two.ask(anns, method, &path.replace("ID", id), body).with_status(404);
            assert_eq!(answer.code(), "label_set_not_found", "{method} {path}");
            answer.text().replace(id, "ID")
        };
        assert_eq!(ask(bens_set), ask("ls_0"), "{method} {path}");
    }
    let sets = two.ask(anns, "GET", "/v1/label_sets", None).with_status(200).json();
    assert_eq!(sets["data"].as_array().unwrap().len(), 1);
    assert_eq!(sets["data"][0]["id"], anns_set["id"]);
    assert_eq!(
        two.ask(&two.admin, "GET", "/v1/label_sets", None).with_status(403).code(),
        "admin_key"
    );
    two.ask(bens, "GET", &format!("/v1/label_sets/{bens_set}@production"), None).with_status(200);
    two.bank.assert_clean();
}

#[test]
fn a_manager_makes_changes_and_ends_keys() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000);
    let manager = bank.plain_key(&["Ann", "--role", "manager"]);
    let server = bank.serve(&[]);
    let post = |key: &str, body: &Value| {
        let request = Request::post("/v1/keys", body);
        server.ask(&request.header("authorization", &format!("Bearer {key}")))
    };
    let wanted = json!({ "name": "for CI", "limit": 0.0001, "limit_reset": "daily", "models": ["tiny"], "unknown": 1 });
    let made = post(&manager, &wanted).with_status(201);
    assert_eq!(made.header("x-ignored-params"), Some("unknown"));
    let made = made.json();
    let key = made["key"].as_str().unwrap();
    assert_eq!(made["data"]["limit_remaining"], 0.0001);
    let answer = server.ask(&call(key, 1)).with_status(200);
    assert_eq!(answer.header("x-balance-usd"), Some("0.999906"));
    let capped = server.ask(&call(key, 2)).with_status(402);
    assert_eq!(capped.code(), "key_cap_reached");
    assert_eq!(post(key, &json!({ "name": "more" })).with_status(403).code(), "not_a_manager");
    assert_eq!(
        post(&manager, &json!({ "name": "x", "role": "admin" })).with_status(403).code(),
        "not_an_admin"
    );
    let path = format!("/v1/keys/{}", made["data"]["id"].as_str().unwrap());
    let change = |body: Value| {
        let request = Request::new("PATCH", &path).header("content-type", "application/json");
        let request = request.header("authorization", &format!("Bearer {manager}"));
        server.ask(&request.body(body.to_string()))
    };
    let changed = change(json!({ "limit": null, "models": ["other"] })).with_status(200).json();
    assert_eq!(
        (&changed["data"]["limit"], &changed["data"]["name"]),
        (&Value::Null, &json!("for CI"))
    );
    assert_eq!(server.ask(&call(key, 3)).with_status(403).code(), "model_not_allowed");
    assert_eq!(change(json!({ "limit": "much" })).with_status(400).code(), "invalid_value");
    let gone = Request::new("DELETE", &path).header("authorization", &format!("Bearer {manager}"));
    assert_eq!(server.ask(&gone).with_status(200).json()["deleted"], true);
    server.ask(&call(key, 4)).with_status(401);
    bank.assert_clean();
}

#[test]
fn a_call_is_priced_as_its_tier_and_its_dry_run_say() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000);
    bank.json(["ledger", "price", "--images", "0.1", "--texts", "0.02", "--requests", "1"]);
    let key = bank.plain_key(&["Ann"]);
    let server = bank.serve(&[]);
    let models = server.ask(&get(&key, "/v1/models")).json();
    let pricing = &models["data"][0]["pricing"];
    assert_eq!(
        (&pricing["image"], &pricing["text"], &pricing["request"]),
        (&json!("0.0001"), &json!("0.00002"), &json!("0.001"))
    );
    let answer = server.ask(&call(&key, 1)).with_status(200);
    assert_eq!(answer.header("x-cost-usd"), Some("0.0011"));
    let half = server.ask(&call(&key, 2).header("x-tier", "batch")).with_status(200);
    assert_eq!(half.header("x-cost-usd"), Some("0.00055"));
    assert_eq!(
        server.ask(&call(&key, 3).header("x-tier", "gold")).with_status(400).code(),
        "invalid_tier"
    );
    let dry = json!({ "input": ["a", "b"], "dry_run": true });
    let dry =
        Request::post("/v1/embeddings", &dry).header("authorization", &format!("Bearer {key}"));
    let quote = server.ask(&dry).with_status(200);
    assert_eq!(
        (quote.json()["object"].as_str(), quote.json()["cost"].as_i64()),
        (Some("quote"), Some(1040))
    );
    assert_eq!(quote.header("x-cost-usd"), Some("0.00"));
    // Of a good and a bad item the good one is charged; of a bad request nothing.
    let items = json!({ "input": [{ "text": "a" }, { "image": "AAAA" }], "on_error": "item" });
    let items =
        Request::post("/v1/embeddings", &items).header("authorization", &format!("Bearer {key}"));
    assert_eq!(server.ask(&items).with_status(200).header("x-cost-usd"), Some("0.00102"));
    let bad = json!({ "input": [{ "text": "a" }, { "image": "AAAA" }] });
    let bad =
        Request::post("/v1/embeddings", &bad).header("authorization", &format!("Bearer {key}"));
    assert_eq!(server.ask(&bad).with_status(415).header("x-cost-usd"), Some("0.00"));
    bank.assert_clean();
}

#[test]
fn a_stream_is_charged_once_and_replayed_as_it_was() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000);
    let key = bank.plain_key(&["Ann"]);
    let server = bank.serve(&[]);
    let picture = fs_err::read(crate::tiny::picture("rgb_61x37.png")).unwrap();
    let url = format!("data:image/png;base64,{}", crate::serve::base64(&picture));
    let body = json!({
        "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": url } }] }],
        "guided_choice": ["a cat", "a dog"],
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    let ask = || {
        let request = Request::post("/v1/chat/completions", &body).header("idempotency-key", "s");
        server.ask(&request.header("authorization", &format!("Bearer {key}"))).with_status(200)
    };
    let (first, again) = (ask(), ask());
    assert_eq!(first.header("content-type"), Some("text/event-stream"));
    assert_eq!(first.header("x-cost-usd"), Some("0.000094"));
    assert!(first.text().contains("\"cost\":94") && first.text().contains("[DONE]"));
    assert_eq!(
        (again.header("content-type"), again.text()),
        (first.header("content-type"), first.text())
    );
    assert_eq!(again.header("x-cost-usd"), Some("0.00"));
    assert_eq!(bank.account("Ann")["balance"], 1_000_000 - 94);
    bank.assert_clean();
}
