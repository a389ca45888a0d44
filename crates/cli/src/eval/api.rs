//! An API in OpenAI's shape as an embedder, so that what a server loses on the way to its model is measured with it.
//!
//! Texts go as strings and pictures as `{"image": data URI}`, a list each; vectors come back as base64 or as numbers.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eval::{Embedder, EmbedderError, Identity, PictureEmbedding};
use model::{Embeddings, Scoring};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::{Agent, Proxy};

use crate::arguments::eval::MeasureArguments;
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

/// A model behind an address.
pub(crate) struct ApiEmbedder {
    agent: Agent,
    /// Without a slash at the end.
    address: String,
    key: Option<String>,
    model: String,
    fingerprint: Option<String>,
    scoring: Option<Scoring>,
}

/// An answer of `POST /embeddings`.
#[derive(Deserialize)]
struct Reply {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Option<Vector>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Base64(String),
}

/// What became of a call.
enum Answer {
    Success(Value),
    /// The server takes the call for wrong.
    Refused {
        status: u16,
        message: String,
    },
}

impl ApiEmbedder {
    /// Speaks to the API and asks for its models.
    ///
    /// # Errors
    /// When the address makes no sense, nobody answers, or there is no model.
    pub(crate) fn connect(
        address: &str,
        arguments: &MeasureArguments,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let lower = address.to_ascii_lowercase();
        if !lower.starts_with("http://") && !lower.starts_with("https://") {
            let message =
                format!("--against: {address:?} is no address like http://127.0.0.1:8080/v1");
            return Err(UsageError::new(message).into());
        }
        let key = match &arguments.api_key_file {
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
        let mut api = Self {
            agent: config.into(),
            address: address.trim_end_matches('/').to_owned(),
            key,
            model: String::new(),
            fingerprint: None,
            scoring: None,
        };
        api.model = match &arguments.model.model {
            Some(name) => {
                let name = name.to_str().ok_or_else(|| UsageError::new("--model: not UTF-8"))?;
                name.to_owned()
            }
            None => api.first_model()?,
        };
        api.ask_for_scoring();
        Ok(api)
    }

    fn first_model(&self) -> anyhow::Result<String> {
        let url = format!("{}/models", self.address);
        let mut request = self.agent.get(&url);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let response = request.call().with_context(|| url.clone())?;
        let status = response.status().as_u16();
        let body = read(response).with_context(|| url.clone())?;
        let name = body.pointer("/data/0/id").and_then(Value::as_str);
        match name {
            Some(name) if status == 200 => Ok(name.to_owned()),
            _ => bail!("{url}: no list of models (HTTP {status}: {})", message(&body)),
        }
    }

    /// From two of the server's own scores follow the scale and the bias, where it has an endpoint for them. Without it
    /// there is no calibration.
    fn ask_for_scoring(&mut self) {
        let body = json!({
            "model": self.model,
            "input": [{"text": "a photo of a cat"}],
            "labels": ["a photo of a cat", "1789", "Wolkenkratzer"],
            "templates": ["{}"],
        });
        let Ok(Answer::Success(reply)) = self.post("classify", &body) else { return };
        self.fingerprint = reply["system_fingerprint"].as_str().map(str::to_owned);
        let Some(predictions) = reply.pointer("/data/0/predictions").and_then(Value::as_array)
        else {
            return;
        };
        let number = |at: Option<&Value>, name: &str| at.and_then(|at| at[name].as_f64());
        let (best, worst) = (predictions.first(), predictions.last());
        let pairs = [(best, "cosine"), (worst, "cosine"), (best, "logit"), (worst, "logit")];
        let [Some(c1), Some(c2), Some(l1), Some(l2)] = pairs.map(|(at, name)| number(at, name))
        else {
            return;
        };
        let factor = (l1 - l2) / (c1 - c2);
        if factor.is_finite() && factor > 0.0 {
            let bias = l1 - factor * c1;
            self.scoring = Some(Scoring { factor: factor as f32, bias: bias as f32 });
        }
    }

    /// Sends a call, and again while the server says that it is too busy.
    fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let url = format!("{}/{path}", self.address);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut request = self.agent.post(&url).header("content-type", "application/json");
            if let Some(key) = &self.key {
                request = request.header("authorization", format!("Bearer {key}"));
            }
            let response = request.send(body.to_string()).with_context(|| url.clone())?;
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
                200 => return Ok(Answer::Success(reply)),
                429 | 500..=599 if attempt < attempts => {
                    let seconds = after.unwrap_or(1 << attempt.min(5)).min(LONGEST_WAIT);
                    std::thread::sleep(Duration::from_secs(seconds));
                }
                400 | 413 | 415 | 422 => {
                    return Ok(Answer::Refused { status, message: message(&reply) });
                }
                _ => bail!("{url}: HTTP {status}: {}", message(&reply)),
            }
        }
    }

    /// Embeds a list; the vectors come in its order.
    fn embed(&self, input: &[Value]) -> anyhow::Result<Result<Vec<Vec<f32>>, String>> {
        let body = json!({"model": self.model, "input": input, "encoding_format": "base64"});
        let reply = match self.post("embeddings", &body)? {
            Answer::Success(reply) => reply,
            Answer::Refused { status, message } => {
                return Ok(Err(format!("HTTP {status}: {message}")));
            }
        };
        let place = || format!("{}/embeddings", self.address);
        let reply = serde_json::from_value::<Reply>(reply)
            .with_context(|| format!("{}: no list of embeddings", place()))?;
        let mut vectors = vec![None; input.len()];
        for item in reply.data {
            let vector = item.embedding.map(vector).transpose().with_context(place)?;
            let slot = vectors.get_mut(item.index);
            *slot.with_context(|| format!("{}: more embeddings than inputs", place()))? = vector;
        }
        let vectors = vectors.into_iter().collect::<Option<Vec<_>>>();
        Ok(Ok(vectors.with_context(|| format!("{}: fewer embeddings than inputs", place()))?))
    }
}

