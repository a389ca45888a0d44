//! An API in OpenAI's shape as an embedder, so that what a server loses on the way to its model is measured with it.
//!
//! Texts go as strings and pictures as `{"image": data URI}`, a list each; vectors come back as base64 or as numbers.

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eval::{Embedder, EmbedderError, Identity, PictureEmbedding};
use model::{Embeddings, Scoring};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Answer, Api, picture_part};
use crate::arguments::eval::MeasureArguments;
use crate::environment::Environment;
use crate::exit::UsageError;

/// A model behind an address.
pub(crate) struct ApiEmbedder {
    api: Api,
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
        let key_file = arguments.api_key_file.as_deref();
        let api = Api::at("--against", address, key_file, environment)?;
        let mut api = Self { api, model: String::new(), fingerprint: None, scoring: None };
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
        let models = self.api.get("models").context("no list of models")?;
        match models.pointer("/data/0/id").and_then(Value::as_str) {
            Some(name) => Ok(name.to_owned()),
            None => bail!("{}/models: no list of models", self.api.address()),
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
        let Ok(Answer::Success(reply)) = self.api.post("classify", &body) else { return };
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

    /// Embeds a list; the vectors come in its order.
    fn embed(&self, input: &[Value]) -> anyhow::Result<Result<Vec<Vec<f32>>, String>> {
        let body = json!({"model": self.model, "input": input, "encoding_format": "base64"});
        let reply = match self.api.post("embeddings", &body)? {
            Answer::Success(reply) => reply,
            Answer::Refused { status, message } => {
                return Ok(Err(format!("HTTP {status}: {message}")));
            }
        };
        let place = || format!("{}/embeddings", self.api.address());
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

impl Embedder for ApiEmbedder {
    fn identity(&self) -> Result<Identity, EmbedderError> {
        Ok(Identity {
            name: self.model.clone(),
            fingerprint: self.fingerprint.clone(),
            computed_by: self.api.address().to_owned(),
        })
    }

    fn scoring(&self) -> Option<Scoring> {
        self.scoring
    }

    fn embed_pictures(&self, pictures: &[Vec<u8>]) -> Result<Vec<PictureEmbedding>, EmbedderError> {
        let input = pictures.iter().map(|bytes| picture_part(bytes)).collect::<Vec<_>>();
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
