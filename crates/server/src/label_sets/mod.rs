//! Label sets: named, in versions that never change, in place of the labels of a request.
//!
//! [`Definition`] is what a version says and the store keeps; [`LabelSet`] is a version that is ready to score. Whether there
//! is such a set, and which version a name means, is asked of the store at each call, one row; what a version says is read
//! once and kept, and so is the matrix of its vectors, as long as the caches have room.

mod definition;
mod doctor;
mod draft;
mod vectors;

use std::sync::Arc;

use model::{GroupMode, GroupedLabel, LabelGroup, Template};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use store::{LabelSetRow, StoreError, VersionChoice};

use crate::app::App;
use crate::archive::{Owner, unanswered};
use crate::caches::{self, Hash};
use crate::error::ApiError;
use crate::fields::Fields;
pub(crate) use definition::{Definition, Group, Mode};
pub(crate) use doctor::{Diagnosis, Patience, examine};
pub(crate) use draft::{Draft, check_name};
pub(crate) use vectors::{SetVectors, vectors};

/// Bytes of versions that are kept as they were read.
const READ_BYTES: u64 = 32 << 20;

/// What a version takes in memory for each byte of its text, about.
const GROWTH: u64 = 4;

/// A version that is ready to score.
#[derive(Debug)]
pub(crate) struct LabelSet {
    /// `ls_…@3`.
    pub(crate) reference: String,
    pub(crate) id: String,
    pub(crate) definition: Definition,
    /// In the order of the vectors' rows.
    pub(crate) groups: Vec<LabelGroup>,
    templates: Vec<Template>,
    /// Of all that the vectors depend on.
    content: Hash,
    bytes: u64,
}

impl LabelSet {
    /// From what the store has.
    ///
    /// # Errors
    /// When another version of this program wrote something else.
    pub(crate) fn read(id: &str, version: i64, text: &str) -> Result<Self, ApiError> {
        let reference = format!("{id}@{version}");
        let broken = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, reference, "a label set cannot be read");
            ApiError::internal(format!("the label set {reference} cannot be read"))
        };
        let definition =
            serde_json::from_str::<Definition>(text).map_err(|error| broken(&error))?;
        let templates = definition.templates.iter().map(|text| Template::new(text));
        let templates = templates.collect::<Result<_, _>>().map_err(|error| broken(&error))?;
        let groups = definition.groups.iter().map(|group| LabelGroup {
            name: group.name.clone(),
            mode: group.mode.into(),
            labels: group
                .labels
                .iter()
                .map(|label| GroupedLabel {
                    name: label.name.clone(),
                    threshold: label.threshold,
                    negatives: label.negative_prompts.len(),
                })
                .collect(),
        });
        Ok(Self {
            groups: groups.collect(),
            content: caches::hash([b"label set".as_slice(), text.as_bytes()]),
            bytes: text.len() as u64 * GROWTH,
            reference,
            id: id.to_owned(),
            definition,
            templates,
        })
    }

    /// How many labels there are.
    pub(crate) fn count(&self) -> usize {
        self.groups.iter().map(|group| group.labels.len()).sum()
    }

    /// The kind of all groups, if they have the same.
    pub(crate) fn mode(&self) -> Option<GroupMode> {
        let first = self.groups.first()?.mode;
        self.groups.iter().all(|group| group.mode == first).then_some(first)
    }

    /// The places of a label: its group's, and its own in the group.
    pub(crate) fn find(&self, name: &str) -> Option<[usize; 2]> {
        let within = |(group, found): (usize, &LabelGroup)| {
            let label = found.labels.iter().position(|label| label.name == name)?;
            Some([group, label])
        };
        self.groups.iter().enumerate().find_map(within)
    }
}

/// Versions as they were read.
pub(crate) struct LabelSetCache(Cache<Place, Arc<LabelSet>, Weight>);

/// A version that somebody was found to own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    id: String,
    version: i64,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Place, Arc<LabelSet>> for Weight {
    fn weight(&self, _: &Place, set: &Arc<LabelSet>) -> u64 {
        set.bytes.max(1)
    }
}

