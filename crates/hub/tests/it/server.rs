//! A small HTTP server that behaves like the hub, or misbehaves on demand. It listens on the loopback only.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sha1::{Digest, Sha1};
use sha2::Sha256;

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub const ID: &str = "org/tiny-siglip";

/// How an answer is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends after so many bytes of the body.
    DropAfter(usize),
    /// Nothing follows after so many bytes of the body, and the connection stays open.
    StallAfter(usize),
    /// Only this status.
    Status(u16),
    /// The announced length is so much longer than the body.
    LongerBy(i64),
    /// Other bytes than the hash says.
    Corrupt,
    /// The whole file, whatever range was asked for.
    IgnoreRange,
    /// A range that was not asked for.
    OtherRange,
    /// No `Content-Length`, and only so many bytes: the end of the connection is the end of the file.
    UnannouncedOnly(usize),
    /// Another body, with status 200.
    Reply(&'static str),
    /// The file twice, without `Content-Length`.
    Endless,
}

/// A request as it arrived; header names are in lower case.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

impl Seen {
    /// The path without what follows a question mark.
    pub fn file(&self) -> &str {
        self.path.split('?').next().unwrap()
    }
}

#[derive(Clone)]
struct Planned {
    method: &'static str,
    path_end: String,
    fault: Fault,
    times: usize,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    planned: Vec<Planned>,
    seen: Vec<Seen>,
    token: Option<String>,
    storage: Option<String>,
    redirect: Option<String>,
}

/// The server; its threads end with the test process.
pub struct Server {
    pub address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// Starts a hub that has one model with these files.
    pub fn start(files: &[(&str, &[u8])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        for (name, contents) in files {
            state.lock().unwrap().files.insert((*name).to_owned(), contents.to_vec());
        }
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A client that goes away is part of the tests.
                thread::spawn(move || drop(answer(stream, &shared)));
            }
        });
        Self { address, state }
    }

    /// The next `times` requests with this method, and a path that ends so, are answered wrongly.
    pub fn plan(&self, method: &'static str, path_end: &str, fault: Fault, times: usize) {
        self.state.lock().unwrap().planned.push(Planned {
            method,
            path_end: path_end.to_owned(),
            fault,
            times,
        });
    }

    /// Lets nobody in without this token.
    pub fn require_token(&self, token: &str) {
        self.state.lock().unwrap().token = Some(token.to_owned());
    }

    /// Redirects downloads of weights to another server, as the hub does.
    pub fn store_weights_at(&self, address: &str) {
        self.state.lock().unwrap().storage = Some(address.to_owned());
    }

    /// Redirects every file to this address.
    pub fn redirect_files_to(&self, location: &str) {
        self.state.lock().unwrap().redirect = Some(location.to_owned());
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// The requests so far with a method and an end of the path.
    pub fn seen_for(&self, method: &str, path_end: &str) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|seen| seen.method == method && seen.file().ends_with(path_end));
        seen
    }
}

