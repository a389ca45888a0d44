//! A server that is killed while files come and go.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use super::shelf::{Shelf, form, id, upload};
use crate::serve::client::Request;
use crate::serve::{Dice, eventually};

const CLIENTS: usize = 4;

/// Contents, of which some are the same.
fn contents(number: usize) -> Vec<u8> {
    let length = 1 + (number * 7919) % (3 << 20);
    vec![(number % 5) as u8; if number.is_multiple_of(3) { 100_000 } else { length }]
}

/// What the clients were told.
#[derive(Default)]
struct Known {
    /// By id: which contents it has.
    files: HashMap<String, usize>,
    /// Files whose deletion was asked for and not answered.
    maybe: HashMap<String, usize>,
    next: usize,
}

fn die_at_random(rounds: usize) {
    let shelf = Shelf::new();
    let known = &Mutex::new(Known::default());
    let mut dice = Dice(0x5eed_f11e_dead);
    for round in 0..rounds {
        let server = shelf.serve(&[]);
        let life = Duration::from_millis(20 + dice.roll(300) as u64);
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let mut connection = server.connect();
                scope.spawn(move || {
                    loop {
                        let number = {
                            let mut known = known.lock().unwrap();
                            known.next += 1;
                            known.next
                        };
                        let bytes = contents(number);
                        let form = form(&[("purpose", "user_data")], "a", &bytes);
                        let Ok(answer) = connection.ask(&upload(form)) else { return };
                        let file = answer.with_status(200).json();
                        known.lock().unwrap().files.insert(id(&file).to_owned(), number);
                        if (number + client).is_multiple_of(2) {
                            let gone = {
                                let mut known = known.lock().unwrap();
                                let gone = known.files.keys().next().cloned().unwrap();
                                let contents = known.files.remove(&gone).unwrap();
                                known.maybe.insert(gone.clone(), contents);
                                gone
                            };
                            let delete = Request::new("DELETE", &format!("/v1/files/{gone}"));
                            let Ok(answer) = connection.ask(&delete) else { return };
                            answer.with_status(200);
                            known.lock().unwrap().maybe.remove(&gone);
                        }
                    }
                });
            }
            std::thread::sleep(life);
            server.signal("KILL");
        });
        // Every tenth time all is looked at; the next server begins with whatever was left.
        if round % 10 == 9 || round + 1 == rounds {
            check(&shelf, &known.lock().unwrap());
        }
    }
    assert!(known.lock().unwrap().next > rounds, "the servers lived long enough");
}

fn check(shelf: &Shelf, known: &Known) {
    let server = shelf.serve(&[]);
    let list = server.get("/v1/files").with_status(200).json();
    let listed = list["data"].as_array().unwrap();
    let there = listed.iter().map(id).collect::<Vec<_>>();
    for acknowledged in known.files.keys() {
        assert!(there.contains(&acknowledged.as_str()), "{acknowledged} is lost");
    }
    let mut distinct = std::collections::HashSet::new();
    for file in listed {
        let content = server.get(&format!("/v1/files/{}/content", id(file))).with_status(200);
        assert_eq!(content.body.len() as u64, file["bytes"].as_u64().unwrap(), "{file}");
        let number = known.files.get(id(file)).or_else(|| known.maybe.get(id(file)));
        if let Some(number) = number {
            assert!(content.body == contents(*number), "{file} has other bytes");
        } else {
            // Nobody heard of it, and it is whole all the same.
            assert!(content.body.iter().all(|byte| *byte == content.body[0]));
        }
        distinct.insert((content.body.len(), content.body[0]));
    }
    eventually("what was interrupted is gone", || shelf.objects().len() == distinct.len());
    let bytes = distinct.iter().map(|(length, _)| *length as f64).sum::<f64>();
    eventually("the sum is right", || server.metric("polysight_file_bytes") == bytes);
}

#[test]
fn a_server_that_is_killed_loses_no_file_and_shows_no_half_one() {
    die_at_random(8);
}

#[test]
#[ignore = "minutes; CONTRIBUTING.md"]
fn a_server_that_is_killed_200_times_loses_no_file_and_shows_no_half_one() {
    die_at_random(200);
}
