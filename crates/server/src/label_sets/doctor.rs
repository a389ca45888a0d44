//! What is probably wrong with a label set: labels that mean the same, prompts that are cut, labels that win on each
//! other's prompts and examples, and those that say nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{Label, cosine};
use serde::Serialize;

use super::definition::SetLabel;
use super::vectors::{SetVectors, examples, vectors};
use super::{LabelSet, Mode};
use crate::app::App;
use crate::error::ApiError;
use crate::labels::{self, Candidates};
use crate::loaded::LoadedModel;

/// Comparisons of a label with another, a prompt or an example: some seconds of one core.
const MOST_COMPARISONS: usize = 1 << 25;

/// Problems of a kind that are told.
const MOST_PROBLEMS: usize = 100;

/// Pieces of evidence of a pair.
const MOST_EVIDENCE: usize = 5;

/// From which cosine two labels of a group mean the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience(pub(crate) f32);

impl Default for Patience {
    fn default() -> Self {
        Self(0.95)
    }
}

/// What was found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Diagnosis {
    /// `label_set.doctor`.
    object: &'static str,
    id: String,
    version: i64,
    model: String,
    system_fingerprint: String,
    /// From which cosine two labels were near duplicates.
    cosine: f32,
    /// How many there are of each kind, of which at most 100 are told.
    counts: BTreeMap<&'static str, usize>,
    problems: Vec<Problem>,
}

/// Something that is probably wrong.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = LabelSetProblem)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Problem {
    /// Two labels of a group whose vectors are almost the same.
    NearDuplicates { group: String, labels: [String; 2], cosine: f32 },
    /// A sentence that is longer than the model's texts.
    Truncated {
        label: String,
        #[schema(required)]
        language: Option<String>,
        prompt: String,
        /// How many tokens it has, and how many of them the model reads.
        tokens: usize,
        limit: usize,
        /// Characters that are read.
        cut_at: usize,
        /// The end of what is read.
        reads_until: String,
    },
    /// Two labels of a group of which one wins where the other should.
    Confusable { group: String, labels: [String; 2], evidence: Vec<Evidence> },
    /// A label with a blank sentence, or a language without any.
    Empty { label: String, reason: String },
    /// An exclusive group of one label, which always wins.
    Alone { group: String, label: String },
}

/// A prompt or an example on which another label wins.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = LabelSetEvidence)]
pub(crate) struct Evidence {
    /// The prompt, or `sha256:` and the hash of the example.
    on: String,
    /// Whose it is.
    of: String,
    /// Which label is nearer.
    wins: String,
    /// By how much the cosine is larger.
    by: f32,
}

impl Problem {
    fn kind(&self) -> &'static str {
        match self {
            Self::NearDuplicates { .. } => "near_duplicates",
            Self::Truncated { .. } => "truncated",
            Self::Confusable { .. } => "confusable",
            Self::Empty { .. } => "empty",
            Self::Alone { .. } => "alone",
        }
    }
}

