//! Servers and workers that are killed at any moment of a batch.

use std::time::Duration;

use serde_json::Value;

use super::desk::{Desk, id, is_over, joined, pictures};
use super::workers::{Worker, work};
use crate::accounts::bank::Bank;
use crate::serve::{Dice, eventually};

const LINES: usize = 300;
const CREDIT: i64 = 1_000_000_000;

/// That every line of a batch has one result, and gives what they say that they cost.
fn checked(desk: &Desk<'_>, batch: &Value, number: usize) -> i64 {
    assert_eq!(batch["status"], "completed", "{batch}");
    desk.assert_each_once(batch, &lines(number));
    let output = desk.output(batch);
    assert_eq!(output.len(), LINES);
    output.iter().map(|line| line["response"]["body"]["usage"]["cost"].as_i64().unwrap()).sum()
}

/// The lines of the batch of a number; no two have the same picture.
fn lines(number: usize) -> Vec<Value> {
    pictures(number * LINES..(number + 1) * LINES)
}

#[derive(Default)]
struct Batches {
    /// Those that were made, by number.
    made: Vec<Value>,
    /// How many of them have ended.
    ended: usize,
}

impl Batches {
    /// Makes the next one when the last has ended.
    fn go_on(&mut self, desk: &Desk<'_>) {
        if let Some(last) = self.made.get(self.ended) {
            if !is_over(&desk.see(id(last))) {
                return;
            }
            self.ended += 1;
        }
        let number = self.made.len();
        self.made.push(desk.make(&joined(&lines(number)), "/v1/embeddings"));
    }

    /// Waits for the rest and looks at everything.
    fn check(&self, bank: &Bank, desk: &Desk<'_>) {
        let mut spent = 0;
        for (number, batch) in self.made.iter().enumerate() {
            spent += checked(desk, &desk.ended(id(batch)), number);
        }
        // A picture costs 47 unless the process that was killed had it in its cache; nothing else costs anything.
        assert_eq!(bank.account("Ann")["balance"], CREDIT - spent);
        assert!(spent > 0);
    }
}

fn kill_the_server(kills: usize) {
    let bank = Bank::sqlite();
    bank.customer("Ann", CREDIT);
    let key = bank.plain_key(&["Ann"]);
    let mut batches = Batches::default();
    let mut dice = Dice(0x5eed_ba7c);
    for _ in 0..kills {
        let server = bank.serve(&[]);
        batches.go_on(&Desk { server: &server, key: Some(&key) });
        std::thread::sleep(Duration::from_millis(50 + dice.roll(500) as u64));
        server.signal("KILL");
    }
    let server = bank.serve(&[]);
    batches.check(&bank, &Desk { server: &server, key: Some(&key) });
    drop(server);
    // The holds of the killed were given back.
    drop(bank.serve(&[]));
    bank.assert_clean();
}

#[test]
fn a_server_that_is_killed_loses_doubles_and_charges_no_line_twice() {
    kill_the_server(8);
}

#[test]
#[ignore = "minutes; CONTRIBUTING.md"]
fn a_server_that_is_killed_200_times_loses_doubles_and_charges_no_line_twice() {
    kill_the_server(200);
}

fn kill_workers(kills: usize) {
    let Some(bank) = Bank::postgres() else { return };
    bank.customer("Ann", CREDIT);
    let key = bank.plain_key(&["Ann"]);
    let server = bank.serve(&["--batch-lines", "0"]);
    let desk = Desk { server: &server, key: Some(&key) };
    let mut batches = Batches::default();
    let mut dice = Dice(0x5eed_dead);
    let mut workers = vec![work(&bank, &[]), work(&bank, &[])];
    for _ in 0..kills {
        batches.go_on(&desk);
        std::thread::sleep(Duration::from_millis(50 + dice.roll(800) as u64));
        let killed: Worker = workers.remove(dice.roll(2));
        drop(killed);
        workers.push(work(&bank, &[]));
    }
    batches.check(&bank, &desk);
    eventually("the holds of the killed are given back", || bank.account("Ann")["held"] == 0);
    bank.assert_clean();
}

#[test]
fn workers_that_are_killed_lose_double_and_charge_no_line_twice() {
    kill_workers(4);
}

#[test]
#[ignore = "minutes; CONTRIBUTING.md"]
fn workers_that_are_killed_200_times_lose_double_and_charge_no_line_twice() {
    kill_workers(200);
}
