//! The fields of a request's JSON object, taken one by one, so that what is left over is known.
//!
//! `null` and `""` mean that a field is absent, as they do to OpenAI's clients.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::error::ApiError;

/// Values of a body. A parsed value takes 32 bytes and more where its text may take two, so that the limit on bytes
/// alone would let a body grow sixteenfold.
const MOST_VALUES: usize = 1 << 22;

/// An object of a request, and where it stands in it.
#[derive(Debug)]
pub(crate) struct Fields {
    map: Map<String, Value>,
    /// Empty at the top, else the path with a dot at its end.
    prefix: String,
}

impl Fields {
    /// A body, which must be one JSON object.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        if has_more_values(body, MOST_VALUES) {
            let message = format!("the body has more than {MOST_VALUES} values; send fewer inputs");
            return Err(ApiError::too_large("too_many_values", message));
        }
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            ApiError::invalid("invalid_json", format!("the body is not valid JSON: {error}"))
        })?;
        Self::of(value)
    }

    /// A body that was parsed already.
    ///
    /// # Errors
    /// When it is no object.
    pub(crate) fn of(body: Value) -> Result<Self, ApiError> {
        match body {
            Value::Object(map) => Ok(Self { map, prefix: String::new() }),
            other => {
                let message = format!("the body is {}; it must be a JSON object", kind(&other));
                Err(ApiError::invalid("invalid_type", message))
            }
        }
    }

    /// An object below the top.
    ///
    /// # Errors
    /// When the value is no object.
    pub(crate) fn inner(value: Value, place: &str) -> Result<Self, ApiError> {
        match value {
            Value::Object(map) => Ok(Self { map, prefix: format!("{place}.") }),
            other => Err(wrong(place, &other, "an object")),
        }
    }

    /// Where a field stands: `input[3].image`.
    pub(crate) fn place(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Whether there is a field of this name, null or not.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// Whether a field is there and not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// Any value but `null`.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    /// A text that is not empty.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(other) => Err(wrong(&self.place(name), &other, "a string")),
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(wrong(&self.place(name), &other, "true or false")),
        }
    }

    /// A whole number of a range.
    pub(crate) fn whole(
        &mut self,
        name: &str,
        range: RangeInclusive<usize>,
    ) -> Result<Option<usize>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        if value == "" {
            return Ok(None);
        }
        // JSON knows no difference between 3 and 3.0; where there is no upper end, more than a machine counts is as much
        // as it counts.
        let number = value
            .as_u64()
            .or_else(|| value.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| n as u64));
        let number = number.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        if let Some(number) = number.filter(|number| range.contains(number)) {
            return Ok(Some(number));
        }
        let (least, most) = range.into_inner();
        let place = self.place(name);
        let wanted = match most {
            usize::MAX => format!("a whole number from {least}"),
            most => format!("a whole number from {least} to {most}"),
        };
        Err(wrong(&place, &value, &wanted))
    }

    /// A number from 0 to 1.
    pub(crate) fn fraction(&mut self, name: &str) -> Result<Option<f32>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.as_f64().filter(|number| (0.0..=1.0).contains(number)) {
            Some(number) => Ok(Some(number as f32)),
            None => Err(wrong(&self.place(name), &value, "a number from 0 to 1")),
        }
    }

    /// One of a few words.
    pub(crate) fn word(
        &mut self,
        name: &str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Ok(Some(word));
        }
        let wanted = format!("one of {}", words.join(", "));
        Err(wrong(&self.place(name), &Value::String(text), &wanted))
    }

    /// A list.
    pub(crate) fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(other) => Err(wrong(&self.place(name), &other, "a list")),
        }
    }

    /// A list of texts; one text is a list of one.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(Value::Array(values)) => {
                let place = self.place(name);
                let text = |(index, value)| match value {
                    Value::String(text) => Ok(text),
                    other => Err(wrong(&format!("{place}[{index}]"), &other, "a string")),
                };
                values.into_iter().enumerate().map(text).collect::<Result<_, _>>().map(Some)
            }
            Some(other) => Err(wrong(&self.place(name), &other, "a string or a list of strings")),
        }
    }

    /// Takes fields that mean nothing here and are nobody's mistake.
    pub(crate) fn pass_over(&mut self, names: &[&str]) {
        for name in names {
            self.map.remove(*name);
        }
    }

    /// The names of what nobody took, for `x-ignored-params`.
    pub(crate) fn left_over(self) -> Vec<String> {
        let prefix = self.prefix;
        self.map.into_iter().map(|(name, _)| format!("{prefix}{name}")).collect()
    }
}

