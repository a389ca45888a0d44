//! The matrix of a version's vectors: from the cache, else computed and kept.

use std::collections::HashMap;
use std::sync::Arc;

use model::{GroupedScore, Label, Scoring, label_vector, score_groups, turned_to_examples};

use super::{LabelSet, failed};
use crate::app::App;
use crate::caches::Key;
use crate::error::ApiError;
use crate::input::ImageSource;
use crate::labels::{self, Candidates};
use crate::loaded::LoadedModel;
use crate::work;

/// The field that a set is named in, for errors of its sentences.
const PLACE: &str = "label_set";

/// A version's vectors of one model.
#[derive(Clone, Debug)]
pub(crate) struct SetVectors {
    /// Rows of length 1, as [`score_groups`] wants them.
    pub(crate) rows: Arc<[f32]>,
    pub(crate) dimension: usize,
    pub(crate) scoring: Scoring,
    /// Tokens of the sentences that were computed now.
    pub(crate) tokens: usize,
    /// Whether they were known as a whole.
    pub(crate) cached: bool,
}

impl SetVectors {
    /// Scores a picture or a text of length 1 against all labels, in their order.
    pub(crate) fn score(
        &self,
        set: &LabelSet,
        row: &[f32],
        threshold: Option<f32>,
    ) -> Vec<GroupedScore> {
        score_groups(&set.groups, &self.rows, self.scoring, row, threshold)
    }
}

/// The vectors of a set. Sentences and examples cost nothing here: examples were paid for with the version.
///
/// # Errors
/// When the model gives no scores, too much waits already, or the engine fails.
pub(crate) async fn vectors(
    app: &Arc<App>,
    model: &Arc<LoadedModel>,
    set: &LabelSet,
) -> Result<SetVectors, ApiError> {
    let scoring = model.scoring()?;
    let key = Key { generation: model.generation, content: set.content };
    if let Some(rows) = app.labels.get(&key) {
        let dimension = rows.len() / row_count(set).max(1);
        return Ok(SetVectors { rows, dimension, scoring, tokens: 0, cached: true });
    }
    let plan = plan(set);
    let candidates = Candidates {
        labels: plan.sentences,
        templates: set.templates.clone(),
        choices: set.definition.templates.clone(),
        place: PLACE.to_owned(),
    };
    let computed = labels::vectors(app, model, &candidates).await?;
    let examples = examples(app, model, set).await?;
    let texts = computed.rows.vectors();
    let dimension = texts.dimension();
    let mut next = texts.rows();
    let mut rows = Vec::with_capacity(row_count(set) * dimension);
    let labels = set.definition.groups.iter().flat_map(|group| &group.labels);
    for (label, languages) in labels.zip(plan.languages) {
        let own = label_vector(next.by_ref().take(languages), dimension);
        let pictures = label.examples.iter().filter_map(|hash| examples.get(hash.as_str()));
        rows.extend(turned_to_examples(&own, pictures.map(|row| &**row), scoring));
        for negative in next.by_ref().take(label.negative_prompts.len()) {
            rows.extend_from_slice(negative);
        }
    }
    let rows = Arc::<[f32]>::from(rows);
    app.labels.insert(key, Arc::clone(&rows));
    Ok(SetVectors { rows, dimension, scoring, tokens: computed.tokens, cached: false })
}

fn row_count(set: &LabelSet) -> usize {
    let labels = set.groups.iter().flat_map(|group| &group.labels);
    labels.map(|label| 1 + label.negatives).sum()
}

/// What has to be embedded as texts.
struct Plan {
    /// For each label its languages, then its negative prompts.
    sentences: Vec<Label>,
    /// How many languages each label has.
    languages: Vec<usize>,
}

fn plan(set: &LabelSet) -> Plan {
    let mut plan = Plan { sentences: Vec::new(), languages: Vec::new() };
    for label in set.definition.groups.iter().flat_map(|group| &group.labels) {
        let before = plan.sentences.len();
        let spoken =
            |prompts: &[String]| Label { name: label.name.clone(), prompts: prompts.to_vec() };
        plan.sentences.extend(label.prompts.languages().map(|language| spoken(language.sentences)));
        if plan.sentences.len() == before {
            // The templates around the name.
            plan.sentences.push(spoken(&[]));
        }
        plan.languages.push(plan.sentences.len() - before);
        let negatives = label.negative_prompts.iter();
        plan.sentences.extend(negatives.map(|prompt| spoken(std::slice::from_ref(prompt))));
    }
    plan
}

/// The vectors of all examples, by their names.
pub(super) async fn examples<'a>(
    app: &Arc<App>,
    model: &Arc<LoadedModel>,
    set: &'a LabelSet,
) -> Result<HashMap<&'a str, Arc<[f32]>>, ApiError> {
    let labels = set.definition.groups.iter().flat_map(|group| &group.labels);
    let mut names =
        labels.flat_map(|label| &label.examples).map(String::as_str).collect::<Vec<_>>();
    names.sort_unstable();
    names.dedup();
    let (mut found, mut contents) = (HashMap::new(), Vec::new());
    for name in names {
        let Ok(ImageSource::Held(content)) = ImageSource::parse(name.to_owned()) else {
            return Err(lost(set, name));
        };
        let key = Key { generation: model.generation, content };
        if let Some(row) = app.images.get(&key) {
            found.insert(name, row);
            continue;
        }
        let archive = app.archive().await?;
        let bytes = archive.store.label_set_example(&set.id, &content).await;
        let bytes = bytes.map_err(|error| failed(&error))?.ok_or_else(|| lost(set, name))?;
        contents.push((name, bytes.into()));
    }
    let (names, contents): (Vec<_>, Vec<_>) = contents.into_iter().unzip();
    let rows = work::embed_unpaid(app, model, contents).await?;
    found.extend(names.into_iter().zip(rows));
    Ok(found)
}

/// The set was deleted a moment ago.
fn lost(set: &LabelSet, name: &str) -> ApiError {
    let message = format!("the label set {} has lost its example {name}", set.reference);
    ApiError::not_found("label_set_not_found", message).at(PLACE)
}
