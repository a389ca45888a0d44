//! Candidate labels of a request, and their vectors.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use model::{Embeddings, Label, LabelVectors, Template, label_vector, templates};
use serde_json::Value;

use crate::app::App;
use crate::caches::{self, Key};
use crate::error::ApiError;
use crate::fields::{Fields, missing, wrong};
use crate::line::Place;
use crate::loaded::LoadedModel;
use crate::queue::Lane;
use crate::work;

/// Sentences of one request that are on their way at once: two batches of the text tower.
const SENTENCES_AT_ONCE: usize = 64;

/// Sentences of one request; a label may have several.
const MOST_SENTENCES: usize = 100_000;

/// Labels and the templates around them, as they were asked for.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    pub(crate) labels: Vec<Label>,
    pub(crate) templates: Vec<Template>,
    /// As they were asked for: `auto`, names of sets, sentences.
    pub(crate) choices: Vec<String>,
    /// The field that they came from.
    pub(crate) place: String,
}

impl Candidates {
    /// Labels with the templates that are used when nobody names one, or with `choices`.
    ///
    /// # Errors
    /// When there is no label or too many, or a template has no place for the label.
    pub(crate) fn new(
        labels: Vec<Label>,
        choices: Option<Vec<String>>,
        place: &str,
        limit: usize,
    ) -> Result<Self, ApiError> {
        if labels.is_empty() {
            let message = format!("{place} is empty; give at least one label");
            return Err(ApiError::invalid("empty_labels", message).at(place));
        }
        if labels.len() > limit {
            let message = format!("{place}: {} labels; the limit is {limit}", labels.len());
            return Err(ApiError::invalid("too_many_labels", message).at(place));
        }
        let choices = choices.filter(|choices| !choices.is_empty());
        let choices = choices.unwrap_or_else(|| vec![templates::AUTO.to_owned()]);
        let templates = templates::choose(&choices).map_err(|error| {
            ApiError::invalid("invalid_template", error.to_string()).at("templates")
        })?;
        let sentences = |label: &Label| {
            if label.prompts.is_empty() { templates.len() } else { label.prompts.len() }
        };
        let sentences = labels.iter().map(sentences).sum::<usize>();
        if sentences > MOST_SENTENCES {
            let message = format!(
                "{place}: {sentences} sentences of labels and templates; the limit is {MOST_SENTENCES}"
            );
            return Err(ApiError::invalid("too_many_labels", message).at(place));
        }
        Ok(Self { labels, templates, choices, place: place.to_owned() })
    }

    /// Takes `labels` (or `candidate_labels`) and `templates`.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and when a label is neither a text nor an object with a name.
    pub(crate) fn take(fields: &mut Fields, limit: usize) -> Result<Self, ApiError> {
        let place = fields.place("labels");
        let Some(values) = fields.list("labels")? else {
            return Err(missing(&place, "a list of labels"));
        };
        let label = |(index, value)| label(value, &format!("{place}[{index}]"));
        let labels = values.into_iter().enumerate().map(label).collect::<Result<Vec<_>, _>>()?;
        let choices = fields.texts("templates")?;
        Self::new(labels, choices, &place, limit)
    }
}

fn label(value: Value, place: &str) -> Result<Label, ApiError> {
    match value {
        Value::String(name) if name.trim().is_empty() => {
            let message = format!("{place} is blank; a label is a word or a sentence");
            Err(ApiError::invalid("invalid_value", message).at(place))
        }
        Value::String(name) => Ok(Label { name, prompts: Vec::new() }),
        value @ Value::Object(_) => {
            let mut fields = Fields::inner(value, place)?;
            let name = fields.text("name")?;
            let name = name.ok_or_else(|| missing(&fields.place("name"), "the label's name"))?;
            Ok(Label { name, prompts: fields.texts("prompts")?.unwrap_or_default() })
        }
        other => Err(wrong(place, &other, "a string, or an object with name and prompts")),
    }
}

