//! A server that is killed at any moment.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::bank::{Bank, PRICE, call};
use crate::serve::Dice;

const CLIENTS: usize = 8;

/// What the clients know.
#[derive(Default)]
struct Known {
    /// Calls that were answered, with the ids of the requests.
    answered: HashMap<usize, String>,
    /// Calls of which nothing came back.
    lost: HashSet<usize>,
}

fn rounds() -> usize {
    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let rounds = std::env::var("POLYSIGHT_TEST_ROUNDS").ok();
    rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(5)
}

fn die_at_random(bank: &Bank, seed: u64) {
    bank.customer("Ann", 100_000_000);
    let key = &bank.plain_key(&["Ann"]);
    let next = &AtomicUsize::new(0);
    let known = &Mutex::new(Known::default());
    let mut dice = Dice(seed);
    for _ in 0..rounds() {
        let server = bank.serve(&[]);
        let life = Duration::from_millis(dice.roll(400) as u64);
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                let mut connection = server.connect();
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let request =
                            call(key, number).header("idempotency-key", &number.to_string());
                        let answer = connection.ask(&request);
                        let mut known = known.lock().unwrap();
                        match answer {
                            Ok(answer) if answer.status == 200 => {
                                let id = answer.header("x-request-id").unwrap().to_owned();
                                known.answered.insert(number, id);
                            }
                            Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
                            Err(_) => {
                                known.lost.insert(number);
                                return;
                            }
                        }
                    }
                });
            }
            std::thread::sleep(life);
            server.signal("KILL");
        });
    }
    let known = known.lock().unwrap();
    assert!(known.answered.len() > rounds(), "the servers lived long enough to answer");
    // A shared database waits until the dead servers' lease is over, which a file's lock makes needless.
    let server = bank.serve(&[]);
    let charges = |bank: &Bank| {
        let transfers = bank.json(["credit", "list", "--last", "1000000"]);
        let mut charges = HashMap::<String, usize>::new();
        for transfer in transfers["data"].as_array().unwrap() {
            if transfer["kind"] == "charge" {
                assert_eq!(transfer["amount"], -PRICE, "{transfer}");
                *charges.entry(transfer["request_id"].as_str().unwrap().to_owned()).or_default() +=
                    1;
            }
        }
        charges
    };
    let charged = charges(bank);
    assert!(known.answered.values().all(|id| charged.get(id) == Some(&1)), "each once");
    let most = known.answered.len() + known.lost.len();
    assert!((known.answered.len()..=most).contains(&charged.values().sum::<usize>()));
    // Whatever was lost is asked again: free if it had been charged.
    let before = charged.len();
    let mut paid_now = 0;
    for number in &known.lost {
        let request = call(key, *number).header("idempotency-key", &number.to_string());
        let answer = loop {
            let answer = server.ask(&request);
            // Until the lease of the server that died with it is over.
            if answer.status != 409 {
                break answer.with_status(200);
            }
            std::thread::sleep(Duration::from_secs(1));
        };
        match answer.header("x-cost-usd") {
            Some("0.00") => {}
            Some("0.000094") => paid_now += 1,
            other => panic!("{other:?}"),
        }
    }
    // And what was answered is answered again, free.
    for number in known.answered.keys().take(20) {
        let request = call(key, *number).header("idempotency-key", &number.to_string());
        let answer = server.ask(&request).with_status(200);
        assert_eq!(answer.header("x-cost-usd"), Some("0.00"));
    }
    assert_eq!(charges(bank).len(), before + paid_now);
    assert_eq!(before + paid_now, most, "every call was charged once in the end");
    bank.assert_clean();
    assert_eq!(bank.account("Ann")["balance"], 100_000_000 - most as i64 * PRICE);
}

#[test]
fn a_server_that_is_killed_loses_no_charge_and_charges_nothing_twice() {
    die_at_random(&Bank::sqlite(), 0x5eed_0001);
}

#[test]
fn a_server_that_is_killed_beside_a_postgres_loses_no_charge_and_charges_nothing_twice() {
    if let Some(bank) = Bank::postgres() {
        die_at_random(&bank, 0x5eed_0002);
    }
}
