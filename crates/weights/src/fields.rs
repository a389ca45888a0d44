//! Typed reading of JSON objects, so that every error names the field with its section.
//!
//! Configuration files are written by many programs: an absent field and a `null` mean the default, unknown fields
//! are ignored, and a whole number may be written as a float (`64.0`).

use serde_json::{Map, Value};

use crate::WeightsError;
use crate::error::one_line;

/// Configuration files are a few KiB; a larger one is not a configuration.
pub(crate) const JSON_LIMIT: u64 = 4 << 20;

/// One object of a JSON file.
pub(crate) struct Section<'a> {
    /// Where the object stands, like `text_config`; empty at the top.
    name: &'a str,
    fields: &'a Map<String, Value>,
}

/// Parses a JSON text whose top is an object.
///
/// # Errors
/// If the text is larger than [`JSON_LIMIT`], no JSON, or no object.
pub(crate) fn parse_object(json: &[u8]) -> Result<Map<String, Value>, WeightsError> {
    if json.len() as u64 > JSON_LIMIT {
        return Err(WeightsError::TooLarge { found: json.len() as u64, limit: JSON_LIMIT });
    }
    serde_json::from_slice(json)
        .map_err(|error| WeightsError::Json { problem: one_line(&error.to_string()) })
}

impl<'a> Section<'a> {
    /// The object at the top of a file.
    pub(crate) fn top(fields: &'a Map<String, Value>) -> Self {
        Self { name: "", fields }
    }

    /// The object in field `name` of a file, or `None` when there is none.
    ///
    /// # Errors
    /// If the field is there and is no object.
    pub(crate) fn inner(&self, name: &'a str) -> Result<Option<Section<'a>>, WeightsError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Section { name, fields })),
            Some(other) => Err(self.wrong(name, other, "an object")),
        }
    }

    /// The value of a field, unless it is absent or `null`.
    pub(crate) fn value(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// A whole number from `least` to `most`.
    pub(crate) fn whole(
        &self,
        field: &str,
        default: usize,
        least: usize,
        most: usize,
    ) -> Result<usize, WeightsError> {
        let Some(value) = self.value(field) else {
            return Ok(default);
        };
        whole_number(value).filter(|number| (least..=most).contains(number)).ok_or_else(|| {
            self.wrong(field, value, &format!("a whole number from {least} to {most}"))
        })
    }

    /// The side of a square, written as one whole number or as a list of two equal ones.
    pub(crate) fn side(
        &self,
        field: &str,
        default: usize,
        most: usize,
    ) -> Result<usize, WeightsError> {
        let Some(value) = self.value(field) else {
            return Ok(default);
        };
        let side = match value {
            Value::Array(sides) if sides.len() == 2 => {
                whole_number(&sides[0]).filter(|side| Some(*side) == whole_number(&sides[1]))
            }
            other => whole_number(other),
        };
        side.filter(|side| (1..=most).contains(side)).ok_or_else(|| {
            let allowed = format!("a whole number from 1 to {most} (or two equal ones: a square)");
            self.wrong(field, value, &allowed)
        })
    }

    /// A finite number greater than 0 and at most `most`.
    pub(crate) fn positive(
        &self,
        field: &str,
        default: f64,
        most: f64,
    ) -> Result<f64, WeightsError> {
        let Some(value) = self.value(field) else {
            return Ok(default);
        };
        value.as_f64().filter(|number| *number > 0.0 && *number <= most).ok_or_else(|| {
            self.wrong(field, value, &format!("a number above 0 and at most {most}"))
        })
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, field: &str, default: bool) -> Result<bool, WeightsError> {
        match self.value(field) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong(field, other, "true or false")),
        }
    }

    /// A text.
    pub(crate) fn text(&self, field: &str) -> Result<Option<&'a str>, WeightsError> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(field, other, "a text")),
        }
    }

    /// The error for a field that has a value other than what is `allowed`.
    pub(crate) fn wrong(&self, field: &str, value: &Value, allowed: &str) -> WeightsError {
        let mut shown = value.to_string();
        if shown.chars().count() > 60 {
            shown = shown.chars().take(57).chain("...".chars()).collect();
        }
        self.problem(field, format!("is {shown}; it must be {allowed}"))
    }

    /// An error about a field, in free words.
    pub(crate) fn problem(&self, field: &str, problem: String) -> WeightsError {
        let separator = if self.name.is_empty() { "" } else { "." };
        WeightsError::Field { field: format!("{}{separator}{field}", self.name), problem }
    }
}

/// The value as a whole number, when it is one that `usize` holds; floats without a fraction count up to 2^53.
fn whole_number(value: &Value) -> Option<usize> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(number) = value.as_u64() {
        return usize::try_from(number).ok();
    }
    let number = value.as_f64()?;
    (number.fract() == 0.0 && (0.0..=EXACT).contains(&number)).then_some(number as usize)
}
