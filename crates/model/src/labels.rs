//! Zero-shot classification: which of these labels is it?

use tokens::Encoding;

use crate::score::{Score, softmax};
use crate::{Embeddings, ModelError, Scoring, Siglip, Template};

/// How many texts go through the tower at a time.
const TEXTS_TOGETHER: usize = 64;

/// A class: what it is called, and what is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// What the answer calls it.
    pub name: String,
    /// Sentences that describe it, taken as they are; empty means the templates around the name.
    pub prompts: Vec<String>,
}

impl Label {
    /// The sentences that stand for this label: its own prompts, or its name in each of the templates.
    pub fn sentences(&self, templates: &[Template]) -> Vec<String> {
        if self.prompts.is_empty() {
            return templates.iter().map(|template| template.fill(&self.name)).collect();
        }
        self.prompts.clone()
    }
}

impl From<&str> for Label {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), prompts: Vec::new() }
    }
}

/// Labels with one vector each: every prompt is embedded and normalised, their mean is normalised
/// again.
#[derive(Clone, Debug)]
pub struct LabelVectors {
    names: Vec<String>,
    vectors: Embeddings,
    scoring: Scoring,
    tokens: usize,
    truncated: Vec<String>,
}

impl LabelVectors {
    /// Embeds labels; `progress` hears after each part how many of how many prompts are done.
    ///
    /// # Errors
    ///
    /// When the model gives no scores, or has no usable tokenizer.
    pub fn embed(
        model: &Siglip,
        labels: &[Label],
        templates: &[Template],
        mut progress: impl FnMut(Progress),
    ) -> Result<Self, ModelError> {
        let scoring = model.scoring()?;
        let mut prompts = Vec::new();
        let mut counts = Vec::with_capacity(labels.len());
        for label in labels {
            let before = prompts.len();
            prompts.extend(label.sentences(templates));
            counts.push(prompts.len() - before);
        }
        let (mut values, mut dimension) = (Vec::new(), 1);
        let (mut tokens, mut truncated) = (0, Vec::new());
        for (part, texts) in prompts.chunks(TEXTS_TOGETHER).enumerate() {
            let encodings = texts
                .iter()
                .map(|text| model.tokenize(text))
                .collect::<Result<Vec<Encoding>, _>>()?;
            for (text, encoding) in texts.iter().zip(&encodings) {
                tokens += encoding.tokens;
                if encoding.truncated {
                    truncated.push(text.clone());
                }
            }
            let embeddings = model.embed_texts(&encodings)?;
            dimension = embeddings.dimension();
            values.extend_from_slice(embeddings.values());
            let done = part * TEXTS_TOGETHER + texts.len();
            progress(Progress { done, total: prompts.len() });
        }
        let mut rows = values.chunks_exact(dimension);
        let mut vectors = Vec::with_capacity(labels.len() * dimension);
        for &count in &counts {
            vectors.extend(label_vector(rows.by_ref().take(count), dimension));
        }
        let names = labels.iter().map(|label| label.name.clone()).collect();
        let vectors = Embeddings::from_unit_rows(dimension, vectors);
        Ok(Self { names, vectors, scoring, tokens, truncated })
    }

    /// Labels whose vectors were computed before: one row of length 1 per name.
    ///
    /// They have no prompts, so [`tokens`](Self::tokens) is 0 and nothing was truncated.
    ///
    /// # Panics
    ///
    /// When there are not as many rows as names.
    pub fn from_vectors(names: Vec<String>, vectors: Embeddings, scoring: Scoring) -> Self {
        assert_eq!(names.len(), vectors.len(), "there is a vector for each name");
        Self { names, vectors, scoring, tokens: 0, truncated: Vec::new() }
    }

    /// The labels' names, in their order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// One row of length 1 per label.
    pub fn vectors(&self) -> &Embeddings {
        &self.vectors
    }

    /// Tokens of all prompts, ends included.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Prompts that are longer than the text tower and lost their end.
    pub fn truncated(&self) -> &[String] {
        &self.truncated
    }

    /// Scores one image's embedding, of length 1, against every label, in the labels' order.
    pub fn score(&self, image: &[f32]) -> Vec<LabelScore> {
        let scores =
            self.vectors.rows().map(|label| self.scoring.score(image, label)).collect::<Vec<_>>();
        let logits = scores.iter().map(|score| score.logit).collect::<Vec<_>>();
        let relative = softmax(&logits);
        let with_label = |(label, (score, relative))| LabelScore { label, score, relative };
        scores.into_iter().zip(relative).enumerate().map(with_label).collect()
    }
}

/// How far a long work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Done so far.
    pub done: usize,
    /// Of how many.
    pub total: usize,
}

/// An image against a label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelScore {
    /// The label's place in the list.
    pub label: usize,
    /// The label on its own.
    pub score: Score,
    /// The softmax over all labels: this one, if it must be one of them.
    pub relative: f32,
}

/// The vector of a label: the mean of its sentences' embeddings, `[D]` each, normalised again.
pub fn label_vector<'a>(rows: impl Iterator<Item = &'a [f32]>, dimension: usize) -> Vec<f32> {
    Embeddings::normalise(dimension, mean(rows, dimension)).row(0).to_vec()
}

fn mean<'a>(rows: impl Iterator<Item = &'a [f32]>, dimension: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; dimension];
    let mut count = 0_usize;
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        count += 1;
    }
    sums.iter().map(|sum| (sum / count.max(1) as f64) as f32).collect()
}
