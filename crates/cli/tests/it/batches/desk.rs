//! What clients of batches do.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::files::shelf::{form, upload};
use crate::serve::client::{Answer, Request};
use crate::serve::eventually;
use crate::serve::server::Server;
use crate::tiny::picture;

/// A client of a server, with a key or without.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) server: &'a Server,
    pub(crate) key: Option<&'a str>,
}

/// A line of an input.
pub(crate) fn line(id: &str, url: &str, body: &Value) -> Value {
    json!({ "custom_id": id, "method": "POST", "url": url, "body": body })
}

/// Lines of embeddings, each with a picture that nobody sent before.
pub(crate) fn pictures(numbers: std::ops::Range<usize>) -> Vec<Value> {
    let one = |number: usize| {
        let mut bytes = fs_err::read(picture("rgb_61x37.png")).unwrap();
        bytes.extend_from_slice(&number.to_le_bytes());
        let image = crate::serve::base64(&bytes);
        let body = json!({ "input": [{ "image": image }], "dimensions": 2 });
        line(&format!("picture {number}"), "/v1/embeddings", &body)
    };
    numbers.map(one).collect()
}

pub(crate) fn joined(lines: &[Value]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

pub(crate) fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

impl Desk<'_> {
    fn keyed(&self, request: Request) -> Request {
        let request = request.header("connection", "close");
        match self.key {
            None => request,
            Some(key) => request.header("authorization", &format!("Bearer {key}")),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.server.ask(&self.keyed(Request::get(path)))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.server.ask(&self.keyed(Request::post(path, body)))
    }

    /// Uploads an input.
    pub(crate) fn put(&self, input: &[u8]) -> String {
        let form = form(&[("purpose", "batch")], "input.jsonl", input);
        let file = self.server.ask(&self.keyed(upload(form))).with_status(200).json();
        id(&file).to_owned()
    }

    /// Makes a batch.
    pub(crate) fn make(&self, input: &[u8], endpoint: &str) -> Value {
        let body = json!({
            "input_file_id": self.put(input), "endpoint": endpoint, "completion_window": "24h",
        });
        self.post("/v1/batches", &body).with_status(200).json()
    }

    pub(crate) fn see(&self, batch: &str) -> Value {
        self.get(&format!("/v1/batches/{batch}")).with_status(200).json()
    }

    /// The batch once it has ended.
    pub(crate) fn ended(&self, batch: &str) -> Value {
        eventually("the batch has ended", || is_over(&self.see(batch)));
        self.see(batch)
    }

    /// Makes a batch and waits for its end.
    pub(crate) fn run(&self, lines: &[Value], endpoint: &str) -> Value {
        let made = self.make(&joined(lines), endpoint);
        self.ended(id(&made))
    }

    /// The lines of one of a batch's files; none without a file.
    pub(crate) fn lines(&self, batch: &Value, file: &str) -> Vec<Value> {
        let Some(file) = batch[file].as_str() else { return Vec::new() };
        let content = self.get(&format!("/v1/files/{file}/content")).with_status(200);
        let lines = content.text().lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    pub(crate) fn output(&self, batch: &Value) -> Vec<Value> {
        self.lines(batch, "output_file_id")
    }

    pub(crate) fn errors(&self, batch: &Value) -> Vec<Value> {
        self.lines(batch, "error_file_id")
    }

    /// How often each custom id stands in the files.
    pub(crate) fn tally(&self, batch: &Value) -> BTreeMap<String, usize> {
        let mut tally = BTreeMap::new();
        for line in self.output(batch).into_iter().chain(self.errors(batch)) {
            *tally.entry(line["custom_id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        tally
    }

    /// That each of the lines has one result.
    pub(crate) fn assert_each_once(&self, batch: &Value, lines: &[Value]) {
        let expected = lines.iter().map(|line| (line["custom_id"].as_str().unwrap().to_owned(), 1));
        assert_eq!(self.tally(batch), expected.collect());
        assert_eq!(batch["request_counts"]["total"], lines.len());
    }
}

pub(crate) fn is_over(batch: &Value) -> bool {
    let status = batch["status"].as_str().unwrap();
    ["completed", "failed", "expired", "cancelled"].contains(&status)
}