/// The vectors of labels, and how much of the work was done before.
pub(crate) struct Vectors {
    pub(crate) rows: LabelVectors,
    /// Tokens of the sentences that were computed now.
    pub(crate) tokens: usize,
    /// Labels that were known.
    pub(crate) cached: usize,
}

/// What of a call's labels stands in its `usage`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) labels: usize,
    /// Labels that were known.
    pub(crate) cached: usize,
    /// Tokens of the sentences that were computed now.
    pub(crate) tokens: usize,
}

impl Vectors {
    pub(crate) fn counted(&self) -> Counted {
        let labels = self.rows.names().len();
        Counted { labels, cached: self.cached, tokens: self.tokens }
    }
}

/// The vectors of `candidates`: from the cache, else computed and kept.
///
/// # Errors
/// When the model gives no scores, too many texts wait already, or the engine fails.
pub(crate) async fn vectors(
    app: &Arc<App>,
    model: &Arc<LoadedModel>,
    candidates: &Candidates,
) -> Result<Vectors, ApiError> {
    let scoring = model.scoring()?;
    let Candidates { labels, templates, place, .. } = candidates;
    let keys = labels.iter().map(|label| key(model, label, templates)).collect::<Vec<_>>();
    let mut rows = keys.iter().map(|key| app.labels.get(key)).collect::<Vec<_>>();
    let mut tokens = 0;
    let unknown = (0..rows.len()).filter(|&label| rows[label].is_none()).collect::<Vec<_>>();
    if !unknown.is_empty() {
        let sentences = unknown.iter().map(|&label| labels[label].sentences(templates));
        let sentences = sentences.collect::<Vec<_>>();
        let count = sentences.iter().map(Vec::len).sum::<usize>();
        let lane = Lane::of(count);
        let mut line = work::enter_line(app, &model.text_line, lane, count)?;
        let works = sentences.iter().flatten().cloned().map(|sentence| {
            let place = line.as_mut().map(Place::split);
            async move {
                let embedded = work::embed_text(model, lane, sentence).await;
                drop(place);
                embedded
            }
        });
        let works = works.collect::<Vec<_>>();
        let embedded = stream::iter(works).buffered(SENTENCES_AT_ONCE);
        let embedded: Vec<_> =
            embedded.try_collect().await.map_err(|error: ApiError| error.at(place))?;
        tokens = embedded.iter().map(|sentence| sentence.tokens).sum();
        let mut embedded = embedded.iter().map(|sentence| &*sentence.row);
        for (&label, sentences) in unknown.iter().zip(&sentences) {
            let of_label = embedded.by_ref().take(sentences.len()).collect::<Vec<_>>();
            let dimension = of_label.first().map_or(1, |row| row.len());
            let row = Arc::<[f32]>::from(label_vector(of_label.into_iter(), dimension));
            app.labels.insert(keys[label], Arc::clone(&row));
            rows[label] = Some(row);
        }
    }
    let cached = rows.len() - unknown.len();
    let dimension = rows.iter().flatten().next().map_or(1, |row| row.len());
    let values = rows.iter().flatten().flat_map(|row| row.iter().copied()).collect();
    let names = labels.iter().map(|label| label.name.clone()).collect();
    let rows = Embeddings::from_unit_rows(dimension, values);
    Ok(Vectors { rows: LabelVectors::from_vectors(names, rows, scoring), tokens, cached })
}

/// A label's own prompts do not stand in templates, and its name does not matter to them.
fn key(model: &LoadedModel, label: &Label, templates: &[Template]) -> Key {
    let content = if label.prompts.is_empty() {
        let templates = templates.iter().map(|template| template.as_str().as_bytes());
        caches::hash([b"templates".as_slice(), label.name.as_bytes()].into_iter().chain(templates))
    } else {
        let prompts = label.prompts.iter().map(String::as_bytes);
        caches::hash([b"prompts".as_slice()].into_iter().chain(prompts))
    };
    Key { generation: model.generation, content }
}
