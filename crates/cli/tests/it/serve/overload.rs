//! More than the server takes.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::client::{Answer, Connection, Request};
use super::server::Server;
use super::{base64, eventually};
use crate::tiny::{PICTURES, Tiny, picture};

/// Bodies of 64 KiB and more, which the parser reads beside the runtime.
fn pictures() -> Request {
    let images = PICTURES.map(|name| base64(&fs_err::read(picture(name)).unwrap()));
    let parts = images.iter().map(|image| json!({ "image": image })).collect::<Vec<_>>();
    Request::post("/v1/embeddings", &json!({ "input": vec![parts; 4].concat() }))
}

/// Every client asks so many times; what they got.
fn crowd(server: &Server, clients: usize, times: usize, request: &Request) -> Crowd {
    let crowd = Crowd::default();
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let mut connection = server.connect();
                for _ in 0..times {
                    let Ok(answer) = connection.ask(request) else {
                        panic!("no answer\n{}", server.log());
                    };
                    if answer.header("connection") == Some("close") {
                        connection = server.connect();
                    }
                    crowd.count(&answer);
                }
            });
        }
    });
    crowd
}

#[derive(Debug, Default)]
struct Crowd {
    served: AtomicUsize,
    turned_away: AtomicUsize,
}

impl Crowd {
    fn count(&self, answer: &Answer) {
        match answer.status {
            200 => self.served.fetch_add(1, Ordering::Relaxed),
            429 => {
                let code = answer.code();
                assert!(["queue_full", "server_busy"].contains(&code.as_str()), "{code}");
                self.turned_away.fetch_add(1, Ordering::Relaxed)
            }
            other => panic!("{other}: {}", answer.text()),
        };
    }
}

#[test]
fn under_a_small_budget_of_pixels_everybody_is_served_or_told_to_come_again() {
    let tiny = Tiny::new();
    let server =
        Server::of(&tiny, &["--max-pixels=3000", "--queue-pixels=3000", "--image-cache=0"]);
    let crowd = crowd(&server, 12, 8, &pictures());
    assert!(crowd.served.load(Ordering::Relaxed) > 0, "{crowd:?}");
    assert!(crowd.turned_away.load(Ordering::Relaxed) > 0, "{crowd:?}");
    let turned_away = server.metric("polysight_errors_total{code=\"queue_full\"}");
    assert_eq!(turned_away, crowd.turned_away.load(Ordering::Relaxed) as f64);
    server.comes_to_rest();
}

#[test]
fn under_a_small_budget_of_bytes_bodies_that_wait_turn_others_away_until_they_leave() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--max-body=10KB", "--queue-bytes=10KB"]);
    let text = json!({ "input": "a".repeat(8000) });
    let request = Request::post("/v1/embeddings", &text);
    let bytes = request.bytes();
    let mut slow = [server.connect(), server.connect()];
    for connection in &mut slow {
        connection.send(&bytes[..6500]).unwrap();
    }
    eventually("they are counted", || server.metric("polysight_body_bytes") >= 10_000.0);
    for body in [json!({ "input": "a" }), text] {
        let answer = server.post("/v1/embeddings", &body).with_status(429);
        assert_eq!(answer.code(), "server_busy");
    }
    for connection in &mut slow {
        connection.send(&bytes[6500..]).unwrap();
        connection.read().unwrap().with_status(200);
    }
    server.post("/v1/embeddings", &json!({ "input": "a" })).with_status(200);
    let crowd = crowd(&server, 8, 10, &request);
    assert!(crowd.served.load(Ordering::Relaxed) > 0, "{crowd:?}");
    drop(slow);
    server.comes_to_rest();
}

#[test]
fn bodies_without_a_length_count_too() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--max-body=10KB", "--queue-bytes=10KB"]);
    let begin = Request::new("POST", "/v1/embeddings").header("transfer-encoding", "chunked");
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let mut clients = (0..4).map(|_| server.connect()).collect::<Vec<_>>();
    for client in &mut clients {
        client.send(&begin.bytes()).unwrap();
    }
    eventually("all are inside", || server.metric("polysight_requests_in_flight") == 5.0);
    for client in &mut clients {
        client.send(chunk.as_bytes()).unwrap();
    }
    eventually("they are counted", || server.metric("polysight_body_bytes") >= 10_000.0);
    let mut turned_away = 0;
    for client in &mut clients {
        let _refused = client.send(chunk.as_bytes());
        let _refused = client.send(b"2\r\n{}\r\n0\r\n\r\n");
        let answer = client.read().expect("an answer");
        match answer.status {
            400 => assert_eq!(answer.code(), "missing_field"),
            status => {
                assert_eq!((status, answer.code().as_str()), (429, "server_busy"));
                turned_away += 1;
            }
        }
    }
    assert!(turned_away > 0, "four bodies of 8,194 bytes do not fit into 10,000");
    drop(clients);
    server.comes_to_rest();
}

