//! One item of a request to its parts.

use serde_json::Value;

use super::{Content, ImageSource, Modality};
use crate::error::ApiError;
use crate::fields::{Fields, wrong};

/// A part of an item.
pub(super) struct Found {
    pub(super) content: Result<Content, ApiError>,
    pub(super) place: String,
}

impl Found {
    fn text(text: String, place: String) -> Self {
        Self { content: Ok(Content::Text(text)), place }
    }

    fn image(text: String, place: String) -> Self {
        let content = ImageSource::parse(text).map(Content::Image);
        Self { content: content.map_err(|error| error.at(place.clone())), place }
    }
}

const ITEM: &str = "a string, token ids, or an object with text, image, image_url or content";

/// The parts of an item; never none.
pub(super) fn item(value: Value, place: &str, modality: Modality) -> Result<Vec<Found>, ApiError> {
    match value {
        Value::String(text) => Ok(vec![plain(text, place, modality)]),
        value @ Value::Object(_) => object(Fields::inner(value, place)?, place),
        other => Err(wrong(place, &other, ITEM)),
    }
}

fn plain(text: String, place: &str, modality: Modality) -> Found {
    let is_image = modality == Modality::Image || begins_as_image(&text);
    if is_image {
        Found::image(text, place.to_owned())
    } else {
        Found::text(text, place.to_owned())
    }
}

/// `data:image/`, in any case.
fn begins_as_image(text: &str) -> bool {
    text.get(..11).is_some_and(|begin| begin.eq_ignore_ascii_case("data:image/"))
}

/// `{"text"}`, `{"image"}`, `{"image_url"}`, `{"image_base64"}`, `{"content"}`, with or without `type`.
fn object(mut fields: Fields, place: &str) -> Result<Vec<Found>, ApiError> {
    // `type` only repeats which key there is.
    fields.pass_over(&["type", "role", "detail"]);
    let mut found = Vec::new();
    if let Some(content) = fields.take("content") {
        parts(content, &fields.place("content"), &mut found)?;
    }
    if let Some(text) = fields.take("text") {
        let place = fields.place("text");
        match text {
            Value::String(text) => found.push(Found::text(text, place)),
            other => return Err(wrong(&place, &other, "a string")),
        }
    }
    for name in ["image", "image_url", "image_base64", "input_image"] {
        if let Some(image) = fields.take(name) {
            found.push(image_value(image, &fields.place(name))?);
        }
    }
    if let Some(unknown) = fields.left_over().first().filter(|_| found.is_empty()) {
        let message = format!("{unknown} is not known here; an input is {ITEM}");
        return Err(ApiError::invalid("invalid_value", message).at(place));
    }
    if found.is_empty() {
        let message = format!("{place} is an empty object; an input is {ITEM}");
        return Err(ApiError::invalid("invalid_value", message).at(place));
    }
    Ok(found)
}

/// The `content` of an item: a text, or parts.
fn parts(content: Value, place: &str, found: &mut Vec<Found>) -> Result<(), ApiError> {
    match content {
        Value::String(text) => found.push(Found::text(text, place.to_owned())),
        Value::Array(parts) => {
            for (index, part) in parts.into_iter().enumerate() {
                let place = format!("{place}[{index}]");
                match part {
                    Value::String(text) => found.push(Found::text(text, place)),
                    value @ Value::Object(_) => {
                        found.extend(object(Fields::inner(value, &place)?, &place)?);
                    }
                    other => return Err(wrong(&place, &other, "a part with a type")),
                }
            }
        }
        other => return Err(wrong(place, &other, "a string or a list of parts")),
    }
    Ok(())
}

/// A string, or `{"url": string}` as OpenAI has it.
fn image_value(image: Value, place: &str) -> Result<Found, ApiError> {
    match image {
        Value::String(text) => Ok(Found::image(text, place.to_owned())),
        value @ Value::Object(_) => {
            let mut fields = Fields::inner(value, place)?;
            let inner = fields.place("url");
            match fields.take("url") {
                Some(Value::String(text)) => Ok(Found::image(text, inner)),
                other => Err(wrong(&inner, &other.unwrap_or_default(), "a URL or a data URI")),
            }
        }
        other => Err(wrong(place, &other, "a URL, a data URI or base64")),
    }
}
