//! What the classes are called in other languages, from a file of the user's.

use std::collections::BTreeMap;
use std::path::Path;

use crate::DatasetError;
use crate::place::read_text;

/// The classes of a data set in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguageClasses {
    /// The language's code in lower case; `None` when the file does not say.
    pub language: Option<String>,
    /// By the class's number; `None` for a class without a name in this language.
    pub names: Vec<Option<String>>,
}

/// By language: numbers of classes, and their names.
type Listed = BTreeMap<String, (Vec<usize>, Vec<String>)>;

/// Reads names for `classes` classes: a text file with one a line (an empty line is a class without a name), or a JSON
/// file as Babel-ImageNet has it, `{"DE": [[0, 1, ...], ["Schleie", "Goldfisch", ...]], ...}`, of which `languages` are
/// taken (all, when there are none).
///
/// # Errors
/// When the file is neither, has names for other classes, or lacks one of the languages.
pub fn read_class_names(
    path: &Path,
    classes: usize,
    languages: &[String],
) -> Result<Vec<LanguageClasses>, DatasetError> {
    let text = read_text(path)?;
    let fault = |problem: String| DatasetError::of_file(path, problem);
    if !text.trim_start().starts_with('{') {
        let name = |line: &str| (!line.trim().is_empty()).then(|| line.trim().to_owned());
        let names = text.trim_end().lines().map(name).collect::<Vec<_>>();
        if names.len() != classes {
            return Err(fault(format!("it names {} classes; there are {classes}", names.len())));
        }
        return Ok(vec![LanguageClasses { language: None, names }]);
    }
    let listed = serde_json::from_str::<Listed>(&text)
        .map_err(|error| fault(format!("no names of classes by language: {error}")))?;
    let by_code = listed.into_iter().map(|(code, names)| (code.to_lowercase(), names));
    let by_code = by_code.collect::<BTreeMap<_, _>>();
    let mut found = Vec::new();
    let chosen =
        if languages.is_empty() { by_code.keys().cloned().collect() } else { languages.to_vec() };
    for language in chosen {
        let (places, given) = by_code
            .get(&language.to_lowercase())
            .ok_or_else(|| fault(format!("no names in the language {language:?}")))?;
        if places.len() != given.len() {
            let problem = format!("{language}: {} places, {} names", places.len(), given.len());
            return Err(fault(problem));
        }
        let mut names = vec![None; classes];
        for (place, name) in places.iter().zip(given) {
            let slot = names
                .get_mut(*place)
                .ok_or_else(|| fault(format!("{language}: class {place}; there are {classes}")))?;
            *slot = Some(name.clone());
        }
        found.push(LanguageClasses { language: Some(language.to_lowercase()), names });
    }
    Ok(found)
}
