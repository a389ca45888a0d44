//! Captions of drawn scenes in many languages, with agreement of gender and number, from the tables in `data/grammar/`.
//!
//! A table lists words; this file only looks them up. An adjective is looked up by gender and category (`f.one`), then
//! by category (`many`), then `any`. Two things are named in the nominative in every language ("on the left …, on the
//! right …"), so that no table needs cases.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::combination::{Position, Relation};
use crate::random::Random;
use crate::scene::{Group, Scene};

/// A language's code and its table.
struct Source {
    language: &'static str,
    text: &'static str,
}

macro_rules! sources {
    ($($language:literal)*) => {
        &[$(Source {
            language: $language,
            text: include_str!(concat!("../data/grammar/", $language, ".toml")),
        }),*]
    };
}

const SOURCES: &[Source] = sources!(
    "ar" "cs" "de" "en" "es" "fr" "hi" "id" "it" "ja" "ko" "nl" "pl" "pt" "ru" "sv" "tr" "uk" "vi" "zh"
);

/// Forms of a word by gender and category.
type Forms = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Noun {
    gender: String,
    forms: Forms,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    categories: Vec<String>,
    phrase: String,
    beside: Vec<String>,
    above: Vec<String>,
    article_before_vowel: Option<Vec<String>>,
    position: Forms,
    number: BTreeMap<String, Forms>,
    shape: BTreeMap<String, Noun>,
    colour: BTreeMap<String, Forms>,
    size: BTreeMap<String, Forms>,
    texture: BTreeMap<String, Forms>,
}

/// How a count is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    /// "three", "a".
    Word,
    /// "3".
    Digit,
    /// Nothing: "red circle", as a label is written.
    Bare,
}

/// The tables of all languages.
pub struct Grammar {
    tables: BTreeMap<&'static str, Table>,
}

impl Default for Grammar {
    fn default() -> Self {
        Self::new()
    }
}

impl Grammar {
    /// Reads the tables, which are part of the program.
    ///
    /// # Panics
    /// Never: a test reads every table and makes every caption.
    pub fn new() -> Self {
        let read = |source: &Source| {
            let table = toml::from_str(source.text).expect("the tables are TOML of this form");
            (source.language, table)
        };
        Self { tables: SOURCES.iter().map(read).collect() }
    }

    /// The languages that scenes can be described in, in alphabetical order.
    pub fn languages() -> impl Iterator<Item = &'static str> {
        SOURCES.iter().map(|source| source.language)
    }

    /// The caption of a scene in its plainest form ("three red circles on the left"), or `None` when there is no table of
    /// the language.
    pub fn caption(&self, scene: &Scene, language: &str) -> Option<String> {
        let table = self.tables.get(language)?;
        Some(table.caption(scene, Number::Word, 0))
    }

    /// One of the forms of a scene's caption; `None` as for [`Grammar::caption`].
    pub(crate) fn varied(
        &self,
        scene: &Scene,
        language: &str,
        random: &mut Random,
    ) -> Option<String> {
        let table = self.tables.get(language)?;
        let number = match random.unit() {
            share if share < 0.15 => Number::Digit,
            share if share < 0.35 => Number::Bare,
            _ => Number::Word,
        };
        Some(table.caption(scene, number, random.below(64)))
    }
}

impl Table {
    fn caption(&self, scene: &Scene, number: Number, choice: usize) -> String {
        match scene {
            Scene::Group { group, position } => {
                let phrase = self.phrase(*group, number);
                match position {
                    Some(position) => self.place(*position).replace("{phrase}", &phrase),
                    None => phrase,
                }
            }
            Scene::Pair { first, second, relation } => {
                let sentences = match relation {
                    Relation::Beside => &self.beside,
                    Relation::Above => &self.above,
                };
                let sentence = &sentences[choice % sentences.len()];
                let first = self.phrase(*first, number);
                sentence
                    .replace("{first}", &first)
                    .replace("{second}", &self.phrase(*second, number))
            }
        }
    }

    fn place(&self, position: Position) -> &str {
        &self.position[position.word()]
    }

    fn phrase(&self, group: Group, number: Number) -> String {
        let count = group.combination.count;
        let category = &self.categories[usize::from(count) - 1];
        let noun = &self.shape[group.combination.shape.word()];
        let form = |forms: &Forms| lookup(forms, &noun.gender, category).to_owned();
        let word = form(&self.number[&count.to_string()]);
        // Digits stand where a word of their own would; a counter that is joined to the noun stays.
        let separate = self.phrase.starts_with("{number} ") && !word.is_empty();
        let number = match number {
            Number::Digit if separate && count > 1 => count.to_string(),
            Number::Bare if count == 1 => String::new(),
            _ => word,
        };
        let phrase = self
            .phrase
            .replace("{number}", &number)
            .replace(
                "{size}",
                &group.size.map_or(String::new(), |size| form(&self.size[size.word()])),
            )
            .replace(
                "{texture}",
                &group.texture.map_or(String::new(), |texture| form(&self.texture[texture.word()])),
            )
            .replace("{colour}", &form(&self.colour[group.combination.colour.word()]))
            .replace("{shape}", &form(&noun.forms));
        let words: Vec<&str> = phrase.split(' ').filter(|word| !word.is_empty()).collect();
        self.with_article(words)
    }

    /// The words joined, with the other article before a vowel where the language has one.
    fn with_article<'a>(&'a self, mut words: Vec<&'a str>) -> String {
        if let Some([before, after]) = self.article_before_vowel.as_deref()
            && words.first() == Some(&before.as_str())
            && words.get(1).is_some_and(|word| word.starts_with(['a', 'e', 'i', 'o', 'u']))
        {
            words[0] = after;
        }
        words.join(" ")
    }
}

/// The form for a gender and a category: the most specific one that the table has.
fn lookup<'a>(forms: &'a Forms, gender: &str, category: &str) -> &'a str {
    let both = format!("{gender}.{category}");
    [both.as_str(), category, gender, "any"]
        .iter()
        .find_map(|key| forms.get(*key))
        .unwrap_or_else(|| panic!("the table has a form for {both}: {forms:?}"))
}