/// The etag of the hub: SHA-256 for weights and the sentencepiece model, git's blob hash for the rest.
pub fn etag(name: &str, contents: &[u8]) -> String {
    if is_large(name) {
        hexadecimal(&Sha256::digest(contents))
    } else {
        let mut hash = Sha1::new();
        hash.update(format!("blob {}\0", contents.len()));
        hash.update(contents);
        hexadecimal(&hash.finalize())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

fn is_large(name: &str) -> bool {
    name.ends_with(".safetensors") || name == "spiece.model"
}

fn answer(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(());
    };
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let request = Seen { method, path, headers };
    let mut state = state.lock().unwrap();
    state.seen.push(request.clone());
    let mut fault = None;
    for planned in &mut state.planned {
        if fault.is_none()
            && planned.times > 0
            && planned.method == request.method
            && request.file().ends_with(&planned.path_end)
        {
            planned.times -= 1;
            fault = Some(planned.fault);
        }
    }
    let reply = reply(&state, &request, fault);
    drop(state);
    send(stream, &request, &reply, fault)
}

struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn reply(state: &State, request: &Seen, fault: Option<Fault>) -> Reply {
    let plain = |status, body: &[u8]| Reply { status, headers: Vec::new(), body: body.to_vec() };
    if let Some(Fault::Status(status)) = fault {
        return plain(status, b"no");
    }
    if let Some(Fault::Reply(body)) = fault {
        return plain(200, body.as_bytes());
    }
    if let Some(token) = &state.token
        && request.headers.get("authorization") != Some(&format!("Bearer {token}"))
    {
        return plain(401, b"Invalid username or password.");
    }
    if request.path == format!("/api/models/{ID}/revision/main")
        || request.path == format!("/api/models/{ID}/revision/refs%2Fpr%2F1")
    {
        let siblings: Vec<_> =
            state.files.keys().map(|name| serde_json::json!({"rfilename": name})).collect();
        let list =
            serde_json::json!({"id": ID, "sha": COMMIT, "siblings": siblings, "private": false});
        return plain(200, list.to_string().as_bytes());
    }
    let path = request.file();
    let resolve = format!("/{ID}/resolve/{COMMIT}/");
    let is_storage = path.starts_with("/storage/");
    let Some(name) = path.strip_prefix(&resolve).or(path.strip_prefix("/storage/")) else {
        return plain(404, b"Repository not found");
    };
    let Some(contents) = state.files.get(name) else {
        return plain(404, b"Entry not found");
    };
    file_reply(state, request, name, contents, is_storage, fault)
}

fn file_reply(
    state: &State,
    request: &Seen,
    name: &str,
    contents: &[u8],
    is_storage: bool,
    fault: Option<Fault>,
) -> Reply {
    let etag = format!("\"{}\"", etag(name, contents));
    if let (Some(location), false) = (&state.redirect, is_storage) {
        return Reply {
            status: 307,
            headers: vec![("Location", location.replace("{file}", name))],
            body: Vec::new(),
        };
    }
    if let (Some(storage), true, false) = (&state.storage, is_large(name), is_storage) {
        return Reply {
            status: 302,
            headers: vec![
                ("Location", format!("{storage}/storage/{name}?signature=secret")),
                ("ETag", "\"of-the-redirect\"".to_owned()),
                ("X-Linked-Etag", etag),
                ("X-Linked-Size", contents.len().to_string()),
                ("X-Repo-Commit", COMMIT.to_owned()),
            ],
            body: Vec::new(),
        };
    }
    let mut headers = vec![("ETag", etag), ("X-Repo-Commit", COMMIT.to_owned())];
    let mut body = contents.to_vec();
    if fault == Some(Fault::Corrupt) {
        body[0] ^= 1;
    }
    let from: Option<usize> = request
        .headers
        .get("range")
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let status = match from {
        Some(_) if fault == Some(Fault::IgnoreRange) => 200,
        Some(from) if from >= body.len() => 416,
        Some(from) => {
            let from = if fault == Some(Fault::OtherRange) { from - 1 } else { from };
            let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
            headers.push(("Content-Range", range));
            body.drain(..from);
            206
        }
        None => 200,
    };
    Reply { status, headers, body }
}

fn send(
    mut stream: TcpStream,
    request: &Seen,
    reply: &Reply,
    fault: Option<Fault>,
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    let length = reply.body.len() as i64;
    let announced = match fault {
        Some(Fault::LongerBy(more)) => length + more,
        _ => length,
    };
    if !matches!(fault, Some(Fault::UnannouncedOnly(_) | Fault::Endless)) {
        head.extend(["Content-Length: ", &announced.to_string(), "\r\n"]);
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if request.method == "HEAD" {
        return Ok(());
    }
    match fault {
        Some(Fault::DropAfter(count) | Fault::UnannouncedOnly(count)) => {
            stream.write_all(&reply.body[..count.min(reply.body.len())])?;
        }
        Some(Fault::StallAfter(count)) => {
            stream.write_all(&reply.body[..count.min(reply.body.len())])?;
            stream.flush()?;
            // Until the client hangs up, but not for ever.
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            let _ = stream.read(&mut [0]);
        }
        Some(Fault::Endless) => {
            for _ in 0..2 {
                stream.write_all(&reply.body)?;
            }
        }
        _ => stream.write_all(&reply.body)?,
    }
    stream.flush()
}
