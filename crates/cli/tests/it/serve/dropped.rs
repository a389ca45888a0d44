//! Clients that hang up at any moment.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::client::Request;
use super::server::Server;
use super::{Dice, base64};
use crate::tiny::{PICTURES, Tiny, picture};

/// Where a client leaves.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Connected,
    Head,
    Body,
    Computing,
    Reading,
    Answered,
}

const MOMENTS: [Moment; 6] = [
    Moment::Connected,
    Moment::Head,
    Moment::Body,
    Moment::Computing,
    Moment::Reading,
    Moment::Answered,
];

/// Requests of several sizes and kinds.
fn requests() -> Vec<Vec<u8>> {
    let images = PICTURES.map(|name| base64(&fs_err::read(picture(name)).unwrap()));
    let parts = images.iter().map(|image| json!({ "image": image })).collect::<Vec<Value>>();
    let texts = (0..40).map(|number| format!("the text of number {number}")).collect::<Vec<_>>();
    let labels = (0..30).map(|number| format!("thing {number}")).collect::<Vec<_>>();
    let large = json!({ "input": vec![parts.clone(); 8].concat() });
    [
        Request::post("/v1/embeddings", &json!({ "input": parts[..1] })),
        Request::post("/v1/embeddings", &json!({ "input": texts })),
        Request::post("/v1/embeddings", &large),
        Request::post("/v1/classify", &json!({ "input": parts, "labels": labels })),
        Request::get("/v1/models"),
    ]
    .map(|request| request.bytes())
    .into()
}

/// Whether the client leaves by a reset or a polite end.
fn leave(stream: &TcpStream, dice: &mut Dice) {
    if dice.roll(2) == 0 {
        let _gone = stream.shutdown(std::net::Shutdown::Both);
    }
}

fn visit(server: &Server, requests: &[Vec<u8>], dice: &mut Dice) {
    let moment = MOMENTS[dice.roll(MOMENTS.len())];
    let request = &requests[dice.roll(requests.len())];
    let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let Ok(mut stream) = TcpStream::connect(&server.address) else { return };
    let sent = match moment {
        Moment::Connected => 0,
        Moment::Head => 1 + dice.roll(head - 1),
        Moment::Body => head + dice.roll(request.len() - head + 1),
        Moment::Computing | Moment::Reading | Moment::Answered => request.len(),
    };
    // A server that is full may have hung up first.
    let _full = stream.write_all(&request[..sent]);
    match moment {
        Moment::Reading => {
            let _gone = stream.read(&mut [0; 10]);
        }
        Moment::Answered => {
            let _gone = stream.read(&mut [0; 10_000]);
        }
        _ => {}
    }
    leave(&stream, dice);
}

/// Clients who leave, from several threads, and then nothing that tells of them.
fn clients_leave_and_nothing_stays(count: usize) {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--image-cache", "0", "--label-cache", "0"]);
    let requests = requests();
    // What the server does at all, once, so that its memory is warm.
    for request in &requests {
        let mut connection = server.connect();
        connection.send(request).unwrap();
        connection.read().unwrap().with_status(200);
    }
    server.comes_to_rest();
    let before = server.holdings();
    std::thread::scope(|scope| {
        for seed in 1..=4_u64 {
            let (server, requests) = (&server, &requests);
            scope.spawn(move || {
                let mut dice = Dice(seed * 0x9e37_79b9);
                (0..count / 4).for_each(|_| visit(server, requests, &mut dice));
            });
        }
    });
    let last = server.post("/v1/embeddings", &json!({ "input": "still there" }));
    assert_eq!(last.with_status(200).json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(server.metric("polysight_panics_total"), 0.0);
    server.has_kept_nothing(before, 64, 64 << 20);
}

#[test]
fn nothing_stays_of_clients_who_hang_up_at_any_moment() {
    clients_leave_and_nothing_stays(300);
}

#[test]
#[ignore = "takes minutes"]
fn nothing_stays_of_ten_thousand_clients_who_hang_up_at_any_moment() {
    clients_leave_and_nothing_stays(10_000);
}