/// 400: a field has a value of another kind than it takes.
pub(crate) fn wrong(place: &str, value: &Value, wanted: &str) -> ApiError {
    let message = format!("{place} is {}; it must be {wanted}", kind(value));
    ApiError::invalid("invalid_value", message).at(place)
}

/// 400: a field that must be there is not.
pub(crate) fn missing(place: &str, wanted: &str) -> ApiError {
    ApiError::invalid("missing_field", format!("{place} is missing; give {wanted}")).at(place)
}

/// What a value is, without repeating more than a few of its characters.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.chars().count() <= 40 => format!("{text:?}"),
        Value::String(text) => format!("a string of {} bytes", text.len()),
        Value::Array(values) => format!("a list of {}", values.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// Whether JSON has more than `most` values, without parsing it: each but the first of a list or an object follows a
/// comma, the first a bracket.
fn has_more_values(json: &[u8], most: usize) -> bool {
    if json.len() <= most {
        return false;
    }
    let mut count = 0;
    let mut rest = json;
    while let Some(place) = rest.iter().position(|byte| matches!(byte, b',' | b'[' | b'{' | b'"')) {
        if rest[place] == b'"' {
            rest = after_string(&rest[place + 1..]);
            continue;
        }
        count += 1;
        if count > most {
            return true;
        }
        rest = &rest[place + 1..];
    }
    false
}

/// What follows the end of a string.
fn after_string(mut text: &[u8]) -> &[u8] {
    while let Some(place) = text.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        let step = if text[place] == b'"' { 1 } else { 2 };
        let rest = text.get(place + step..).unwrap_or_default();
        if step == 1 {
            return rest;
        }
        text = rest;
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn values_are_counted_where_they_stand_and_not_in_strings() {
        let count = |json: &str| (0..100).find(|&most| !has_more_values(json.as_bytes(), most));
        assert_eq!(count(r#"{"a":[1,2,3],"b":{}}"#), Some(6));
        assert_eq!(count(r#"{"a":"[,,{\",,[\\","b":1}"#), Some(2));
        assert_eq!(count("\"never ended [,"), Some(0));
        assert_eq!(count("\"\\"), Some(0));
    }

    #[test]
    fn a_body_of_more_values_than_memory_is_good_for_is_refused() {
        let body = |count: usize| format!("{{\"input\":[{}0]}}", "0,".repeat(count));
        Fields::parse(body(1000).as_bytes()).unwrap();
        let error = Fields::parse(body(MOST_VALUES).as_bytes()).unwrap_err();
        assert_eq!(error.object.code, Some("too_many_values"));
    }

    #[test]
    fn null_and_the_empty_text_are_absent() {
        let mut fields = fields(r#"{"a":null,"b":"","c":"x","d":null}"#);
        assert_eq!(fields.text("a").unwrap(), None);
        assert_eq!(fields.text("b").unwrap(), None);
        assert_eq!(fields.text("c").unwrap().as_deref(), Some("x"));
        assert_eq!(fields.whole("d", 1..=2).unwrap(), None);
    }

    #[test]
    fn a_wrong_value_names_its_place_and_what_would_be_right() {
        let value = serde_json::json!({"size": 0});
        let mut fields = Fields::inner(value, "input[3]").unwrap();
        let error = fields.whole("size", 1..=9).unwrap_err();
        assert_eq!(error.object.param.as_deref(), Some("input[3].size"));
        assert_eq!(
            error.object.message,
            "input[3].size is 0; it must be a whole number from 1 to 9"
        );
    }

    #[test]
    fn whole_numbers_may_have_a_fraction_of_nothing() {
        assert_eq!(fields(r#"{"n":3.0}"#).whole("n", 1..=9).unwrap(), Some(3));
        assert_eq!(fields(r#"{"n":1e30}"#).whole("n", 1..=usize::MAX).unwrap(), Some(usize::MAX));
        assert!(fields(r#"{"n":1e30}"#).whole("n", 1..=9).is_err());
        assert!(fields(r#"{"n":3.5}"#).whole("n", 1..=9).is_err());
        assert!(fields(r#"{"n":true}"#).whole("n", 1..=9).is_err());
        assert!(fields(r#"{"n":-1}"#).whole("n", 0..=9).is_err());
    }

    #[test]
    fn what_nobody_took_is_left_over() {
        let mut fields = fields(r#"{"a":1,"user":"u","b":2}"#);
        fields.pass_over(&["user"]);
        assert_eq!(fields.left_over(), ["a", "b"]);
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for body in ["[]", "3", "\"x\"", "null", "{", "", "\u{0}"] {
            assert_eq!(Fields::parse(body.as_bytes()).unwrap_err().status, 400, "{body}");
        }
    }
}
