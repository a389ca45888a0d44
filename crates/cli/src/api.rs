//! A server in OpenAI's shape, as a client sees it: calls that are made again while it is busy.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body, Proxy};

use crate::environment::Environment;
use crate::exit::UsageError;
use crate::{hub_access, labels};

const USER_AGENT: &str = concat!("polysight/", env!("CARGO_PKG_VERSION"));

/// The longest answer: 64 vectors of 4,096 numbers are 6 MB as text.
const MOST_BYTES: u64 = 256 << 20;

/// A model may be loaded by the first call.
const PATIENCE: Duration = Duration::from_mins(10);

/// How often a call is made while the server is busy, or loads its model.
const ATTEMPTS_WHEN_BUSY: u32 = 8;

/// How often a call is made that fails for another reason of the server's.
const ATTEMPTS: u32 = 2;

/// The longest wait between two attempts.
const LONGEST_WAIT: u64 = 120;

/// An address and a key. Copies share the connections.
#[derive(Clone)]
pub(crate) struct Api {
    agent: Agent,
    /// Without a slash at the end.
    address: String,
    key: Option<String>,
}

/// What became of a call.
pub(crate) enum Answer {
    Success(Value),
    /// The server takes what was sent for wrong.
    Refused {
        status: u16,
        message: String,
    },
}

/// A file to be uploaded.
pub(crate) struct Upload<'a> {
    pub(crate) name: &'a str,
    pub(crate) purpose: &'a str,
    pub(crate) bytes: &'a [u8],
}

struct Content {
    media_type: String,
    bytes: Vec<u8>,
}

