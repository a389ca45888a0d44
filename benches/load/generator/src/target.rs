//! The server under load, and what is sent to it.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::arguments::Arguments;
use crate::connection::Connection;
use crate::pictures::{self, Picture};
use crate::response::{Keeps, find};
use crate::template::{Dialect, Template};

/// What every client shares.
#[derive(Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    timeout: Duration,
    template: Template,
    /// The head of a request up to the number of its body's bytes.
    head: String,
    /// The same for texts.
    text_head: String,
    model: String,
    batch: usize,
    pub(crate) pictures: Vec<Picture>,
    /// Numbers the requests of this run.
    requests: AtomicU64,
    /// The seed's share of a stamp, so that runs with other seeds send other bytes.
    stamps: u64,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// 200 with the body of the dialect.
    Good,
    /// 200 with another body.
    Strange,
    /// Another status.
    Status(u16),
    /// No connection.
    Connect,
    /// The connection ended before the answer did.
    Broken,
    /// No answer in time.
    Timeout,
    /// What came was no HTTP.
    Malformed,
}

/// A finished request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    pub(crate) outcome: Outcome,
    /// How many pictures the server says it had seen before.
    pub(crate) cached: u64,
}

impl Target {
    /// Makes the pictures and finds the address.
    ///
    /// # Errors
    /// When the address or the photo is not usable, or a dialect cannot have that many pictures.
    pub(crate) fn prepare(arguments: &Arguments) -> anyhow::Result<Self> {
        let batch = arguments.batch.get();
        ensure!(
            batch == 1 || arguments.dialect != Dialect::OpenaiChat,
            "a chat request classifies one picture, not {batch}"
        );
        let mut addresses = arguments.address.to_socket_addrs().context("the address")?;
        let address = addresses.next().context("the address has no number")?;
        let template = arguments.dialect.template(&arguments.model);
        let path = arguments.path.as_deref().unwrap_or(template.path);
        let key = arguments.key.as_ref().map(|key| format!("authorization: Bearer {key}\r\n"));
        let key = key.unwrap_or_default();
        let head = |path: &str| {
            format!(
                "POST {path} HTTP/1.1\r\nhost: {}\r\n{key}content-type: application/json\r\ncontent-length: ",
                arguments.address
            )
        };
        Ok(Self {
            address,
            timeout: Duration::from_secs_f64(arguments.timeout),
            head: head(path),
            text_head: head("/v1/embeddings"),
            template,
            model: arguments.model.clone(),
            batch,
            pictures: pictures::make(&arguments.photo, arguments.pictures.get(), arguments.seed)?,
            requests: AtomicU64::new(0),
            stamps: arguments.seed << 40,
        })
    }

    /// The mean size of a picture's file.
    pub(crate) fn mean_picture_bytes(&self) -> usize {
        self.pictures.iter().map(|picture| picture.bytes).sum::<usize>() / self.pictures.len()
    }

    /// The size of the body of the first request.
    pub(crate) fn body_bytes(&self) -> usize {
        let stamps = vec![pictures::stamp(0); self.batch];
        self.template.body(self.pictures.iter().cycle(), &stamps).iter().map(|p| p.len()).sum()
    }

    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    pub(crate) fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address, self.timeout)
    }

    /// Gives `send` the pieces of the next request; no two are the same.
    pub(crate) fn with_request<R>(&self, send: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let first = self.requests.fetch_add(self.batch as u64, Ordering::Relaxed);
        let stamps = (first..).take(self.batch).map(|number| pictures::stamp(self.stamps | number));
        let stamps = stamps.collect::<Vec<_>>();
        let place = first as usize % self.pictures.len();
        let pictures = self.pictures.iter().cycle().skip(place);
        let mut pieces = self.template.body(pictures, &stamps);
        let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        let head = format!("{}{length}\r\n\r\n", self.head);
        pieces[0] = IoSlice::new(head.as_bytes());
        send(&pieces)
    }

    /// Sends the next pictures over the connection, which is opened where there is none.
    pub(crate) fn send_pictures(&self, slot: &mut Option<Connection>) -> Finished {
        self.with_request(|pieces| self.exchange(slot, pieces, self.template.marker))
    }

    /// Sends a short text that has not been sent before.
    pub(crate) fn send_text(&self, slot: &mut Option<Connection>) -> Finished {
        let number = self.stamps | self.requests.fetch_add(1, Ordering::Relaxed);
        let body = serde_json::json!({
            "model": self.model,
            "encoding_format": "base64",
            "input": [format!("a photo of bicycle number {number}")],
        });
        let body = body.to_string();
        let request = format!("{}{}\r\n\r\n{body}", self.text_head, body.len());
        self.exchange(slot, &[IoSlice::new(request.as_bytes())], r#""embedding""#)
    }

    fn exchange(
        &self,
        slot: &mut Option<Connection>,
        pieces: &[IoSlice<'_>],
        marker: &str,
    ) -> Finished {
        loop {
            let connection = match slot {
                Some(connection) => connection,
                None => match self.connect() {
                    Ok(connection) => slot.insert(connection),
                    Err(error) => {
                        return Finished { outcome: failure(&error, Outcome::Connect), cached: 0 };
                    }
                },
            };
            let used = connection.used;
            match connection.exchange(pieces) {
                Ok(answer) => {
                    let body = &connection.reader.body;
                    let outcome = match answer.status {
                        200 if find(body, marker.as_bytes()).is_some() => Outcome::Good,
                        200 => Outcome::Strange,
                        status => Outcome::Status(status),
                    };
                    let cached = number_after(body, br#""cached_images":"#);
                    if connection.keeps == Keeps::Closed {
                        *slot = None;
                    }
                    return Finished { outcome, cached };
                }
                Err(error) => {
                    *slot = None;
                    let outcome = failure(&error, Outcome::Broken);
                    // The server may have closed a kept connection just before: every client tries once again.
                    if !(used && was_closed(&error)) {
                        return Finished { outcome, cached: 0 };
                    }
                }
            }
        }
    }
}

fn failure(error: &io::Error, otherwise: Outcome) -> Outcome {
    match error.kind() {
        // A blocking read that times out says `WouldBlock` on Unix.
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Outcome::Timeout,
        io::ErrorKind::InvalidData => Outcome::Malformed,
        _ => otherwise,
    }
}

/// Whether the connection ended before an answer began.
fn was_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}

/// The number behind a JSON key; 0 where there is none.
fn number_after(body: &[u8], key: &[u8]) -> u64 {
    let Some(at) = find(body, key) else { return 0 };
    let digits = body[at + key.len()..].iter().skip_while(|byte| **byte == b' ');
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

impl Outcome {
    /// As the report says it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Good => "200".to_owned(),
            Self::Strange => "200 with another body".to_owned(),
            Self::Status(status) => status.to_string(),
            Self::Connect => "no connection".to_owned(),
            Self::Broken => "connection broken".to_owned(),
            Self::Timeout => "timeout".to_owned(),
            Self::Malformed => "no http".to_owned(),
        }
    }
}
