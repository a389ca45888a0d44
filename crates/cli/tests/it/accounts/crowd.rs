//! Many at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::bank::{Bank, PRICE, call};
use crate::serve::eventually;
use crate::serve::server::Server;

/// Clients ask until the credit is used up; gives how many were answered.
fn hammer(bank: &Bank, servers: &[Server], clients: usize) -> usize {
    let key = &bank.plain_key(&["Ann"]);
    let (next, answered) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for client in 0..clients {
            let server = &servers[client % servers.len()];
            scope.spawn(move || {
                let mut connection = server.connect();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let answer = connection.ask(&call(key, number)).unwrap();
                    match answer.status {
                        200 => {
                            assert_eq!(answer.header("x-cost-usd"), Some("0.000094"));
                            assert_eq!(answer.json()["usage"]["cost"], PRICE);
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        402 => {
                            assert_eq!(answer.code(), "insufficient_credit");
                            assert_eq!(answer.header("x-should-retry"), Some("false"));
                            let message = answer.json()["error"]["message"].clone();
                            let expected =
                                "the call needs $0.000094, and the account has $0.00 left";
                            assert_eq!(message, expected);
                            return;
                        }
                        other => panic!("{other}: {}", answer.text()),
                    }
                }
            });
        }
    });
    answered.load(Ordering::Relaxed)
}

fn exactly_as_many(bank: &Bank, servers: usize) {
    const CALLS: usize = 150;
    bank.customer("Ann", CALLS as i64 * PRICE);
    let servers = (0..servers).map(|_| bank.serve(&[])).collect::<Vec<_>>();
    assert_eq!(hammer(bank, &servers, 64), CALLS);
    let account = bank.account("Ann");
    assert_eq!((account["balance"].as_i64(), account["held"].as_i64()), (Some(0), Some(0)));
    bank.assert_clean();
}

#[test]
fn of_64_clients_exactly_as_many_calls_as_the_credit_covers_succeed() {
    exactly_as_many(&Bank::sqlite(), 1);
}

#[test]
fn of_64_clients_of_three_servers_exactly_as_many_calls_as_the_credit_covers_succeed() {
    if let Some(bank) = Bank::postgres() {
        exactly_as_many(&bank, 3);
    }
}

#[test]
fn a_client_who_hangs_up_leaves_no_hold_behind() {
    let bank = Bank::sqlite();
    bank.customer("Ann", 1_000_000);
    let key = bank.plain_key(&["Ann"]);
    let server = bank.serve(&[]);
    for number in 0..50 {
        let mut connection = server.connect();
        connection.send(&call(&key, number).bytes()).unwrap();
        std::thread::sleep(std::time::Duration::from_micros(200 * number as u64));
        drop(connection);
    }
    eventually("nothing is held", || bank.account("Ann")["held"] == 0);
    bank.assert_clean();
    let usage = bank.json(["usage"]);
    let images = usage["data"][0]["images"].as_i64().unwrap_or(0);
    assert_eq!(bank.account("Ann")["balance"], 1_000_000 - images * PRICE);
}

#[test]
fn a_minute_is_the_same_for_all_servers_of_a_database() {
    let Some(bank) = Bank::postgres() else { return };
    bank.customer("Ann", 1_000_000);
    let key = bank.plain_key(&["Ann", "--requests-per-minute", "30"]);
    let servers = [(); 3].map(|()| bank.serve(&[]));
    let began = std::time::Instant::now();
    let answered = (0..90).filter(|&number| {
        let answer = servers[number % 3].ask(&call(&key, number).header("connection", "close"));
        if answer.status == 429 {
            assert_eq!(answer.code(), "rate_limit_exceeded");
            assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
        }
        answer.status == 200
    });
    let answered = answered.count();
    // And what came back meanwhile: one every two seconds.
    let most = 31 + began.elapsed().as_secs() as usize / 2;
    assert!((30..=most).contains(&answered), "{answered}");
}
