//! What a version says, as it is kept and given back.

use std::collections::BTreeMap;

use model::GroupMode;
use serde::{Deserialize, Serialize};

/// Groups of labels, and the sentences around the names of those without prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Definition {
    /// Sentences with a place for the name; names of built-in ones were replaced, so that they stay what they were.
    pub(crate) templates: Vec<String>,
    pub(crate) groups: Vec<Group>,
}

/// Labels that are judged together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = LabelSetGroup)]
pub(crate) struct Group {
    /// What the answer calls it.
    pub(crate) name: String,
    pub(crate) mode: Mode,
    pub(crate) labels: Vec<SetLabel>,
}

/// What the labels of a group are to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = LabelSetMode)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// One of them holds.
    #[default]
    Exclusive,
    /// Each holds or not, whatever the others do.
    Multi,
}

impl From<Mode> for GroupMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Exclusive => Self::Exclusive,
            Mode::Multi => Self::Multi,
        }
    }
}

/// A label of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = LabelSetLabel)]
pub(crate) struct SetLabel {
    /// Of which a set has no two.
    pub(crate) name: String,
    /// Sentences that describe it; without any the templates around the name do.
    #[serde(default, skip_serializing_if = "Prompts::is_empty")]
    pub(crate) prompts: Prompts,
    /// Sentences that describe what it is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) negative_prompts: Vec<String>,
    /// Pictures of it: `sha256:` and the hash of their bytes, which the set keeps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) examples: Vec<String>,
    /// From which probability it is selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) threshold: Option<f32>,
}

/// Sentences, by language or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = LabelSetPrompts)]
#[serde(untagged)]
pub(crate) enum Prompts {
    /// Sentences.
    Plain(Vec<String>),
    /// Sentences by language, each of which counts the same.
    ByLanguage(BTreeMap<String, Vec<String>>),
}

impl Default for Prompts {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

impl Prompts {
    fn is_empty(&self) -> bool {
        self.languages().next().is_none()
    }

    /// The sentences of each language that has some; of a plain list those of one without a name.
    pub(crate) fn languages(&self) -> impl Iterator<Item = Language<'_>> {
        let (plain, by_language) = match self {
            Self::Plain(sentences) => (Some(Language { name: None, sentences }), None),
            Self::ByLanguage(map) => (None, Some(map)),
        };
        let named = by_language.into_iter().flatten();
        let named = named.map(|(name, sentences)| Language { name: Some(name), sentences });
        plain.into_iter().chain(named).filter(|language| !language.sentences.is_empty())
    }

    /// Names of languages without a sentence.
    pub(crate) fn silent(&self) -> impl Iterator<Item = &str> {
        let map = if let Self::ByLanguage(map) = self { Some(map) } else { None };
        let silent = map.into_iter().flatten().filter(|(_, sentences)| sentences.is_empty());
        silent.map(|(name, _)| name.as_str())
    }
}

/// The sentences of a language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Language<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) sentences: &'a [String],
}
