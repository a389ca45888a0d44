//! A version as it is asked for: its definition, and examples that are not looked at yet.

use std::collections::{BTreeMap, HashSet};

use model::{Template, templates};
use serde_json::Value;

use super::definition::{Definition, Group, Mode, Prompts, SetLabel};
use crate::error::ApiError;
use crate::fields::{Fields, missing, wrong};
use crate::input::{Inputs, Part};

/// Characters of a name.
pub(crate) const LONGEST_NAME: usize = 200;

/// Sentences of a version.
const MOST_SENTENCES: usize = 100_000;

/// Labels and negative prompts of a version: each is a row of the matrix.
const MOST_ROWS: usize = 20_000;

/// Negative prompts of a label.
const MOST_NEGATIVES: usize = 64;

/// Examples of a label.
const MOST_EXAMPLES: usize = 64;

/// Examples of a version.
const MOST_EXAMPLES_OF_ALL: usize = 1000;

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct Draft {
    /// Without examples.
    pub(crate) definition: Definition,
    /// The examples of all labels.
    pub(crate) parts: Vec<Part>,
    /// Whose they are, in the same order: the place of the group, and of the label in it.
    owners: Vec<[usize; 2]>,
}

impl Draft {
    /// Takes `groups`, or `labels` with `mode`, and `templates`.
    ///
    /// # Errors
    /// When something is no label, too much, or has a name that another has.
    pub(crate) fn take(fields: &mut Fields, most_labels: usize) -> Result<Self, ApiError> {
        let choices = fields.texts("templates")?.unwrap_or_default();
        let templates = templates::choose(&choices).map_err(|error| {
            ApiError::invalid("invalid_template", error.to_string()).at("templates")
        })?;
        let mut reader =
            Reader { most_labels, names: HashSet::new(), parts: Vec::new(), owners: Vec::new() };
        let groups = match (fields.list("groups")?, fields.list("labels")?) {
            (Some(groups), None) => reader.groups(groups)?,
            (None, Some(labels)) => {
                let mode = mode(fields)?;
                let name = if mode == Mode::Exclusive { "label" } else { "labels" };
                let labels = reader.labels(labels, "labels", 0)?;
                vec![Group { name: name.to_owned(), mode, labels }]
            }
            (Some(_), Some(_)) => {
                let message =
                    "groups and labels exclude each other; labels are short for one group";
                return Err(ApiError::invalid("invalid_value", message).at("labels"));
            }
            (None, None) => return Err(missing("labels", "labels, or groups of them")),
        };
        let templates = templates.iter().map(Template::as_str).map(str::to_owned).collect();
        let definition = Definition { templates, groups };
        check_size(&definition)?;
        Ok(Self { definition, parts: reader.parts, owners: reader.owners })
    }

    /// Writes the hashes of the examples, which are in their order, where they belong.
    pub(crate) fn with_examples(self, hashes: impl Iterator<Item = String>) -> Definition {
        let mut definition = self.definition;
        for ([group, label], hash) in self.owners.into_iter().zip(hashes) {
            let examples = &mut definition.groups[group].labels[label].examples;
            // The same picture twice would count twice.
            if !examples.contains(&hash) {
                examples.push(hash);
            }
        }
        definition
    }
}

/// Parses the labels of one request.
struct Reader {
    most_labels: usize,
    names: HashSet<String>,
    parts: Vec<Part>,
    owners: Vec<[usize; 2]>,
}

