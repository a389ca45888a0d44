//! The reply of `POST /v1/classify`, as `classify --json` prints it: each item also has its path.

use model::LabelScore;
use serde::Serialize;

use crate::pipeline::PictureError;

/// Which of a prediction's numbers is its `score`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScoreMode {
    /// The softmax over the labels.
    Relative,
    /// The sigmoid of the logit: each label on its own.
    Probability,
}

impl ScoreMode {
    pub(crate) fn of(self, score: &LabelScore) -> f32 {
        match self {
            Self::Relative => score.relative,
            Self::Probability => score.score.probability,
        }
    }
}

/// What stands before the items.
#[derive(Debug, Serialize)]
pub(crate) struct Head<'a> {
    pub(crate) object: &'static str,
    pub(crate) model: &'a str,
    pub(crate) system_fingerprint: &'a str,
    pub(crate) score_mode: ScoreMode,
    /// As they were asked for: `auto`, names of sets, sentences.
    pub(crate) templates: &'a [String],
}

/// One picture.
#[derive(Debug, Serialize)]
#[serde(tag = "object", rename_all = "snake_case")]
pub(crate) enum Item<'a> {
    Classification {
        index: usize,
        path: &'a str,
        /// The best label, selected or not.
        prediction: &'a str,
        /// The best label's.
        score: f32,
        predictions: Vec<Prediction<'a>>,
    },
    Error {
        index: usize,
        path: &'a str,
        error: ErrorObject<'a>,
    },
}

impl<'a> Item<'a> {
    pub(crate) fn error(index: usize, path: &'a str, error: &'a PictureError) -> Self {
        Self::Error { index, path, error: ErrorObject::new(error) }
    }
}

/// A label of a picture.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Prediction<'a> {
    pub(crate) label: &'a str,
    pub(crate) score: f32,
    pub(crate) probability: f32,
    pub(crate) relative: f32,
    pub(crate) logit: f32,
    pub(crate) cosine: f32,
    pub(crate) selected: bool,
}

/// The envelope of every error of the API.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorObject<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'static str>,
    code: &'static str,
}

impl<'a> ErrorObject<'a> {
    pub(crate) fn new(error: &'a PictureError) -> Self {
        Self {
            message: &error.message,
            kind: "invalid_request_error",
            param: None,
            code: error.code,
        }
    }
}

/// What the call took. On one's own machine nothing is cached between calls and nothing is charged.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: usize,
    pub(crate) total_tokens: usize,
    pub(crate) images: usize,
    pub(crate) cached_images: usize,
    pub(crate) labels: usize,
    pub(crate) cached_labels: usize,
    /// Micro-dollars: always 0 here.
    pub(crate) cost: u64,
}

/// A JSON text for the command line.
///
/// # Panics
/// Never: the types of this crate have string keys and no failing parts.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a reply is made of strings and numbers")
}
