//! What is known of a vector beside its numbers.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// Names and values, in the order of the names.
pub type Attributes = BTreeMap<String, Value>;

/// One value. Values of two kinds are never equal and have no order between them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Flag(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(String),
}

impl Value {
    /// The order within one kind.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Flag(one), Self::Flag(other)) => Some(one.cmp(other)),
            (Self::Number(one), Self::Number(other)) => one.partial_cmp(other),
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }
}

/// JSON has no numbers that differ from themselves.
impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Flag(value) => value.hash(state),
            // Both zeros are equal.
            Self::Number(value) => (value + 0.0).to_bits().hash(state),
            Self::Text(value) => value.hash(state),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// As JSON, the way in which they are stored.
///
/// # Panics
/// Never: names are texts, and values have no parts that fail.
pub fn attributes_to_json(attributes: &Attributes) -> String {
    serde_json::to_string(attributes).expect("names are texts")
}

/// What [`attributes_to_json`] wrote.
///
/// # Errors
/// When it is anything else.
pub fn attributes_from_json(json: &[u8]) -> Result<Attributes, serde_json::Error> {
    serde_json::from_slice(json)
}