impl Reader {
    fn groups(&mut self, values: Vec<Value>) -> Result<Vec<Group>, ApiError> {
        if values.is_empty() {
            let message = "groups is empty; give at least one group";
            return Err(ApiError::invalid("empty_labels", message).at("groups"));
        }
        let mut names = HashSet::new();
        let mut groups = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            let place = format!("groups[{index}]");
            let mut fields = Fields::inner(value, &place)?;
            let name = name(&mut fields, "the group's name")?;
            if !names.insert(name.clone()) {
                let message = format!("{place}.name is {name:?}, as another group's");
                return Err(
                    ApiError::invalid("duplicate_name", message).at(format!("{place}.name"))
                );
            }
            let mode = mode(&mut fields)?;
            let place = fields.place("labels");
            let labels =
                fields.list("labels")?.ok_or_else(|| missing(&place, "a list of labels"))?;
            groups.push(Group { name, mode, labels: self.labels(labels, &place, index)? });
            nothing_left(fields)?;
        }
        Ok(groups)
    }

    fn labels(
        &mut self,
        values: Vec<Value>,
        place: &str,
        group: usize,
    ) -> Result<Vec<SetLabel>, ApiError> {
        if values.is_empty() {
            let message = format!("{place} is empty; give at least one label");
            return Err(ApiError::invalid("empty_labels", message).at(place));
        }
        let count = self.names.len() + values.len();
        if count > self.most_labels {
            let message = format!("{place}: {count} labels; the limit is {}", self.most_labels);
            return Err(ApiError::invalid("too_many_labels", message).at(place));
        }
        let mut labels = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            let label = self.label(value, &format!("{place}[{index}]"), group, index)?;
            if !self.names.insert(label.name.clone()) {
                let place = format!("{place}[{index}]");
                let message = format!("{place} is {:?}, as another label of the set", label.name);
                return Err(ApiError::invalid("duplicate_name", message).at(place));
            }
            labels.push(label);
        }
        Ok(labels)
    }

    fn label(
        &mut self,
        value: Value,
        place: &str,
        group: usize,
        label: usize,
    ) -> Result<SetLabel, ApiError> {
        let value = match value {
            Value::String(name) => serde_json::json!({ "name": name }),
            value @ Value::Object(_) => value,
            other => return Err(wrong(place, &other, "a string, or an object with a name")),
        };
        let mut fields = Fields::inner(value, place)?;
        let name = name(&mut fields, "the label's name")?;
        let prompts = prompts(&mut fields)?;
        let negative_prompts = fields.texts("negative_prompts")?.unwrap_or_default();
        let most = |what: &str, count: usize, limit: usize| {
            if count <= limit {
                return Ok(());
            }
            let place = format!("{place}.{what}");
            let message = format!("{place} has {count}; the limit is {limit}");
            Err(ApiError::invalid("too_many", message).at(place))
        };
        most("negative_prompts", negative_prompts.len(), MOST_NEGATIVES)?;
        let examples = fields.list("examples")?.unwrap_or_default();
        most("examples", examples.len(), MOST_EXAMPLES)?;
        if !examples.is_empty() {
            let parts = Inputs::pictures(examples, &fields.place("examples"), MOST_EXAMPLES)?.parts;
            self.owners.extend(parts.iter().map(|_| [group, label]));
            self.parts.extend(parts);
        }
        if self.parts.len() > MOST_EXAMPLES_OF_ALL {
            let message = format!("the set has more than {MOST_EXAMPLES_OF_ALL} examples");
            let place = fields.place("examples");
            return Err(ApiError::invalid("too_many", message).at(place));
        }
        let threshold = fields.fraction("threshold")?;
        nothing_left(fields)?;
        Ok(SetLabel { name, prompts, negative_prompts, examples: Vec::new(), threshold })
    }
}

/// A set is kept for long: what is misspelt in it must not be passed over.
fn nothing_left(fields: Fields) -> Result<(), ApiError> {
    let Some(unknown) = fields.left_over().into_iter().next() else { return Ok(()) };
    let message = format!("{unknown} is not known here");
    Err(ApiError::invalid("unknown_field", message).at(unknown))
}

/// A name that is there, not blank and not too long.
pub(crate) fn name(fields: &mut Fields, what: &str) -> Result<String, ApiError> {
    let place = fields.place("name");
    let name = fields.text("name")?.ok_or_else(|| missing(&place, what))?;
    check_name(&name, &place)?;
    Ok(name)
}

