//! What must not be found anywhere.

use std::path::Path;

use super::bank::{Bank, call};
use crate::serve::client::Request;

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs_err::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            (entry.file_name().into_string().unwrap(), fs_err::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn a_key_and_the_pepper_are_in_no_log_no_error_no_metric_and_no_database() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000);
    let key = bank.plain_key(&["Ann", "--role", "manager"]);
    let pepper = fs_err::read_to_string(bank.folder.path().join("pepper")).unwrap();
    let server = bank.serve(&["--log-level=debug"]);
    let mut said = String::new();
    let wrong = format!("{}x", &key[..key.len() - 1]);
    let mut hear = |request: Request| {
        let answer = server.ask(&request);
        said.push_str(answer.text());
        for name in ["x-request-id", "warning", "x-ignored-params"] {
            said.push_str(answer.header(name).unwrap_or_default());
        }
    };
    hear(call(&key, 1));
    hear(call(&wrong, 2));
    hear(call(&key, 3).header("x-tier", &key));
    hear(
        Request::post("/v1/embeddings", &serde_json::json!({ "input": key, "model": key }))
            .header("x-api-key", &key),
    );
    hear(Request::get("/metrics"));
    hear(Request::get(&format!("/v1/keys/{key}")).header("x-api-key", &key));
    let listed = [["key", "list"], ["account", "list"], ["credit", "list"], ["ledger", "audit"]];
    for command in listed {
        said.push_str(bank.run(command).text());
    }
    server.signal("TERM");
    said.push_str(&server.end().log);
    // The answers that quote what the client itself asked for are its own.
    let own = ["model", "key"].map(|what| format!("the {what} \\\"{key}\\\""));
    for quoted in own {
        said = said.replace(&quoted, "");
    }
    said = said.replace(&format!("there is no key \\\"{key}\\\""), "");
    assert!(!said.contains(&key), "{said}");
    assert!(!said.contains(&wrong[3..40]) && !said.contains(pepper.trim()), "{said}");
    for (name, bytes) in files(bank.folder.path()) {
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!has(&key) && !has(&key[3..35]), "{name}");
        assert_eq!(has(pepper.trim()), name == "pepper", "{name}");
    }
}

#[test]
fn a_wrong_key_is_told_nothing() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 0);
    let key = bank.plain_key(&["Ann"]);
    let id = bank.json(["key", "list"])["data"][0]["id"].as_str().unwrap().to_owned();
    let server = bank.serve(&[]);
    let told = |key: &str| server.ask(&call(key, 1)).with_status(401).json();
    let unknown = told("ps-unknown");
    bank.run(["key", "disable", &id]);
    assert_eq!(told(&key), unknown, "disabled");
    bank.run(["key", "delete", &id]);
    assert_eq!(told(&key), unknown, "gone");
    assert_eq!(unknown["error"]["code"], "invalid_api_key");
}
