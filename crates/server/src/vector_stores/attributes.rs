//! What people say of a store and of its files.

use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::fields::{Fields, wrong};

/// Pairs of an object.
const MOST: usize = 16;

/// Characters of a name.
const LONGEST_NAME: usize = 64;

/// Characters of a text.
const LONGEST_TEXT: usize = 512;

/// Takes `attributes`: texts, numbers and flags by name. `null` is none.
///
/// # Errors
/// When there are too many, a name or a text is too long, or a value is none of them.
pub(crate) fn attributes_of(fields: &mut Fields) -> Result<Value, ApiError> {
    let place = fields.place("attributes");
    let value = |value: &Value| match value {
        Value::String(text) => fits(text, LONGEST_TEXT),
        Value::Number(number) => number.as_f64().is_some_and(f64::is_finite),
        Value::Bool(_) => true,
        _ => false,
    };
    let wanted = format!("a text of at most {LONGEST_TEXT} characters, a number, true or false");
    checked(fields.take("attributes"), &place, &wanted, value)
}

/// Takes `metadata`: texts by name; nothing when there is none.
///
/// # Errors
/// Those of [`attributes_of`].
pub(crate) fn metadata_of(fields: &mut Fields) -> Result<Option<Value>, ApiError> {
    let place = fields.place("metadata");
    let Some(value) = fields.take("metadata") else { return Ok(None) };
    let text = |value: &Value| matches!(value, Value::String(text) if fits(text, LONGEST_TEXT));
    let wanted = format!("a text of at most {LONGEST_TEXT} characters");
    checked(Some(value), &place, &wanted, text).map(Some)
}

/// A schema of [`attributes_of`].
pub(crate) fn attributes_schema(value: &Value) -> Value {
    json!({
        "type": ["object", "null"], "maxProperties": MOST,
        "propertyNames": { "minLength": 1, "maxLength": LONGEST_NAME, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$" },
        "additionalProperties": value,
    })
}

fn fits(text: &str, most: usize) -> bool {
    // A database cannot keep the character 0.
    text.chars().count() <= most && !text.contains('\0')
}

fn checked(
    value: Option<Value>,
    place: &str,
    wanted: &str,
    is_good: impl Fn(&Value) -> bool,
) -> Result<Value, ApiError> {
    let pairs = match value {
        None => Map::new(),
        Some(Value::Object(pairs)) => pairs,
        Some(other) => return Err(wrong(place, &other, "an object")),
    };
    if pairs.len() > MOST {
        let message = format!("{place} has {} pairs; the limit is {MOST}", pairs.len());
        return Err(ApiError::invalid("too_many_attributes", message).at(place));
    }
    for (name, value) in &pairs {
        if name.is_empty() || !fits(name, LONGEST_NAME) || name.chars().any(char::is_control) {
            let message = format!(
                "{place} has a name that is none: 1 to {LONGEST_NAME} characters, none of them a control character"
            );
            return Err(ApiError::invalid("invalid_value", message).at(place));
        }
        if !is_good(value) {
            return Err(wrong(&format!("{place}.{name}"), value, wanted));
        }
    }
    Ok(Value::Object(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_few_short_and_flat() {
        let take = |attributes: Value| {
            attributes_of(&mut Fields::of(json!({ "attributes": attributes })).unwrap())
        };
        let good = json!({ "year": 2026, "kind": "cat", "sold": false });
        assert_eq!(take(good.clone()).unwrap(), good);
        assert_eq!(take(Value::Null).unwrap(), json!({}));
        let many = (0..17).map(|number| (number.to_string(), json!(1))).collect::<Map<_, _>>();
        for bad in [
            json!([]),
            Value::Object(many),
            json!({ "": 1 }),
            json!({ "a\u{1}": 1 }),
            json!({ "x".repeat(65): 1 }),
            json!({ "a": "x".repeat(513) }),
            json!({ "a": null }),
            json!({ "a": [1] }),
            json!({ "a": "\0" }),
        ] {
            assert!(take(bad.clone()).is_err(), "{bad}");
        }
        let mut fields = Fields::of(json!({ "metadata": { "a": 1 } })).unwrap();
        let error = metadata_of(&mut fields).unwrap_err();
        assert_eq!(error.object.param.as_deref(), Some("metadata.a"));
    }
}
