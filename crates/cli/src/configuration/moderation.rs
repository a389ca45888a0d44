//! `[serve.moderation]`: the categories of the moderation endpoint.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::parse::{File, in_order, nearest};
use crate::exit::UsageError;

/// From which probability a category is flagged whose threshold nobody gave.
const THRESHOLD: f32 = 0.5;

const NAMES: [&str; 2] = ["prompts", "threshold"];

/// A category and the sentences that describe what falls under it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModerationCategory {
    pub(crate) name: String,
    /// One at least, none of them blank.
    pub(crate) prompts: Vec<String>,
    /// The probability from which a picture is flagged, 0 to 1.
    pub(crate) threshold: f32,
}

/// Reads the table of categories, in the file's order.
///
/// # Errors
/// When a category is not a table of prompts and a threshold.
pub(super) fn read(
    file: &File<'_>,
    table: &DeTable<'_>,
) -> Result<Vec<ModerationCategory>, UsageError> {
    let mut categories = Vec::new();
    for (name, value) in in_order(table) {
        let place = Category { file, name: name.get_ref(), span: name.span() };
        categories.push(place.read(value.get_ref())?);
    }
    Ok(categories)
}

/// Where a category stands.
struct Category<'a> {
    file: &'a File<'a>,
    name: &'a str,
    span: Range<usize>,
}

impl Category<'_> {
    fn read(&self, value: &DeValue<'_>) -> Result<ModerationCategory, UsageError> {
        let DeValue::Table(table) = value else {
            return Err(
                self.wrong("a category is a table like { prompts = [\"...\"], threshold = 0.5 }")
            );
        };
        if self.name.trim().is_empty() {
            return Err(self.wrong("a category has a name"));
        }
        let mut prompts = Vec::new();
        let mut threshold = THRESHOLD;
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "prompts" => prompts = self.prompts(value)?,
                "threshold" => threshold = self.threshold(value)?,
                unknown => {
                    let known = nearest(unknown, NAMES);
                    let message =
                        format!("unknown key {unknown:?}; the nearest known key is {known:?}");
                    return Err(self.file.wrong(&key.span(), message));
                }
            }
        }
        if prompts.is_empty() {
            return Err(self.wrong("a category needs prompts, a list of one text at least"));
        }
        Ok(ModerationCategory { name: self.name.to_owned(), prompts, threshold })
    }

    fn prompts(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, UsageError> {
        let wrong = |span| {
            let message = format!(
                "serve.moderation.{}: prompts are a list of texts, none of them blank",
                self.name
            );
            self.file.wrong(&span, message)
        };
        let list = value.get_ref().as_array().ok_or_else(|| wrong(value.span()))?;
        let prompts = list.iter().map(|item| match item.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
            _ => Err(wrong(item.span())),
        });
        prompts.collect()
    }

    fn threshold(&self, value: &Spanned<DeValue<'_>>) -> Result<f32, UsageError> {
        let number = match value.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => None,
        };
        number.filter(|number| (0.0..=1.0).contains(number)).ok_or_else(|| {
            let message =
                format!("serve.moderation.{}: a threshold is a number from 0 to 1", self.name);
            self.file.wrong(&value.span(), message)
        })
    }

    fn wrong(&self, why: &str) -> UsageError {
        self.file.wrong(&self.span, format!("serve.moderation.{}: {why}", self.name))
    }
}