/// That a name is not blank and not too long.
pub(crate) fn check_name(name: &str, place: &str) -> Result<(), ApiError> {
    if name.trim().is_empty() {
        let message = format!("{place} is blank");
        return Err(ApiError::invalid("invalid_value", message).at(place));
    }
    let count = name.chars().count();
    if count > LONGEST_NAME {
        let message = format!("{place} has {count} characters; the limit is {LONGEST_NAME}");
        return Err(ApiError::invalid("invalid_value", message).at(place));
    }
    Ok(())
}

fn mode(fields: &mut Fields) -> Result<Mode, ApiError> {
    Ok(match fields.word("mode", &["exclusive", "multi"])? {
        Some("multi") => Mode::Multi,
        _ => Mode::Exclusive,
    })
}

fn prompts(fields: &mut Fields) -> Result<Prompts, ApiError> {
    let place = fields.place("prompts");
    let map = match fields.take("prompts") {
        None => return Ok(Prompts::default()),
        Some(Value::Object(map)) => map,
        Some(plain) => {
            let mut inner = Fields::of(serde_json::json!({ "prompts": plain }))?;
            let texts = inner.texts("prompts").map_err(|_| {
                let message = format!("{place} must be sentences, or lists of them by language");
                ApiError::invalid("invalid_value", message).at(place.as_str())
            })?;
            return Ok(Prompts::Plain(texts.unwrap_or_default()));
        }
    };
    let languages = map.keys().cloned().collect::<Vec<_>>();
    let mut inner = Fields::inner(Value::Object(map), &place)?;
    let mut by_language = BTreeMap::new();
    for language in languages {
        let sensible = language.len() <= 35
            && language.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if language.is_empty() || !sensible {
            let message =
                format!("{place} has a language that is no code like \"en\" or \"pt-BR\"");
            return Err(ApiError::invalid("invalid_value", message).at(place));
        }
        let sentences = inner.texts(&language)?.unwrap_or_default();
        by_language.insert(language, sentences);
    }
    Ok(Prompts::ByLanguage(by_language))
}

