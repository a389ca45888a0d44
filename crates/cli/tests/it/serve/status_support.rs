//! A server of the tiny model for one test, and a client that takes every status as an answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::program::Run;
use crate::tiny::Tiny;

/// The key of the server.
pub(super) const KEY: &str = "a-key";

/// A running server, which ends with the test.
pub(super) struct Server {
    child: Child,
    url: String,
    _tiny: Tiny,
}

impl Server {
    pub(super) fn start(arguments: &[&str]) -> Self {
        Self::of(Tiny::new(), arguments)
    }

    pub(super) fn of(tiny: Tiny, arguments: &[&str]) -> Self {
        let fixed = ["serve", "--addr", "127.0.0.1:0", "--json", "--log-level", "error"];
        let run = Run::new(fixed.iter().chain(arguments))
            .variable("POLYSIGHT_MODEL", tiny.path())
            .variable("POLYSIGHT_API_KEY", KEY);
        let mut command: Command = run.command();
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let mut started = String::new();
        let url = loop {
            let read = lines.read_line(&mut started).expect("the server writes");
            assert!(read > 0, "the server ended before it listened: {started}");
            if let Ok(started) = serde_json::from_str::<Value>(&started) {
                break started["urls"][0].as_str().expect("there is an address").to_owned();
            }
        };
        Self { child, url, _tiny: tiny }
    }

    /// Waits until the models are loaded.
    pub(super) fn ready(self) -> Self {
        for _ in 0..6000 {
            if self.get("/ready").status == 200 {
                return self;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server does not get ready");
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        let request = agent().get(format!("{}{path}", self.url));
        Answer::from(request.header("authorization", format!("Bearer {KEY}")).call())
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, body, [])
    }

    /// With headers that replace or add to the usual ones.
    pub(super) fn post_with<const N: usize>(
        &self,
        path: &str,
        body: &Value,
        headers: [Header; N],
    ) -> Answer {
        let mut all = vec![
            Header("authorization", "Bearer a-key"),
            Header("content-type", "application/json"),
        ];
        all.retain(|Header(name, _)| headers.iter().all(|Header(own, _)| own != name));
        all.extend(headers);
        let mut request = agent().post(format!("{}{path}", self.url));
        for Header(name, value) in all {
            request = request.header(name, value);
        }
        Answer::from(request.send(body.to_string()))
    }

    /// A request whose head declares so many bytes of body, of which none has come yet.
    pub(super) fn without_its_body(&self, path: &str, length: usize) -> Unfinished {
        let host = self.url.strip_prefix("http://").expect("the tests use no TLS");
        let mut stream = TcpStream::connect(host).expect("the server listens");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {KEY}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("the server reads");
        Unfinished(stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A header's name and value.
#[derive(Clone, Copy)]
pub(super) struct Header(pub(super) &'static str, pub(super) &'static str);

/// A connection that waits in the middle of a request.
pub(super) struct Unfinished(TcpStream);

impl Unfinished {
    /// Waits for the answer, which ends with the connection.
    pub(super) fn answer(mut self) -> String {
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).expect("the server answers");
        answer
    }
}

fn agent() -> ureq::Agent {
    let configuration = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_mins(1)));
    configuration.build().into()
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: ureq::http::HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    fn from(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Self {
        let mut answer = answer.expect("the server answers");
        let body = answer.body_mut().read_to_string().expect("the body is complete");
        Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: serde_json::from_str(&body).unwrap_or(Value::String(body)),
        }
    }

    /// A header's text, empty when there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("it is ASCII"))
    }

    /// The same, which must be a good answer.
    pub(super) fn good(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.body);
        self
    }

    /// An error of this status and code, in the envelope, with the headers of every reply.
    pub(super) fn error(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        let outer = self.body.as_object().expect("the envelope is an object");
        assert_eq!(outer.keys().collect::<Vec<_>>(), ["error"]);
        let inner = outer["error"].as_object().expect("the error is an object");
        let mut keys = inner.keys().collect::<Vec<_>>();
        keys.sort_unstable();
        assert_eq!(keys, ["code", "message", "param", "type"]);
        assert_eq!(inner["code"], code);
        assert!(self.header("x-request-id").starts_with("req_"));
        assert!(self.header("openai-processing-ms").parse::<u64>().is_ok());
    }

    /// Seconds of `retry-after`.
    pub(super) fn retry_after(&self) -> u64 {
        self.header("retry-after").parse().expect("it is a number of seconds")
    }
}
