//! The labels of a command: from its arguments or from a file.

use std::collections::HashSet;
use std::path::Path;

use model::Label;

use crate::arguments::ClassifyArguments;
use crate::console::Console;
use crate::exit::UsageError;

/// Reads the labels, in their order. A label that comes twice is taken once, and a note says so: two equal labels would
/// share what belongs to one.
///
/// # Errors
/// When there are none, or the file cannot be read.
pub(crate) fn read(arguments: &ClassifyArguments, console: &Console) -> anyhow::Result<Vec<Label>> {
    let names = match &arguments.labels_file {
        Some(file) => lines_of(file)?,
        None => arguments.labels.iter().flat_map(|list| from_list(list)).collect(),
    };
    if names.is_empty() {
        let message = match &arguments.labels_file {
            Some(file) => format!("{}: no labels in this file", file.display()),
            None => {
                "no labels; give some with --labels \"cat,dog\" or --labels-file FILE".to_owned()
            }
        };
        return Err(UsageError::new(message).into());
    }
    let mut seen = HashSet::new();
    let mut labels = Vec::with_capacity(names.len());
    for name in &names {
        if seen.insert(name.as_str()) {
            labels.push(Label::from(name.as_str()));
        } else {
            console.note(&format!("the label {name:?} was given twice and counts once"));
        }
    }
    Ok(labels)
}

/// Parts between commas, without the spaces around them and without empty ones.
fn from_list(list: &str) -> impl Iterator<Item = String> {
    list.split(',').filter_map(trimmed)
}

/// One label, or one text, in each line. Empty lines and lines that begin with `#` do not count.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn lines_of(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = fs_err::read_to_string(file)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = text.lines().filter_map(trimmed);
    Ok(lines.filter(|line| !line.starts_with('#')).collect())
}

fn trimmed(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