fn check_size(definition: &Definition) -> Result<(), ApiError> {
    let labels = || definition.groups.iter().flat_map(|group| &group.labels);
    let negatives = labels().map(|label| label.negative_prompts.len()).sum::<usize>();
    let rows = labels().count() + negatives;
    if rows > MOST_ROWS {
        let message =
            format!("{rows} labels and negative prompts together; the limit is {MOST_ROWS}");
        return Err(ApiError::invalid("too_many", message).at("labels"));
    }
    let sentences = labels().map(|label| {
        let own = label.prompts.languages().map(|language| language.sentences.len());
        own.reduce(|a, b| a + b).unwrap_or(definition.templates.len())
    });
    let sentences = sentences.sum::<usize>() + negatives;
    if sentences > MOST_SENTENCES {
        let message =
            format!("{sentences} sentences of labels and templates; the limit is {MOST_SENTENCES}");
        return Err(ApiError::invalid("too_many_labels", message).at("labels"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft(body: &Value) -> Result<Draft, ApiError> {
        Draft::take(&mut Fields::of(body.clone()).unwrap(), 4)
    }

    #[test]
    fn labels_are_short_for_a_group() {
        let short =
            draft(&json!({ "labels": ["cat", { "name": "dog", "threshold": 0.25 }] })).unwrap();
        let long = json!({ "groups": [{ "name": "label", "labels": ["cat", { "name": "dog", "threshold": 0.25 }] }] });
        assert_eq!(short.definition, draft(&long).unwrap().definition);
        let multi = draft(&json!({ "labels": ["cat"], "mode": "multi" })).unwrap().definition;
        assert_eq!((multi.groups[0].name.as_str(), multi.groups[0].mode), ("labels", Mode::Multi));
        assert_eq!(multi.templates, ["This is a photo of {}."], "what auto means today stays");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let body = json!({ "groups": [{ "name": "animal", "mode": "multi", "labels": [
            { "name": "cat", "prompts": { "en": ["a cat"], "de": "eine Katze", "fr": [] } },
            { "name": "dog", "prompts": ["a dog", "a puppy"], "negative_prompts": ["a wolf"], "threshold": 0.3 },
            "cow",
        ]}], "templates": ["de"] });
        let definition = draft(&body).unwrap().definition;
        let text = serde_json::to_string(&definition).unwrap();
        assert_eq!(serde_json::from_str::<Definition>(&text).unwrap(), definition);
        let again = draft(&serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(again.definition, definition, "what is given back may be sent again");
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_named() {
        for (body, param) in [
            (json!({}), "labels"),
            (json!({ "labels": [] }), "labels"),
            (json!({ "groups": [] }), "groups"),
            (json!({ "groups": [{ "name": "a", "labels": [] }] }), "groups[0].labels"),
            (json!({ "groups": [{ "labels": ["a"] }] }), "groups[0].name"),
            (json!({ "labels": ["a"], "groups": [{ "name": "g", "labels": ["b"] }] }), "labels"),
            (json!({ "labels": ["a", "b", "a"] }), "labels[2]"),
            (json!({ "labels": ["a", " "] }), "labels[1].name"),
            (json!({ "labels": [3] }), "labels[0]"),
            (json!({ "labels": ["a", "b", "c", "d", "e"] }), "labels"),
            (json!({ "labels": [{ "name": "a", "threshold": 2 }] }), "labels[0].threshold"),
            (json!({ "labels": [{ "name": "a", "treshold": 0.2 }] }), "labels[0].treshold"),
            (json!({ "labels": [{ "name": "a", "prompts": 3 }] }), "labels[0].prompts"),
            (json!({ "labels": [{ "name": "a", "prompts": { "e n": [] } }] }), "labels[0].prompts"),
            (
                json!({ "labels": [{ "name": "a", "prompts": { "en": [1] } }] }),
                "labels[0].prompts.en[0]",
            ),
            (json!({ "labels": [{ "name": "a".repeat(201) }] }), "labels[0].name"),
            (json!({ "labels": ["a"], "mode": "both" }), "mode"),
            (json!({ "labels": ["a"], "templates": ["no place"] }), "templates"),
            (
                json!({ "labels": [{ "name": "a", "negative_prompts": vec!["x"; 65] }] }),
                "labels[0].negative_prompts",
            ),
            (
                json!({ "labels": [{ "name": "a", "examples": vec!["AAAA"; 65] }] }),
                "labels[0].examples",
            ),
        ] {
            let error = draft(&body).unwrap_err();
            assert_eq!(
                (error.status.as_u16(), error.object.param.as_deref()),
                (400, Some(param)),
                "{body}"
            );
        }
    }

    #[test]
    fn groups_may_not_share_names() {
        let body = json!({ "groups": [{ "name": "g", "labels": ["a"] }, { "name": "g", "labels": ["b"] }] });
        assert_eq!(draft(&body).unwrap_err().code(), "duplicate_name");
        let body = json!({ "groups": [{ "name": "g", "labels": ["a"] }, { "name": "h", "labels": ["a"] }] });
        assert_eq!(draft(&body).unwrap_err().code(), "duplicate_name");
    }

    #[test]
    fn examples_belong_to_their_labels_once_each() {
        let body =
            json!({ "labels": ["a", { "name": "b", "examples": ["AAAA", "AAAB", "AAAA"] }] });
        let draft = draft(&body).unwrap();
        assert_eq!(draft.parts[1].place, "labels[1].examples[1]");
        let hashes = ["sha256:1", "sha256:2", "sha256:1"].map(str::to_owned);
        let definition = draft.with_examples(hashes.into_iter());
        assert_eq!(definition.groups[0].labels[1].examples, ["sha256:1", "sha256:2"]);
        assert!(definition.groups[0].labels[0].examples.is_empty());
    }
}
