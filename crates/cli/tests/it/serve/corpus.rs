//! Every good and every hostile picture that the repository holds or makes, all at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::client::{Connection, Request};
use super::server::Server;
use super::{Dice, base64};
use crate::hostile::hostile_files;
use crate::tiny::{PICTURES, Tiny, crates, picture};

/// What a file must give.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// The numbers of `polysight embed`.
    Good(Value),
    /// The error's code.
    Bad(String),
}

struct File {
    name: String,
    base64: String,
    verdict: Verdict,
}

/// The files, judged by `polysight embed`.
fn corpus(tiny: &Tiny) -> Vec<File> {
    let folder = tempfile::tempdir().unwrap();
    let mut files = BTreeMap::new();
    let conversions = crates().join("pixels/tests/goldens/conversions");
    for entry in fs_err::read_dir(conversions).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension != "rgb") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let bytes = fs_err::read(&path).unwrap();
            // Cut, and with bits that fell over.
            let mut dice = Dice(1 + bytes.len() as u64);
            let mut broken = bytes.clone();
            for _ in 0..8 {
                let place = dice.roll(broken.len());
                broken[place] ^= 1 << dice.roll(8);
            }
            files.insert(format!("cut_{name}"), bytes[..dice.roll(bytes.len())].to_vec());
            files.insert(format!("broken_{name}"), broken);
            files.insert(name, bytes);
        }
    }
    files.extend(PICTURES.map(|name| (name.to_owned(), fs_err::read(picture(name)).unwrap())));
    files.extend(hostile_files().into_iter().map(|(name, bytes, _)| (name.to_owned(), bytes)));
    let mut run = tiny.run(["embed", "--json", "--quiet"]);
    for (name, bytes) in &files {
        let path = folder.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        run = run.argument(path);
    }
    let run = run.finish();
    let reply = run.json();
    let items = reply["data"].as_array().unwrap();
    assert_eq!(items.len(), files.len(), "{}", run.stderr);
    let judged = files.into_iter().zip(items).map(|((name, bytes), item)| {
        let verdict = match item["object"].as_str().unwrap() {
            "error" => Verdict::Bad(item["error"]["code"].as_str().unwrap().to_owned()),
            _ => Verdict::Good(item["embedding"].clone()),
        };
        File { name, base64: base64(&bytes), verdict }
    });
    judged.collect()
}

/// The status of a request that fails for an error's code.
fn status(code: &str) -> u16 {
    match code {
        "image_too_large" => 413,
        "image_unsupported" => 415,
        "image_undecodable" => 422,
        "invalid_image" => 400,
        other => panic!("an unexpected code: {other}"),
    }
}

/// A part of a request, in one of the ways that there are.
fn part(file: &File, dice: &mut Dice) -> Value {
    match dice.roll(3) {
        0 => json!({ "image": file.base64 }),
        1 => json!({ "image": format!("data:image/png;base64,{}", file.base64) }),
        _ => json!({ "type": "image_url",
            "image_url": { "url": format!("data:image/jpeg;base64,{}", file.base64) } }),
    }
}

type Stream = std::net::TcpStream;

/// One file alone.
fn alone(connection: &mut Connection<Stream>, file: &File, dice: &mut Dice) {
    let body = json!({ "input": [part(file, dice)] });
    let answer = connection.ask(&Request::post("/v1/embeddings", &body)).expect("an answer");
    match &file.verdict {
        Verdict::Good(expected) => {
            let reply = answer.with_status(200).json();
            assert_eq!(&reply["data"][0]["embedding"], expected, "{}", file.name);
        }
        Verdict::Bad(code) => {
            assert_eq!(&answer.code(), code, "{}", file.name);
            assert_eq!(answer.status, status(code), "{}", file.name);
            let place = answer.json()["error"]["param"].as_str().unwrap().to_owned();
            assert!(place.starts_with("input[0]"), "{place}");
        }
    }
}

