//! What the operator does on the command line.

use serde_json::{Value, json};

use super::bank::{Bank, call};

#[test]
fn three_commands_give_a_customer_a_key_with_money_and_limits() {
    let bank = Bank::sqlite();
    bank.run(["account", "create", "Customer X"]).quiet_success();
    bank.run(["credit", "add", "Customer X", "5"]).quiet_success();
    let key = bank.run([
        "key",
        "create",
        "Customer X",
        "--cap",
        "1",
        "--reset",
        "daily",
        "--images-per-minute",
        "600",
    ]);
    assert_eq!(key.code, 0, "{}", key.stderr);
    assert!(key.stderr.contains("it is shown once"), "{}", key.stderr);
    let server = bank.serve(&[]);
    let answer = server.ask(&call(key.text().trim(), 1)).with_status(200);
    assert_eq!(answer.header("x-balance-usd"), Some("4.999906"));
    assert_eq!(answer.header("x-ratelimit-limit-images"), Some("600"));
    let usage = bank.json(["usage", "Customer X"]);
    assert_eq!((&usage["data"][0]["images"], &usage["data"][0]["cost"]), (&json!(1), &json!(94)));
    let csv = bank.run(["usage", "--csv"]).quiet_success();
    assert!(csv.text().ends_with(",\"key\",\"tiny\",1,1,0,0,0.000094\n"), "{}", csv.text());
}

#[test]
fn what_makes_no_sense_is_refused_and_named() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 0);
    for (arguments, code, why) in [
        (vec!["credit", "add", "Ben", "5"], 1, "there is no account \"Ben\""),
        (vec!["credit", "add", "Ann", "five"], 2, "is no amount of dollars"),
        (vec!["key", "create"], 2, "<ACCOUNT>"),
        (vec!["key", "create", "--role", "manager"], 2, "whose key is it?"),
        (vec!["key", "create", "Ann", "--role", "admin"], 1, "belongs to no account"),
        (vec!["key", "create", "Ann", "--reset", "yearly"], 2, "never, daily, weekly, monthly"),
        (vec!["key", "delete", "key_none"], 1, "there is no key"),
        (vec!["account", "create", ""], 1, "1 to 200 characters"),
        (vec!["account", "create", "B", "--email", "nobody"], 1, "is no e-mail address"),
        (vec!["ledger", "price", "--images", "-1"], 2, ""),
        (
            vec!["account", "list", "--database", "mysql://x"],
            2,
            "is no database that polysight knows",
        ),
        (
            vec!["account", "list", "--database", "postgres://me:secret@127.0.0.1:1/x"],
            1,
            "onnection refused",
        ),
        (vec!["account", "list", "--database", "/proc/nope/x.db"], 1, "/proc/nope"),
        (
            vec!["account", "list", "--database", env!("CARGO_BIN_EXE_polysight")],
            1,
            "not a database",
        ),
    ] {
        let run = bank.run(&arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(why), "{arguments:?}: {}", run.stderr);
        assert!(!run.stderr.contains("secret"), "{}", run.stderr);
    }
    let server = bank.with(["serve", "--accounts", "--api-key", "k"]).finish();
    server.usage_error("polysight key create");
    bank.with(["serve", "--accounts", "--sign-up"]).finish().usage_error("--public-url");
}

#[test]
fn a_file_belongs_to_one_server() {
    let bank = Bank::sqlite();
    let server = bank.serve(&[]);
    let second = bank.with(["serve", "--accounts", "--lazy", "--addr", "127.0.0.1:0"]).finish();
    assert_eq!(second.code, 1, "{}", second.stderr);
    assert!(second.stderr.contains("another server uses"), "{}", second.stderr);
    drop(server);
    let _third = bank.serve(&[]);
}

#[test]
fn a_copy_of_the_books_opens_as_the_books() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000);
    let copy = bank.folder.path().join("copy.db");
    bank.run(["ledger", "backup", copy.to_str().unwrap()]).quiet_success();
    let again = bank.run(["ledger", "backup", copy.to_str().unwrap()]);
    assert!(again.code == 1 && again.stderr.contains("exists already"), "{}", again.stderr);
    bank.json(["credit", "add", "Ann", "1"]);
    let restored = bank.json(["account", "show", "Ann", "--database", copy.to_str().unwrap()]);
    assert_eq!(restored["balance"], 1_000_000);
}

#[test]
fn books_that_were_tampered_with_are_told_and_the_exit_code_is_1() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000);
    assert_eq!(bank.json(["ledger", "verify"])["wrong"], Value::Null);
    // Whatever writes into the file.
    let file = bank.folder.path().join("polysight.db");
    let mut bytes = fs_err::read(&file).unwrap();
    let amount = 1_000_000_i32.to_be_bytes();
    let places =
        (0..bytes.len() - 3).filter(|&at| bytes[at..at + 3] == amount[1..]).collect::<Vec<_>>();
    assert!(places.len() >= 3, "the balance, the amount, the balance after it");
    bytes[places[0] + 2] ^= 1;
    fs_err::write(&file, bytes).unwrap();
    let run = bank.run(["ledger", "verify"]);
    assert_eq!(run.code, 1, "{}{}", run.text(), run.stderr);
    assert!(run.text().starts_with("WRONG: "), "{}", run.text());
}
