//! A server that answers at once, refuses when too much is under way, and can be told to keep what is dropped.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the stand-in does with a request.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// A good answer after a while; every fourth request is told to go away and the connection is closed.
    RefusesEveryFourth,
    /// A good answer after this time; more than two requests at once are refused.
    TwoAtOnce(Duration),
    /// 200 with an empty object.
    Strange,
}

/// What the stand-in has seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) bodies: Mutex<Vec<Vec<u8>>>,
    requests: AtomicUsize,
    under_way: AtomicUsize,
}

/// Starts one; it lives as long as the test process.
pub(crate) fn start(manner: Manner) -> (String, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let seen = Arc::clone(&shared);
            thread::spawn(move || serve(stream.unwrap(), manner, &seen));
        }
    });
    (address, seen)
}

fn serve(stream: TcpStream, manner: Manner, seen: &Seen) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(body) = request(&mut reader) {
        let number = seen.requests.fetch_add(1, Ordering::Relaxed);
        seen.bodies.lock().unwrap().push(body);
        let at_once = seen.under_way.fetch_add(1, Ordering::Relaxed);
        let good = r#"{"data":[{"embedding":"AAAA"}],"predictions":[],"choices":[],"usage":{"cached_images": 1}}"#;
        let (status, body, more) = match manner {
            Manner::RefusesEveryFourth if number % 4 == 3 => {
                ("429 Refused", "{}", "connection: close\r\n")
            }
            Manner::RefusesEveryFourth => ("200 OK", good, ""),
            Manner::TwoAtOnce(_) if at_once >= 2 => ("429 Refused", "{}", ""),
            Manner::TwoAtOnce(time) => {
                thread::sleep(time);
                ("200 OK", good, "")
            }
            Manner::Strange => ("200 OK", "{}", ""),
        };
        seen.under_way.fetch_sub(1, Ordering::Relaxed);
        let answer =
            format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).is_err() || !more.is_empty() {
            return;
        }
    }
}

/// The body of the next request; None when the client has gone.
fn request(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}