/// Examines a set with a model. Costs nothing, as labels do.
///
/// # Errors
/// When the set has too many labels, the model gives no scores, too much waits already, or the engine fails.
pub(crate) async fn examine(
    app: &Arc<App>,
    model: &Arc<LoadedModel>,
    set: Arc<LabelSet>,
    version: i64,
    patience: Patience,
) -> Result<Diagnosis, ApiError> {
    let sentences = sentences(&set);
    let pictures_shown = all(&set).map(|label| label.examples.len()).sum::<usize>();
    let comparisons = set.count() * (set.count() + sentences.len() + pictures_shown);
    if comparisons > MOST_COMPARISONS {
        let message = format!(
            "{comparisons} comparisons of {} labels with each other, their prompts and examples; the doctor's limit is {MOST_COMPARISONS}",
            set.count()
        );
        return Err(ApiError::invalid("too_many_labels", message).at("id"));
    }
    let vectors = vectors(app, model, &set).await?;
    let pictures = examples(app, model, &set).await?;
    let pictures = pictures.into_iter().map(|(name, row)| (name.to_owned(), row)).collect();
    let candidates = Candidates {
        labels: sentences
            .iter()
            .map(|sentence| Label { name: String::new(), prompts: vec![sentence.text.clone()] })
            .collect(),
        templates: Vec::new(),
        choices: Vec::new(),
        place: "id".to_owned(),
    };
    let rows = labels::vectors(app, model, &candidates).await?.rows;
    let description = model.description.clone();
    let (id, backend) = (set.id.clone(), Arc::clone(model));
    let compare = move || {
        let mut problems = empty(&set);
        problems.extend(truncated(&backend, &sentences)?);
        let places = Places::new(&set, &vectors);
        problems.extend(near_duplicates(&set, &places, patience));
        let prompts = sentences.iter().zip(rows.vectors().rows());
        let prompts = prompts.map(|(sentence, row)| Witness {
            label: sentence.label,
            on: &sentence.text,
            row,
        });
        let shown = shown(&set, &pictures);
        problems.extend(confusable(&set, &places, prompts.chain(shown)));
        Ok::<_, ApiError>(problems)
    };
    let compared = tokio::task::spawn_blocking(compare).await;
    let mut problems = compared.map_err(|_| ApiError::internal("the doctor failed"))??;
    let mut counts = BTreeMap::new();
    problems.retain(|problem| {
        let count = counts.entry(problem.kind()).or_insert(0);
        *count += 1;
        *count <= MOST_PROBLEMS
    });
    Ok(Diagnosis {
        object: "label_set.doctor",
        id,
        version,
        model: description.id,
        system_fingerprint: description.fingerprint,
        cosine: patience.0,
        counts,
        problems,
    })
}

/// A sentence that stands for a label; the label's place in the set.
struct Sentence {
    label: usize,
    name: String,
    language: Option<String>,
    text: String,
}

fn all(set: &LabelSet) -> impl Iterator<Item = &SetLabel> {
    set.definition.groups.iter().flat_map(|group| &group.labels)
}

fn sentences(set: &LabelSet) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    for (label, found) in all(set).enumerate() {
        let before = sentences.len();
        let mut say = |language: Option<&str>, text: String| {
            let language = language.map(str::to_owned);
            sentences.push(Sentence { label, name: found.name.clone(), language, text });
        };
        for language in found.prompts.languages() {
            language.sentences.iter().for_each(|text| say(language.name, text.clone()));
        }
        if sentences.len() == before {
            let filled = set.templates.iter().map(|template| template.fill(&found.name));
            let sentence =
                |text| Sentence { label, name: found.name.clone(), language: None, text };
            sentences.extend(filled.map(sentence));
        }
    }
    sentences
}

fn empty(set: &LabelSet) -> Vec<Problem> {
    let mut problems = Vec::new();
    for label in all(set) {
        let mut say = |reason: String| {
            problems.push(Problem::Empty { label: label.name.clone(), reason });
        };
        let spoken = label.prompts.languages().flat_map(|language| language.sentences);
        if spoken.chain(&label.negative_prompts).any(|sentence| sentence.trim().is_empty()) {
            say("a prompt is blank".to_owned());
        }
        for language in label.prompts.silent() {
            say(format!("the language {language} has no prompt"));
        }
    }
    for group in &set.definition.groups {
        if let (Mode::Exclusive, [only]) = (group.mode, group.labels.as_slice())
            && only.threshold.is_none()
        {
            problems.push(Problem::Alone { group: group.name.clone(), label: only.name.clone() });
        }
    }
    problems
}

fn truncated(model: &LoadedModel, sentences: &[Sentence]) -> Result<Vec<Problem>, ApiError> {
    let encode = |text: &str| {
        let encoded = model.backend.tokenize(text);
        encoded.map_err(|error| ApiError::internal(error.to_string()))
    };
    let mut problems = Vec::new();
    for Sentence { name, language, text, .. } in sentences {
        let whole = encode(text)?;
        if !whole.truncated {
            continue;
        }
        // The longest beginning that fits: a longer one has no fewer tokens, but for what a cut word splits into.
        let ends = text.char_indices().map(|(place, _)| place).collect::<Vec<_>>();
        let (mut fits, mut cut) = (0, ends.len());
        while cut - fits > 1 {
            let middle = usize::midpoint(fits, cut);
            if encode(&text[..ends[middle]])?.truncated { cut = middle } else { fits = middle }
        }
        let tail = &text[..ends[fits]];
        let from = tail.char_indices().rev().nth(29).map_or(0, |(place, _)| place);
        problems.push(Problem::Truncated {
            label: name.clone(),
            language: language.clone(),
            prompt: shortened(text),
            tokens: whole.tokens,
            limit: whole.ids.len(),
            cut_at: fits,
            reads_until: tail[from..].to_owned(),
        });
    }
    Ok(problems)
}

