//! The reply of `POST /v1/classify`, for the server and for `polysight classify --json` alike.

use model::{LabelScore, LabelVectors};
use serde::Serialize;

use crate::error::ErrorObject;

/// From which probability a label is selected when each is judged on its own.
const MULTI_LABEL_THRESHOLD: f32 = 0.5;

/// Which of a prediction's numbers is its `score`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreMode {
    /// The softmax over the labels.
    Relative,
    /// The sigmoid of the logit: each label on its own.
    Probability,
    /// Of a label set with groups of both kinds: `relative` in exclusive ones, `probability` in the others.
    ByGroup,
}

impl ScoreMode {
    /// The one that is the score of a label that is in no group.
    pub fn of(self, score: &LabelScore) -> f32 {
        match self {
            Self::Relative | Self::ByGroup => score.relative,
            Self::Probability => score.score.probability,
        }
    }
}

/// Which labels are shown and which are selected.
#[derive(Clone, Copy, Debug)]
pub struct Selection {
    /// What the score is.
    pub mode: ScoreMode,
    /// From which score a label is selected; without it the best one, or with [`ScoreMode::Probability`] from 0.5.
    pub threshold: Option<f32>,
    /// How many labels are shown, best first.
    pub most: usize,
}

impl Selection {
    /// The best labels, best first; equal ones in the order that they were given in. `image` is of length 1.
    pub fn predictions(&self, vectors: &LabelVectors, image: &[f32]) -> Vec<Prediction> {
        let mut scores = vectors.score(image);
        // Both scores grow with the logit, which does not run into 0 or 1.
        scores.sort_by(|a, b| b.score.logit.total_cmp(&a.score.logit));
        let names = vectors.names();
        let prediction = |(rank, score): (usize, &LabelScore)| Prediction {
            label: names[score.label].clone(),
            group: None,
            score: self.mode.of(score),
            probability: score.score.probability,
            relative: score.relative,
            logit: score.score.logit,
            cosine: score.score.cosine,
            selected: self.selects(rank, self.mode.of(score)),
        };
        scores.iter().take(self.most).enumerate().map(prediction).collect()
    }

    fn selects(&self, rank: usize, score: f32) -> bool {
        match self.mode {
            ScoreMode::Relative | ScoreMode::ByGroup => {
                rank == 0 && self.threshold.is_none_or(|least| score >= least)
            }
            ScoreMode::Probability => score >= self.threshold.unwrap_or(MULTI_LABEL_THRESHOLD),
        }
    }
}

/// What stands before the items.
#[derive(Debug, Serialize)]
pub struct Head<'a> {
    /// `list`.
    pub object: &'static str,
    /// The model's id.
    pub model: &'a str,
    /// See [`model::Siglip::fingerprint`].
    pub system_fingerprint: &'a str,
    /// What `score` is.
    pub score_mode: ScoreMode,
    /// As they were asked for: `auto`, names of sets, sentences.
    pub templates: &'a [String],
}

/// A reply as a whole.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ClassifyReply {
    /// `list`.
    pub object: &'static str,
    /// The model's id.
    pub model: String,
    /// What computed: weights, precision, preparation.
    pub system_fingerprint: String,
    /// What `score` is.
    pub score_mode: ScoreMode,
    /// As they were asked for: `auto`, names of sets, sentences.
    pub templates: Vec<String>,
    /// The version of the label set that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_set: Option<String>,
    /// An item for each input.
    pub data: Vec<Item>,
    /// What it took.
    pub usage: Usage,
}

/// One picture or text.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ClassifyItem)]
#[serde(tag = "object", rename_all = "snake_case")]
pub enum Item {
    /// It was classified.
    Classification {
        /// Its place among the inputs.
        index: usize,
        /// Where the command line found it.
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        /// The best label, selected or not.
        prediction: String,
        /// The best label's.
        score: f32,
        /// Best first.
        predictions: Vec<Prediction>,
    },
    /// It could not be.
    Error {
        /// Its place among the inputs.
        index: usize,
        /// Where the command line found it.
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        /// Why.
        error: ErrorObject,
    },
}

impl Item {
    /// From the predictions of an input, of which there must be one.
    ///
    /// # Panics
    /// When there is none.
    pub fn classified(index: usize, path: Option<String>, predictions: Vec<Prediction>) -> Self {
        let best = predictions.first().expect("there is at least one label");
        let (prediction, score) = (best.label.clone(), best.score);
        Self::Classification { index, path, prediction, score, predictions }
    }
}

/// A label of a picture.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Prediction {
    /// As it was given.
    pub label: String,
    /// The group of a label set that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// `relative` or `probability`, as `score_mode` says.
    pub score: f32,
    /// The sigmoid of the logit: this label on its own.
    pub probability: f32,
    /// The softmax over the labels of the request, of a label set over those of the group.
    pub relative: f32,
    /// `cosine * exp(logit_scale) + logit_bias`, less what a label set's negative prompts take.
    pub logit: f32,
    /// Between the two embeddings.
    pub cosine: f32,
    /// By the threshold, or because it is the best.
    pub selected: bool,
}

/// What a call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Usage {
    /// Tokens of the texts that were computed.
    pub prompt_tokens: usize,
    /// The same: nothing is generated.
    pub total_tokens: usize,
    /// Pictures.
    pub images: usize,
    /// Pictures whose vectors were known.
    pub cached_images: usize,
    /// Candidate labels.
    pub labels: usize,
    /// Labels whose vectors were known.
    pub cached_labels: usize,
    /// Micro-dollars; 0 without accounts.
    pub cost: u64,
}
