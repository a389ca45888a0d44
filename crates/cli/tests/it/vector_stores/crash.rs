//! A server that is killed while it embeds, on an account that pays.

use std::time::Duration;

use serde_json::{Value, json};

use super::more::of_two;
use super::{PICTURES, at_rest, id, make, put, search};
use crate::accounts::bank::{Bank, PRICE};
use crate::files::shelf::{Shelf, form, upload};
use crate::serve::client::{Connection, Request};
use crate::serve::server::Server;
use crate::serve::{Dice, eventually};
use crate::tiny::Tiny;

/// What an account does.
struct Account<'a> {
    server: &'a Server,
    key: &'a str,
}

impl Account<'_> {
    fn ask(&self, request: Request) -> std::io::Result<Value> {
        let request = request.header("authorization", &format!("Bearer {}", self.key));
        let mut connection = Connection::open(&self.server.address)?;
        Ok(connection.ask(&request)?.with_status(200).json())
    }

    fn get(&self, path: &str) -> Value {
        self.ask(Request::get(path)).unwrap()
    }

    /// A picture that nobody uploaded before.
    fn upload(&self, number: usize) -> std::io::Result<String> {
        let mut bytes = fs_err::read(crate::tiny::picture(PICTURES[number % 3])).unwrap();
        bytes.extend_from_slice(&number.to_le_bytes());
        let form = form(&[("purpose", "vision")], "a.png", &bytes);
        Ok(id(&self.ask(upload(form))?).to_owned())
    }
}

fn die_at_random(rounds: usize, arguments: &[&str]) {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000_000);
    let key = bank.plain_key(&["Ann"]);
    let mut dice = Dice(0x5eed_5704_e5ed);
    let (mut known, mut next) = (Vec::new(), 0);
    let server = bank.serve(arguments);
    let store = Account { server: &server, key: &key };
    let store = store.ask(Request::post("/v1/vector_stores", &json!({ "name": "x" }))).unwrap();
    let files = format!("/v1/vector_stores/{}/files", id(&store));
    drop(server);
    for _ in 0..rounds {
        let server = bank.serve(arguments);
        let life = Duration::from_millis(30 + dice.roll(250) as u64);
        std::thread::scope(|scope| {
            let account = Account { server: &server, key: &key };
            let (known, next, files) = (&mut known, &mut next, &files);
            scope.spawn(move || {
                loop {
                    *next += 1;
                    let Ok(file) = account.upload(*next) else { return };
                    let added = Request::post(files, &json!({ "file_id": file }));
                    if account.ask(added).is_err() {
                        return;
                    }
                    known.push(file);
                }
            });
            std::thread::sleep(life);
            server.signal("KILL");
        });
    }
    assert!(next > rounds, "the servers lived long enough");
    let server = bank.serve(arguments);
    let account = Account { server: &server, key: &key };
    let path = format!("/v1/vector_stores/{}", id(&store));
    let mut rested = Value::Null;
    eventually("the next server embeds what the others left", || {
        rested = account.get(&path);
        rested["file_counts"]["in_progress"] == 0
    });
    for file in &known {
        let status = account.get(&format!("{files}/{file}"))["status"].clone();
        assert_eq!(status, "completed", "{file} was acknowledged");
    }
    // Whoever is found is the nearest to itself, so its vector is there; and each was charged once.
    for file in known.iter().step_by(known.len() / 10 + 1) {
        let query = json!({ "query": file, "max_num_results": 1 });
        let found = account.ask(Request::post(&format!("{path}/search"), &query)).unwrap();
        assert!(found["data"][0]["cosine"].as_f64().unwrap() > 0.99, "{found}");
    }
    drop(server);
    bank.assert_clean();
    let completed = rested["file_counts"]["completed"].as_i64().unwrap();
    assert!(completed >= known.len() as i64);
    let searches = known.iter().step_by(known.len() / 10 + 1).count() as i64;
    let spent = 1_000_000_000 - bank.account("Ann")["balance"].as_i64().unwrap();
    let prices = spent / PRICE;
    assert_eq!(spent % PRICE, 0);
    assert!(
        (completed..=completed + searches).contains(&prices),
        "{completed} files, {prices} prices"
    );
}

#[test]
fn a_server_that_is_killed_loses_no_file_of_a_store_and_charges_none_twice() {
    die_at_random(6, &[]);
}

#[test]
fn a_server_that_is_killed_finds_in_a_qdrant_what_it_had_put_there() {
    if let Some(url) = super::qdrant() {
        die_at_random(6, &["--qdrant", &url]);
    }
}

#[test]
#[ignore = "minutes; CONTRIBUTING.md"]
fn a_server_that_is_killed_200_times_loses_no_file_of_a_store_and_charges_none_twice() {
    die_at_random(200, &[]);
}

/// Servers that are killed while a store moves to another model and back.
fn die_while_a_store_moves(rounds: usize) {
    const FILES: usize = 60;
    let (shelf, one, two) = (Shelf::new(), Tiny::new(), Tiny::otherwise_prepared());
    let serve = || of_two(&shelf, [("one", &one), ("two", &two)], &[]);
    let mut server = serve();
    let files = (0..FILES).map(|number| {
        let mut bytes = fs_err::read(crate::tiny::picture(PICTURES[number % 3])).unwrap();
        bytes.push(number as u8);
        put(&server, "a.png", &bytes)
    });
    let files = files.collect::<Vec<_>>();
    let store = id(&make(&server, &json!({ "file_ids": files }))).to_owned();
    at_rest(&server, &store);
    let path = format!("/v1/vector_stores/{store}");
    let query = json!({ "query": "a", "max_num_results": 50 });
    let mut dice = Dice(0x5eed_0dd5);
    let (mut killed, mut next) = (0, "two");
    while killed < rounds {
        server.post(&format!("{path}/reindex"), &json!({ "model": next })).with_status(200);
        let mut has_moved = false;
        while !has_moved {
            if killed < rounds {
                std::thread::sleep(Duration::from_millis(dice.roll(60) as u64));
                server.signal("KILL");
                killed += 1;
                server = serve();
            }
            let reply = search(&server, &store, &query);
            assert_eq!(reply["data"].as_array().unwrap().len(), 50, "the old vectors answer");
            has_moved = killed >= rounds || reply["model"] == next;
        }
        eventually("it moves in the end", || search(&server, &store, &query)["model"] == next);
        assert_eq!(at_rest(&server, &store)["file_counts"]["completed"], FILES);
        for file in files.iter().step_by(7) {
            let itself = json!({ "query": file, "max_num_results": 1 });
            let found = search(&server, &store, &itself);
            assert!(found["data"][0]["cosine"].as_f64().unwrap() > 0.999, "{found}");
        }
        next = if next == "two" { "one" } else { "two" };
    }
}

#[test]
fn a_server_that_is_killed_while_a_store_moves_goes_on_moving_it() {
    die_while_a_store_moves(6);
}

#[test]
#[ignore = "minutes; CONTRIBUTING.md"]
fn a_server_that_is_killed_200_times_while_stores_move_goes_on_moving_them() {
    die_while_a_store_moves(200);
}