/// A reply need not repeat a whole book.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(500) {
        Some((place, _)) => format!("{}…", &text[..place]),
        None => text.to_owned(),
    }
}

/// Where each label's own row is.
struct Places<'a> {
    rows: Vec<&'a [f32]>,
    /// The group of each label.
    groups: Vec<usize>,
    names: Vec<&'a str>,
}

impl<'a> Places<'a> {
    fn new(set: &'a LabelSet, vectors: &'a SetVectors) -> Self {
        let mut all = vectors.rows.chunks_exact(vectors.dimension);
        let mut places = Self { rows: Vec::new(), groups: Vec::new(), names: Vec::new() };
        for (group, found) in set.groups.iter().enumerate() {
            for label in &found.labels {
                places.rows.extend(all.next());
                all.by_ref().take(label.negatives).for_each(drop);
                places.groups.push(group);
                places.names.push(&label.name);
            }
        }
        places
    }

    /// The labels of a label's group but itself.
    fn beside(&self, label: usize) -> impl Iterator<Item = usize> + '_ {
        let same = move |&other: &usize| other != label && self.groups[other] == self.groups[label];
        (0..self.rows.len()).filter(same)
    }
}

fn near_duplicates(set: &LabelSet, places: &Places<'_>, patience: Patience) -> Vec<Problem> {
    let mut found = Vec::new();
    for first in 0..places.rows.len() {
        for second in places.beside(first).filter(|&second| second > first) {
            let cosine = cosine(places.rows[first], places.rows[second]);
            if cosine >= patience.0 {
                found.push((cosine, [first, second]));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let problem = |(cosine, labels): (f32, [usize; 2])| Problem::NearDuplicates {
        group: set.groups[places.groups[labels[0]]].name.clone(),
        labels: labels.map(|label| places.names[label].to_owned()),
        cosine,
    };
    found.into_iter().map(problem).collect()
}

/// Something on which a label should win.
struct Witness<'a> {
    label: usize,
    on: &'a str,
    row: &'a [f32],
}

fn shown<'a>(
    set: &'a LabelSet,
    pictures: &'a HashMap<String, Arc<[f32]>>,
) -> impl Iterator<Item = Witness<'a>> {
    let of = move |(label, found): (usize, &'a SetLabel)| {
        found
            .examples
            .iter()
            .filter_map(move |name| Some(Witness { label, on: name, row: pictures.get(name)? }))
    };
    all(set).enumerate().flat_map(of)
}

fn confusable<'a>(
    set: &LabelSet,
    places: &Places<'_>,
    witnesses: impl Iterator<Item = Witness<'a>>,
) -> Vec<Problem> {
    let mut pairs = BTreeMap::<[usize; 2], Vec<Evidence>>::new();
    for Witness { label, on, row } in witnesses {
        let own = cosine(row, places.rows[label]);
        let others = places.beside(label).map(|other| (other, cosine(row, places.rows[other])));
        let Some((winner, best)) = others.max_by(|(_, a), (_, b)| a.total_cmp(b)) else { continue };
        if best > own {
            let evidence = Evidence {
                on: shortened(on),
                of: places.names[label].to_owned(),
                wins: places.names[winner].to_owned(),
                by: best - own,
            };
            pairs.entry([label.min(winner), label.max(winner)]).or_default().push(evidence);
        }
    }
    let problem = |(labels, mut evidence): ([usize; 2], Vec<Evidence>)| {
        evidence.sort_by(|a, b| b.by.total_cmp(&a.by));
        evidence.truncate(MOST_EVIDENCE);
        Problem::Confusable {
            group: set.groups[places.groups[labels[0]]].name.clone(),
            labels: labels.map(|label| places.names[label].to_owned()),
            evidence,
        }
    };
    pairs.into_iter().map(problem).collect()
}
