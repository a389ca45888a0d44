//! Forms that are none, and clients that stop in the middle.

use super::shelf::{BOUNDARY, Shelf, form, upload};
use crate::serve::client::Request;
use crate::serve::{Dice, eventually};

#[test]
fn a_form_that_is_none_is_refused_in_words() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let good = form(&[("purpose", "batch")], "a", b"x");
    let of_kind = |kind: &str| {
        server
            .ask(&Request::new("POST", "/v1/files").header("content-type", kind).body(good.clone()))
    };
    assert_eq!(of_kind("application/json").with_status(415).code(), "unsupported_content_type");
    assert_eq!(of_kind("multipart/form-data").with_status(400).code(), "invalid_form");
    assert_eq!(
        of_kind("multipart/form-data; boundary=other").with_status(400).code(),
        "invalid_form"
    );
    let of = |form: Vec<u8>| server.ask(&upload(form));
    for (fields, code) in [
        (&[][..], "missing_field"),
        (&[("purpose", "")], "missing_field"),
        (&[("purpose", "fun")], "invalid_value"),
        (&[("purpose", "batch"), ("expires_after[seconds]", "3600")], "invalid_value"),
    ] {
        assert_eq!(of(form(fields, "a", b"x")).with_status(400).code(), code);
    }
    let long = "y".repeat(2000);
    assert_eq!(of(form(&[("purpose", &long)], "a", b"x")).with_status(400).code(), "invalid_value");
    assert_eq!(
        of(form(&[("purpose", "batch")], &long, b"x")).with_status(400).code(),
        "invalid_value"
    );
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
    );
    for bad in [
        Vec::new(),
        b"\r\n".repeat(50_000),
        b"-".repeat(100_000),
        head.clone().into_bytes(),
        format!("{head}--{BOUNDARY}\r\nx: {}\r\n\r\n", "y".repeat(100_000)).into_bytes(),
        format!("{head}--{BOUNDARY}\r\n").repeat(100).into_bytes(),
    ] {
        assert_eq!(of(bad).with_status(400).code(), "invalid_form");
    }
    assert_eq!(
        of(format!("{head}--{BOUNDARY}--").into_bytes()).with_status(400).code(),
        "missing_field"
    );
    let two = [form(&[], "a", b"x"), form(&[("purpose", "batch")], "b", b"y")].concat();
    let two = String::from_utf8(two).unwrap().replacen(&format!("--{BOUNDARY}--\r\n"), "", 1);
    assert_eq!(of(two.into_bytes()).with_status(400).code(), "invalid_form");
    // And at random: cut, changed, doubled. Each is answered, and the server goes on.
    let mut dice = Dice(0x5eed_f11e);
    for _ in 0..200 {
        let mut bad = good.clone();
        for _ in 0..=dice.roll(4) {
            let place = dice.roll(bad.len());
            match dice.roll(3) {
                0 => bad[place] = dice.roll(256) as u8,
                1 => bad.truncate(place + 1),
                _ => bad.extend_from_within(place..),
            }
        }
        let answer = of(bad);
        assert!([200, 400].contains(&answer.status), "{}: {}", answer.status, answer.text());
    }
    of(good).with_status(200);
    eventually("only files are left", || {
        let files = server.get("/v1/files").json()["data"].as_array().unwrap().len();
        files >= 1 && shelf.objects().len() <= files
    });
}

#[test]
fn clients_that_stop_in_the_middle_leave_nothing() {
    let shelf = Shelf::new();
    let server = shelf.serve(&["--body-timeout", "1s"]);
    let whole = upload(form(&[("purpose", "user_data")], "a", &vec![b'x'; 3 << 20])).bytes();
    let mut dice = Dice(0x5eed_0bad);
    for round in 0..20 {
        let mut connection = server.connect();
        connection.send(&whole[..dice.roll(whole.len())]).unwrap();
        drop(connection);
        // So many are let in at once, and no more.
        if round % 10 == 9 {
            server.comes_to_rest();
        }
    }
    let mut slow = server.connect();
    slow.send(&whole[..whole.len() / 2]).unwrap();
    assert_eq!(slow.read().unwrap().with_status(408).code(), "request_timeout");
    eventually("nothing is left", || shelf.objects().is_empty());
    assert_eq!(server.get("/v1/files").with_status(200).json()["data"], serde_json::json!([]));
    server.comes_to_rest();
}