/// Several files in one request whose bad ones are items.
fn mixed(connection: &mut Connection<Stream>, files: &[&File], dice: &mut Dice) {
    let parts = files.iter().map(|file| part(file, dice)).collect::<Vec<_>>();
    let body = json!({ "input": parts, "on_error": "item" });
    let answer = connection.ask(&Request::post("/v1/embeddings", &body)).expect("an answer");
    let reply = answer.with_status(200).json();
    let mut good = 0;
    for (index, file) in files.iter().enumerate() {
        let item = &reply["data"][index];
        assert_eq!(item["index"], index);
        match &file.verdict {
            Verdict::Good(expected) => {
                good += 1;
                assert_eq!(&item["embedding"], expected, "{}", file.name);
            }
            Verdict::Bad(code) => {
                assert_eq!(item["object"], "error");
                assert_eq!(item["error"]["code"], **code, "{}", file.name);
                let place = item["error"]["param"].as_str().unwrap();
                assert!(place.starts_with(&format!("input[{index}]")), "{place}");
            }
        }
    }
    assert_eq!(reply["usage"]["images"], good, "only good items count");
}

/// Several files in one request that fails with the first bad one.
fn together(connection: &mut Connection<Stream>, files: &[&File], dice: &mut Dice) {
    let parts = files.iter().map(|file| part(file, dice)).collect::<Vec<_>>();
    let body = json!({ "input": parts, "labels": ["a cat", "a dog"] });
    let answer = connection.ask(&Request::post("/v1/classify", &body)).expect("an answer");
    let bad = files.iter().enumerate().find_map(|(index, file)| match &file.verdict {
        Verdict::Bad(code) => Some((index, code)),
        Verdict::Good(_) => None,
    });
    match bad {
        None => {
            let reply = answer.with_status(200).json();
            assert_eq!(reply["data"].as_array().unwrap().len(), files.len());
        }
        Some((index, code)) => {
            assert_eq!(&answer.code(), code);
            assert_eq!(answer.status, status(code));
            let place = answer.json()["error"]["param"].as_str().unwrap().to_owned();
            assert!(place.starts_with(&format!("input[{index}]")), "{place}");
        }
    }
}

#[test]
fn hostile_pictures_get_their_own_errors_and_good_ones_the_numbers_of_the_command() {
    let tiny = Tiny::new();
    let files = Arc::new(corpus(&tiny));
    let bad = files.iter().filter(|file| matches!(file.verdict, Verdict::Bad(_))).count();
    assert!(bad > 60 && files.len() - bad > 100, "{bad} of {} files are bad", files.len());
    // Without the cache, so that each is computed again in another company.
    let server = Server::of(&tiny, &["--image-cache", "0"]);
    let good = base64(&fs_err::read(picture("rgb_61x37.png")).unwrap());
    server.post("/v1/embeddings", &json!({ "input": [{ "image": good }] })).with_status(200);
    let before = server.holdings();
    std::thread::scope(|scope| {
        for seed in 1..=6 {
            let (files, server) = (Arc::clone(&files), &server);
            scope.spawn(move || {
                let mut dice = Dice(seed * 0x9e37_79b9);
                let mut connection = server.connect();
                for _ in 0..12 {
                    for _ in 0..6 {
                        let file = &files[dice.roll(files.len())];
                        alone(&mut connection, file, &mut dice);
                    }
                    let pick = |dice: &mut Dice, count: usize| {
                        (0..count).map(|_| &files[dice.roll(files.len())]).collect::<Vec<_>>()
                    };
                    let (some, few) = (pick(&mut dice, 24), pick(&mut dice, 3));
                    mixed(&mut connection, &some, &mut dice);
                    together(&mut connection, &few, &mut dice);
                }
            });
        }
        // And each of them once.
        let server = &server;
        let files = &files;
        scope.spawn(move || {
            let mut connection = server.connect();
            let mut dice = Dice(7);
            files.iter().for_each(|file| alone(&mut connection, file, &mut dice));
        });
    });
    assert_eq!(server.metric("polysight_panics_total"), 0.0);
    server.has_kept_nothing(before, SPARE_THREADS, 64 << 20);
}

/// Threads for decoders and parsers that the runtime keeps for ten seconds.
const SPARE_THREADS: usize = 64;