impl Default for LabelSetCache {
    fn default() -> Self {
        Self(Cache::with_weighter(1024, READ_BYTES, Weight))
    }
}

/// Takes `label_set` from a request's fields, beside which none of `others` may stand.
///
/// # Errors
/// When one of them does.
pub(crate) fn named(fields: &mut Fields, others: &[&str]) -> Result<Option<String>, ApiError> {
    let place = fields.place("label_set");
    let Some(named) = fields.text("label_set")? else { return Ok(None) };
    if let Some(other) = others.iter().find(|other| fields.has(other)) {
        let message = format!("{other} and {place} exclude each other: the label set says it");
        return Err(ApiError::invalid("label_set_and_labels", message).at(fields.place(other)));
    }
    Ok(Some(named))
}

/// `ls_x`, `ls_x@3`, `ls_x@production`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) id: String,
    pub(crate) choice: VersionChoice,
}

impl Reference {
    pub(crate) fn read(text: &str) -> Self {
        let Some((id, version)) = text.split_once('@') else {
            return Self { id: text.to_owned(), choice: VersionChoice::Newest };
        };
        let is_number = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
        let choice = match version.parse::<i64>() {
            Ok(number) if is_number => VersionChoice::Number(number),
            _ => VersionChoice::Alias(version.to_owned()),
        };
        Self { id: id.to_owned(), choice }
    }
}

/// The row of a version, and the version.
pub(crate) struct Found {
    pub(crate) row: LabelSetRow,
    pub(crate) set: Arc<LabelSet>,
}

/// The version that a text means.
///
/// # Errors
/// 404 when there is none, or it is another account's; 503 when the database does not answer.
pub(crate) async fn look_up(app: &App, owner: &Owner, text: &str) -> Result<Found, ApiError> {
    let archive = app.archive().await?;
    let reference = Reference::read(text);
    let row = archive.store.label_set(&owner.0, &reference.id, &reference.choice).await;
    let row = row.map_err(|error| failed(&error))?;
    let place = Place { id: row.id.clone(), version: row.version };
    if let Some(set) = app.label_sets.0.get(&place) {
        return Ok(Found { row, set });
    }
    let text = archive.store.label_set_definition(&row).await.map_err(|error| failed(&error))?;
    let set = Arc::new(LabelSet::read(&row.id, row.version, &text)?);
    app.label_sets.0.insert(place, Arc::clone(&set));
    Ok(Found { row, set })
}

/// The same for a field of a request.
///
/// # Errors
/// Those of [`look_up`].
pub(crate) async fn find(
    app: &App,
    owner: &Owner,
    text: &str,
    place: &str,
) -> Result<Arc<LabelSet>, ApiError> {
    let found = look_up(app, owner, text).await.map_err(|error| error.at(place))?;
    Ok(found.set)
}

/// What the store says, as the API says it.
pub(crate) fn failed(error: &StoreError) -> ApiError {
    match error {
        StoreError::Missing { .. } => ApiError::not_found("label_set_not_found", error.to_string()),
        StoreError::Full { .. } => ApiError::invalid("limit_reached", error.to_string()),
        other => unanswered(other),
    }
}

/// The sums of a call that a set's labels add to `usage`.
impl SetVectors {
    pub(crate) fn counted(&self, set: &LabelSet) -> crate::labels::Counted {
        let labels = set.count();
        let cached = if self.cached { labels } else { 0 };
        crate::labels::Counted { labels, cached, tokens: self.tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_set_with_or_without_a_version() {
        let choice = |text: &str| Reference::read(text).choice;
        assert_eq!(Reference::read("ls_x").id, "ls_x");
        assert_eq!(Reference::read("ls_x@3").id, "ls_x");
        assert_eq!(choice("ls_x"), VersionChoice::Newest);
        assert_eq!(choice("ls_x@3"), VersionChoice::Number(3));
        for alias in ["production", "", "+3", "-1", "99999999999999999999", "a@b"] {
            assert_eq!(choice(&format!("ls_x@{alias}")), VersionChoice::Alias(alias.to_owned()));
        }
    }
}