/// Little-endian 32-bit floats, unless they are numbers already.
fn vector(vector: Vector) -> anyhow::Result<Vec<f32>> {
    match vector {
        Vector::Numbers(numbers) => Ok(numbers),
        Vector::Base64(text) => {
            let bytes = STANDARD.decode(text).context("an embedding is no base64")?;
            let (numbers, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                bail!("an embedding is not made of 32-bit floats");
            }
            Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
        }
    }
}

/// The body as JSON; one that is none is a text.
fn read(response: ureq::http::Response<ureq::Body>) -> anyhow::Result<Value> {
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

/// A data URI; what the bytes are, the server finds out by itself.
fn picture(bytes: &[u8]) -> Value {
    let media_type = match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, ..] => "image/jpeg",
        [b'G', b'I', b'F', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', ..] => "image/webp",
        [b'B', b'M', ..] => "image/bmp",
        _ => "image/tiff",
    };
    json!({"image": format!("data:{media_type};base64,{}", STANDARD.encode(bytes))})
}

impl Embedder for ApiEmbedder {
    fn identity(&self) -> Result<Identity, EmbedderError> {
        Ok(Identity {
            name: self.model.clone(),
            fingerprint: self.fingerprint.clone(),
            computed_by: self.address.clone(),
        })
    }

    fn scoring(&self) -> Option<Scoring> {
        self.scoring
    }

    fn embed_pictures(&self, pictures: &[Vec<u8>]) -> Result<Vec<PictureEmbedding>, EmbedderError> {
        let input = pictures.iter().map(|bytes| picture(bytes)).collect::<Vec<_>>();
        if let Ok(vectors) = self.embed(&input)? {
            return Ok(vectors.into_iter().map(Ok).collect());
        }
        // One of them was refused: which?
        let mut embeddings = Vec::with_capacity(input.len());
        for one in &input {
            let embedded = self.embed(std::slice::from_ref(one))?;
            embeddings.push(embedded.map(|mut vectors| vectors.remove(0)));
        }
        Ok(embeddings)
    }

    fn embed_texts(&self, texts: &[String]) -> Result<Embeddings, EmbedderError> {
        let input = texts.iter().cloned().map(Value::String).collect::<Vec<_>>();
        let vectors = self.embed(&input)?.map_err(anyhow::Error::msg)?;
        let dimension = vectors.first().map_or(0, Vec::len);
        if dimension == 0 || vectors.iter().any(|vector| vector.len() != dimension) {
            return Err("the embeddings of texts differ in length".into());
        }
        Ok(Embeddings::from_unit_rows(dimension, vectors.concat()))
    }
}
