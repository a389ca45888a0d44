//! The names of pictograms in all languages, as `names.jsonl` lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::Path;

use serde::Deserialize;

use crate::ScenesError;

/// Separates names within one string: no name holds it.
const SEPARATOR: char = '\u{1f}';

/// The names of one pictogram in one language, the short name first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(Box<str>);

impl Names {
    fn new(names: &[String]) -> Self {
        Self(names.join("\u{1f}").into())
    }

    /// The short name.
    pub fn short(&self) -> &str {
        self.0.split(SEPARATOR).next().unwrap_or_default()
    }

    /// The keywords, which need not tell one pictogram from another.
    pub fn keywords(&self) -> impl Iterator<Item = &str> {
        self.0.split(SEPARATOR).skip(1)
    }
}

/// One line of `names.jsonl`.
#[derive(Deserialize)]
struct Line {
    id: String,
    names: BTreeMap<String, Vec<String>>,
}

/// The names of every pictogram.
pub(crate) struct NameTable {
    /// In alphabetical order.
    pub(crate) languages: Vec<String>,
    /// In the order of the file; per language of `languages`.
    pub(crate) pictograms: Vec<Named>,
}

/// A pictogram and its names.
pub(crate) struct Named {
    pub(crate) ident: String,
    pub(crate) names: Vec<Option<Names>>,
    pub(crate) english: String,
}

/// Reads the names of the languages that are in `wanted`, or of all when it is empty.
pub(crate) fn read(path: &Path, wanted: &[String]) -> Result<NameTable, ScenesError> {
    let broken = |problem: String| ScenesError::Artwork { path: path.to_owned(), problem };
    let mut lines: Vec<Line> = Vec::new();
    for (number, line) in std::io::BufReader::new(fs_err::File::open(path)?).lines().enumerate() {
        let mut line: Line = serde_json::from_str(&line?)
            .map_err(|error| broken(format!("line {}: {error}", number + 1)))?;
        line.names.retain(|language, names| {
            let kept = wanted.is_empty() || wanted.contains(language) || language == "en";
            kept && !names.is_empty()
        });
        lines.push(line);
    }
    let known: BTreeSet<&String> = lines.iter().flat_map(|line| line.names.keys()).collect();
    if let Some(missing) = wanted.iter().find(|language| !known.contains(language)) {
        return Err(broken(format!("no names in the language `{missing}`")));
    }
    let asked = |language: &&&String| wanted.is_empty() || wanted.contains(**language);
    let languages: Vec<String> =
        known.iter().filter(asked).map(|language| (*language).clone()).collect();
    let pictograms = lines.iter().map(|line| Named {
        ident: line.id.clone(),
        names: languages.iter().map(|l| line.names.get(l).map(|names| Names::new(names))).collect(),
        english: line.names.get("en").map(|names| names[0].clone()).unwrap_or_default(),
    });
    let pictograms = pictograms.collect();
    Ok(NameTable { languages, pictograms })
}
