//! Captions of pictograms, and sentences around a caption.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::names::Names;
use crate::random::Random;

/// Sentences with a place for a name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Templates {
    /// For names of any language.
    any: Vec<String>,
    languages: BTreeMap<String, Vec<String>>,
}

/// What a language puts between the members of a list.
pub(crate) fn separator(language: &str) -> &'static str {
    match language.split('-').next().unwrap_or(language) {
        "ja" | "zh" | "yue" => "、",
        "ar" | "ckb" | "fa" | "ps" | "sd" | "ug" | "ur" => "، ",
        _ => ", ",
    }
}

impl Templates {
    pub(crate) fn new() -> Self {
        toml::from_str(include_str!("../data/templates.toml"))
            .expect("the templates are TOML of this form")
    }

    /// A sentence of the language around a name, or one that goes with any language.
    pub(crate) fn around(&self, name: &str, language: &str, random: &mut Random) -> String {
        let own = self.languages.get(language).filter(|_| random.chance(0.65));
        random.choose(own.unwrap_or(&self.any)).replace("{}", name)
    }

    /// A sentence that goes with any language around a phrase.
    pub(crate) fn around_phrase(&self, phrase: &str, random: &mut Random) -> String {
        random.choose(&self.any).replace("{}", phrase)
    }
}

/// The short name with a keyword, or two or three keywords.
pub(crate) fn with_keywords(names: &Names, language: &str, random: &mut Random) -> String {
    let mut keywords: Vec<&str> = names.keywords().collect();
    if keywords.is_empty() {
        return names.short().to_owned();
    }
    let mut list = Vec::new();
    if keywords.len() < 2 || random.chance(0.6) {
        list.push(names.short());
    }
    let wanted = (3 - list.len()).min(1 + random.below(3)).max(2 - list.len());
    for _ in 0..wanted.min(keywords.len()) {
        list.push(keywords.swap_remove(random.below(keywords.len())));
    }
    list.join(separator(language))
}