#[test]
fn what_a_client_only_announces_takes_no_place() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--max-body=1MB", "--queue-bytes=1MB"]);
    let announce = Request::new("POST", "/v1/embeddings").header("content-length", "900000");
    let mut idlers = (0..8).map(|_| server.connect()).collect::<Vec<_>>();
    for idler in &mut idlers {
        idler.send(&announce.bytes()).unwrap();
    }
    eventually("all are inside", || server.metric("polysight_requests_in_flight") == 9.0);
    server.post("/v1/embeddings", &json!({ "input": "a" })).with_status(200);
}

#[test]
fn connections_beyond_the_limit_are_told_to_come_again() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--max-connections", "3"]);
    let request = Request::post("/v1/embeddings", &json!({ "input": "a" }));
    let mut inside = (0..3).map(|_| server.connect()).collect::<Vec<_>>();
    for connection in &mut inside {
        connection.ask(&request).unwrap().with_status(200);
    }
    // Also those that have much to say.
    let large = Request::post("/v1/embeddings", &json!({ "input": "a".repeat(3 << 20) }));
    for request in [&request, &large, &request, &Request::get("/health")] {
        let answer = server.connect().ask(request).expect("an answer").with_status(429);
        assert_eq!(answer.code(), "too_many_connections");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    for connection in &mut inside {
        connection.ask(&request).unwrap().with_status(200);
    }
    inside.pop();
    eventually("a place is free", || server.connect().ask(&request).unwrap().status == 200);
}

/// The answer to a client who sends `request` and then goes on sending `more`, which no one wants.
fn answer_while_sending(server: &Server, request: &[u8], more: &[u8], times: usize) -> Answer {
    let mut connection = server.connect();
    let mut writer = connection.writer();
    let sender = std::thread::scope(|scope| {
        let sender = scope.spawn(move || {
            writer.write_all(request)?;
            (0..times).try_for_each(|_| writer.write_all(more))
        });
        sender.join().expect("the sender does not panic")
    });
    // The whole of it was taken, so that also a client that reads only then gets its answer.
    sender.expect("the server takes what it does not want");
    connection.read().expect("an answer")
}

#[test]
fn a_body_that_is_too_large_gets_its_answer_though_it_is_still_being_sent() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--max-body", "1MB"]);
    let block = vec![b' '; 1 << 20];
    let known = Request::new("POST", "/v1/embeddings").header("content-length", "33554432");
    let answer = answer_while_sending(&server, &known.bytes(), &block, 32);
    assert_eq!((answer.code().as_str(), answer.status), ("body_too_large", 413));
    let chunked = Request::new("POST", "/v1/embeddings").header("transfer-encoding", "chunked");
    let mut chunk = b"100000\r\n".to_vec();
    chunk.extend_from_slice(&block);
    chunk.extend_from_slice(b"\r\n");
    let answer = answer_while_sending(&server, &chunked.bytes(), &chunk, 32);
    assert_eq!((answer.code().as_str(), answer.status), ("body_too_large", 413));
    // Nor is the answer to a request that fails before its body lost.
    for head in [
        Request::new("POST", "/v1/nothing").header("content-length", "33554432"),
        Request::new("DELETE", "/v1/embeddings").header("content-length", "33554432"),
        Request::new("POST", "/v1/embeddings")
            .header("content-length", "33554432")
            .header("content-type", "image/png"),
    ] {
        let answer = answer_while_sending(&server, &head.bytes(), &block, 32);
        assert!(matches!(answer.status, 404 | 405 | 415 | 413), "{}", answer.status);
        answer.code();
    }
    server.comes_to_rest();
}

#[test]
fn a_client_that_waits_for_the_word_to_send_is_spared_the_sending() {
    let tiny = Tiny::new();
    let server = Server::of(&tiny, &["--max-body", "1MB"]);
    let request = |length: usize| {
        let request = Request::new("POST", "/v1/embeddings").header("expect", "100-continue");
        request.header("content-length", &length.to_string()).bytes()
    };
    let mut connection = server.connect();
    connection.send(&request(2_000_000)).unwrap();
    connection.read().unwrap().with_status(413);
    let mut connection: Connection<_> = server.connect();
    let body = json!({ "input": "a" }).to_string();
    connection.send(&request(body.len())).unwrap();
    connection.read().unwrap().with_status(100);
    connection.send(body.as_bytes()).unwrap();
    connection.read().unwrap().with_status(200);
}
