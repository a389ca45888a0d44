//! A chat completion, whole or as a stream of events.

use std::convert::Infallible;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use serde_json::{Value, json};

use super::Filled;
use crate::classification::Usage;

/// A completion as OpenAI has it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ChatReply {
    id: String,
    /// `chat.completion`.
    object: &'static str,
    /// Seconds since 1970.
    created: i64,
    model: String,
    system_fingerprint: String,
    choices: Vec<Choice>,
    usage: ChatUsage,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Choice {
    index: usize,
    message: Message,
    #[schema(required)]
    logprobs: Option<LogProbs>,
    /// `stop`.
    finish_reason: &'static str,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Message {
    /// `assistant`.
    role: &'static str,
    /// JSON text as the schema asks for it, or the bare label.
    content: String,
    /// Always null.
    #[schema(required, value_type = Option<String>)]
    refusal: Option<&'static str>,
}

/// The log-probability of the label.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LogProbs {
    /// Exactly one entry: the label.
    content: Vec<LabelLogProb>,
    /// Always null.
    #[schema(required, value_type = Option<String>)]
    refusal: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
struct LabelLogProb {
    /// The label.
    token: String,
    /// The logarithm of `relative`, of an array's labels of `probability`.
    logprob: f64,
    /// The label in UTF-8.
    bytes: Vec<u8>,
    top_logprobs: Vec<TopLogProb>,
}

#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
struct TopLogProb {
    token: String,
    logprob: f64,
    bytes: Vec<u8>,
}

impl LogProbs {
    /// The best label and the `top` best, from the logits: a logarithm of a probability of 0 would not be a number.
    pub(super) fn new(filled: &Filled, top: usize) -> Self {
        let logits = filled.scores.iter().map(|score| f64::from(score.score.logit));
        let logits = logits.collect::<Vec<_>>();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum = logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>();
        let log = |logit: f64| {
            if filled.question.single() {
                logit - largest - sum.ln()
            } else {
                -(-logit).exp().ln_1p()
            }
        };
        let of = |rank: usize| {
            let token = filled.question.labels[filled.scores[rank].label].clone();
            TopLogProb { logprob: log(logits[rank]), bytes: token.clone().into_bytes(), token }
        };
        let top_logprobs = (0..top.min(filled.scores.len())).map(of).collect();
        let TopLogProb { token, logprob, bytes } = of(0);
        let entry = LabelLogProb { token, logprob, bytes, top_logprobs };
        Self { content: vec![entry], refusal: None }
    }
}

/// OpenAI's numbers and ours.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
struct ChatUsage {
    /// Always 0: nothing is generated.
    completion_tokens: usize,
    #[serde(flatten)]
    usage: Usage,
}

/// What both forms of the reply are made of.
pub(super) struct Completion {
    pub(super) model: String,
    pub(super) fingerprint: String,
    pub(super) content: String,
    pub(super) logprobs: Option<LogProbs>,
    pub(super) usage: Usage,
}

impl Completion {
    fn usage(&self) -> ChatUsage {
        ChatUsage { completion_tokens: 0, usage: self.usage }
    }

    pub(super) fn reply(self) -> ChatReply {
        let usage = self.usage();
        let message = Message { role: "assistant", content: self.content, refusal: None };
        let choice = Choice { index: 0, message, logprobs: self.logprobs, finish_reason: "stop" };
        ChatReply {
            id: id(),
            object: "chat.completion",
            created: now(),
            model: self.model,
            system_fingerprint: self.fingerprint,
            choices: vec![choice],
            usage,
        }
    }

    /// Role, content, finish, the usage when asked for, and the end.
    pub(super) fn stream(self, include_usage: bool) -> Response {
        let usage = serde_json::to_value(self.usage()).unwrap_or_default();
        let head = json!({
            "id": id(), "object": "chat.completion.chunk", "created": now(),
            "model": self.model, "system_fingerprint": self.fingerprint,
        });
        let chunk = |choices: Value, usage: Value| {
            let mut chunk = head.clone();
            chunk["choices"] = choices;
            if include_usage {
                chunk["usage"] = usage;
            }
            chunk.to_string()
        };
        let choice = |delta: Value, logprobs: Value, finish: Value| json!([{ "index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish }]);
        let logprobs = serde_json::to_value(&self.logprobs).unwrap_or_default();
        let begin = json!({ "role": "assistant", "content": "" });
        let mut events = vec![
            chunk(choice(begin, Value::Null, Value::Null), Value::Null),
            chunk(choice(json!({ "content": self.content }), logprobs, Value::Null), Value::Null),
            chunk(choice(json!({}), Value::Null, "stop".into()), Value::Null),
        ];
        if include_usage {
            events.push(chunk(json!([]), usage));
        }
        events.push("[DONE]".to_owned());
        let events =
            events.into_iter().map(|data| Ok::<_, Infallible>(Event::default().data(data)));
        Sse::new(stream::iter(events)).into_response()
    }
}

fn id() -> String {
    format!("chatcmpl-{}", uuid::Uuid::now_v7().simple())
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