impl Api {
    /// The API at the address that a flag gave; nothing is asked yet.
    ///
    /// # Errors
    /// When the address makes no sense, or the file has no key.
    pub(crate) fn at(
        flag: &str,
        address: &str,
        key_file: Option<&Path>,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let lower = address.to_ascii_lowercase();
        if !lower.starts_with("http://") && !lower.starts_with("https://") {
            let message =
                format!("{flag}: {address:?} is no address like http://127.0.0.1:8080/v1");
            return Err(UsageError::new(message).into());
        }
        let key = match key_file {
            Some(file) => {
                let first = labels::lines_of(file)?.into_iter().next();
                Some(first.with_context(|| format!("{}: no key in this file", file.display()))?)
            }
            None => None,
        };
        let proxy = hub_access::proxy(address, environment)?;
        let proxy = proxy.map(|proxy| Proxy::new(&proxy)).transpose().context("the proxy")?;
        let config = Agent::config_builder()
            .proxy(proxy)
            .http_status_as_error(false)
            .user_agent(USER_AGENT)
            .timeout_global(Some(PATIENCE))
            .build();
        let address = address.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.into(), address, key })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Asks for something below the address that is there.
    ///
    /// # Errors
    /// When nobody answers, or not with success.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.expect(path, self.call(&Method::GET, path, None)?)
    }

    /// Sends a document.
    ///
    /// # Errors
    /// When nobody answers, or neither with success nor with what is wrong with the document.
    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let bytes = body.to_string().into_bytes();
        let content = Content { media_type: "application/json".to_owned(), bytes };
        self.call(&Method::POST, path, Some(&content))
    }

    /// Sends a document that is right.
    ///
    /// # Errors
    /// When nobody answers, or not with success.
    pub(crate) fn create(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.expect(path, self.post(path, body)?)
    }

    /// Removes something; it may be gone already.
    ///
    /// # Errors
    /// When nobody answers, or with anything else.
    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<()> {
        match self.call(&Method::DELETE, path, None)? {
            Answer::Refused { status: 404, .. } => Ok(()),
            answer => self.expect(path, answer).map(|_| ()),
        }
    }

    /// Sends a file as a form.
    ///
    /// # Errors
    /// When nobody answers, or neither with success nor with what is wrong with the file.
    pub(crate) fn upload(&self, path: &str, upload: &Upload<'_>) -> anyhow::Result<Answer> {
        let Upload { name, purpose, bytes } = upload;
        // The contents must not have it in them.
        let mut boundary = "polysight".to_owned();
        while bytes.windows(boundary.len()).any(|part| part == boundary.as_bytes()) {
            boundary.push('0');
        }
        // Names are quoted as browsers do it.
        let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--{boundary}\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(bytes);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let media_type = format!("multipart/form-data; boundary={boundary}");
        self.call(&Method::POST, path, Some(&Content { media_type, bytes: body }))
    }

    /// # Errors
    /// When it was refused.
    fn expect(&self, path: &str, answer: Answer) -> anyhow::Result<Value> {
        match answer {
            Answer::Success(reply) => Ok(reply),
            Answer::Refused { status, message } => {
                bail!("{}/{path}: HTTP {status}: {message}", self.address)
            }
        }
    }

    /// Makes a call, and again while the server says that it is too busy.
    fn call(
        &self,
        method: &Method,
        path: &str,
        content: Option<&Content>,
    ) -> anyhow::Result<Answer> {
        let url = format!("{}/{path}", self.address);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let response = self.send(method, &url, content).with_context(|| url.clone())?;
            let status = response.status().as_u16();
            let header = |name| response.headers().get(name)?.to_str().ok();
            let after = header("retry-after").and_then(|after| after.parse::<u64>().ok());
            let attempts = match (header("x-should-retry"), status) {
                (Some("false"), _) => 1,
                (_, 429 | 503) => ATTEMPTS_WHEN_BUSY,
                _ => ATTEMPTS,
            };
            let reply = read(response).with_context(|| url.clone())?;
            match status {
                200..=299 => return Ok(Answer::Success(reply)),
                429 | 500..=599 if attempt < attempts => {
                    let seconds = after.unwrap_or(1 << attempt.min(5)).min(LONGEST_WAIT);
                    std::thread::sleep(Duration::from_secs(seconds));
                }
                400 | 413 | 415 | 422 => {
                    return Ok(Answer::Refused { status, message: message(&reply) });
                }
                404 if *method == Method::DELETE => {
                    return Ok(Answer::Refused { status, message: message(&reply) });
                }
                404 if !self.address.ends_with("/v1") => {
                    bail!(
                        "{url}: HTTP 404: {}; the address usually ends with /v1",
                        message(&reply)
                    );
                }
                _ => bail!("{url}: HTTP {status}: {}", message(&reply)),
            }
        }
    }

    fn send(
        &self,
        method: &Method,
        url: &str,
        content: Option<&Content>,
    ) -> anyhow::Result<Response<Body>> {
        let mut request = Request::builder().method(method).uri(url);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        Ok(match content {
            Some(Content { media_type, bytes }) => {
                let request = request.header("content-type", media_type);
                self.agent.run(request.body(bytes.as_slice())?)?
            }
            None => self.agent.run(request.body(())?)?,
        })
    }
}

/// A picture as part of a request: a data URI. What the bytes are, the server finds out by itself.
pub(crate) fn picture_part(bytes: &[u8]) -> Value {
    let media_type = match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, ..] => "image/jpeg",
        [b'G', b'I', b'F', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', ..] => "image/webp",
        [b'B', b'M', ..] => "image/bmp",
        _ => "image/tiff",
    };
    json!({"image": format!("data:{media_type};base64,{}", BASE64_STANDARD.encode(bytes))})
}

/// The body as JSON; one that is none is a text.
fn read(response: Response<Body>) -> anyhow::Result<Value> {
    let mut bytes = Vec::new();
    response.into_body().into_reader().take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        bail!("the answer is longer than {MOST_BYTES} bytes");
    }
    let as_text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
    Ok(serde_json::from_slice(&bytes).unwrap_or_else(|_| as_text()))
}

/// What an error says, in one short line.
fn message(body: &Value) -> String {
    let message = body.pointer("/error/message").and_then(Value::as_str);
    let text = message.map_or_else(|| body.to_string(), str::to_owned);
    text.chars().take(300).collect()
}
