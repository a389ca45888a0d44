//! Texts and pictures of a request: one parser for the dialects of OpenAI, Jina, Cohere, Voyage, `OpenRouter` and vLLM.
//!
//! A plain string is a text, unless it is a `data:image/` URI or the request says that its strings are images. Objects
//! branch on their keys. Every part keeps its place in the request for error messages. Several parts in one item stay
//! several parts: a text and a picture are never made one vector.

mod content;
mod file;
mod source;

pub(crate) use file::{read_files, read_object};
pub(crate) use source::ImageSource;

use serde_json::Value;

use crate::error::ApiError;
use crate::fields::{Fields, missing, wrong};

/// What plain strings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Modality {
    /// Texts, or data URIs of pictures.
    Text,
    /// URLs or base64 of pictures.
    Image,
}

impl Modality {
    /// The request's field `modality`; texts without it.
    pub(crate) fn take(fields: &mut Fields) -> Result<Self, ApiError> {
        Ok(match fields.word("modality", &["text", "image"])? {
            Some("image") => Self::Image,
            _ => Self::Text,
        })
    }
}

/// A text or a picture that is still bytes or an address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Text(String),
    Image(ImageSource),
}

/// One thing to embed.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// What it is, or why it cannot be used; the rest of the request may still be good.
    pub(crate) content: Result<Content, ApiError>,
    /// `input[3].image`.
    pub(crate) place: String,
    /// The item of the request that it belongs to.
    pub(crate) item: usize,
}

/// All parts of a request, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) parts: Vec<Part>,
    pub(crate) warnings: Vec<&'static str>,
}

/// Said when token ids were turned back into text.
const FROM_TOKENS: &str = "token ids were read as cl100k_base and turned back into text";

/// Said when an item has several parts.
const SEVERAL_PARTS: &str = "an item has several parts; each was embedded on its own, in order, and data has a row for each";

impl Inputs {
    /// Takes the inputs of the fields `input`, `inputs`, `images`, `texts` and `messages`, whichever there are.
    ///
    /// # Errors
    /// When there are none, too many, or a value is of a kind that no dialect has.
    pub(crate) fn take(fields: &mut Fields, limit: usize) -> Result<Self, ApiError> {
        let modality = Modality::take(fields)?;
        let mut parser = Parser { limit, items: 0, inputs: Self::default() };
        let mut named = None;
        for (name, modality) in [
            ("input", modality),
            ("inputs", modality),
            ("texts", Modality::Text),
            ("images", Modality::Image),
            ("messages", modality),
        ] {
            let place = fields.place(name);
            let Some(value) = fields.take(name) else { continue };
            named = named.or(Some(place.clone()));
            if name == "messages" {
                parser.messages(value, &place)?;
            } else {
                parser.value(value, &place, modality)?;
            }
        }
        let Some(place) = named else {
            return Err(missing(&fields.place("input"), "a text, an image, or a list of them"));
        };
        parser.finish(&place)
    }

    /// Takes a field that is a list of items, whatever the items are.
    ///
    /// # Errors
    /// Those of [`take`](Self::take).
    pub(crate) fn list(values: Vec<Value>, place: &str, limit: usize) -> Result<Self, ApiError> {
        let mut parser = Parser { limit, items: 0, inputs: Self::default() };
        parser.items(values, place, Modality::Text)?;
        parser.finish(place)
    }

    /// Takes a list of items whose plain strings are pictures.
    ///
    /// # Errors
    /// Those of [`take`](Self::take), and when an item is a text.
    pub(crate) fn pictures(
        values: Vec<Value>,
        place: &str,
        limit: usize,
    ) -> Result<Self, ApiError> {
        let mut parser = Parser { limit, items: 0, inputs: Self::default() };
        parser.items(values, place, Modality::Image)?;
        let inputs = parser.finish(place)?;
        let is_text = |part: &&Part| matches!(part.content, Ok(Content::Text(_)));
        if let Some(text) = inputs.parts.iter().find(is_text) {
            let message = format!("{} is a text; it must be a picture", text.place);
            return Err(ApiError::invalid("invalid_value", message).at(text.place.clone()));
        }
        Ok(inputs)
    }

    /// Takes what one field holds: a query, inputs.
    ///
    /// # Errors
    /// Those of [`take`](Self::take).
    pub(crate) fn of(value: Value, place: &str, limit: usize) -> Result<Self, ApiError> {
        let mut parser = Parser { limit, items: 0, inputs: Self::default() };
        parser.value(value, place, Modality::Text)?;
        parser.finish(place)
    }
}

struct Parser {
    limit: usize,
    items: usize,
    inputs: Inputs,
}

impl Parser {
    fn finish(self, place: &str) -> Result<Inputs, ApiError> {
        if self.inputs.parts.is_empty() {
            let message = format!("{place} is empty; give at least one input");
            return Err(ApiError::invalid("empty_input", message).at(place));
        }
        Ok(self.inputs)
    }

    /// One item, or a list of them.
    fn value(&mut self, value: Value, place: &str, modality: Modality) -> Result<(), ApiError> {
        match value {
            Value::Array(values) if modality == Modality::Text && is_token_ids(&values) => {
                self.tokens(&values, place)
            }
            Value::Array(values) => self.items(values, place, modality),
            value => self.item(value, place, modality),
        }
    }

    fn items(
        &mut self,
        values: Vec<Value>,
        place: &str,
        modality: Modality,
    ) -> Result<(), ApiError> {
        // Before anything is decoded.
        if values.len() > self.limit {
            return Err(too_many(place, values.len(), self.limit));
        }
        for (index, value) in values.into_iter().enumerate() {
            let place = format!("{place}[{index}]");
            match value {
                Value::Array(ids) if modality == Modality::Text && is_token_ids(&ids) => {
                    self.tokens(&ids, &place)?;
                }
                value => self.item(value, &place, modality)?,
            }
        }
        Ok(())
    }

    fn item(&mut self, value: Value, place: &str, modality: Modality) -> Result<(), ApiError> {
        let parts = content::item(value, place, modality)?;
        if parts.len() > 1 {
            self.warn(SEVERAL_PARTS);
        }
        let item = self.items;
        self.items += 1;
        for content::Found { content, place } in parts {
            self.push(Part { content, place, item })?;
        }
        Ok(())
    }

    fn messages(&mut self, value: Value, place: &str) -> Result<(), ApiError> {
        let Value::Array(messages) = value else {
            return Err(wrong(place, &value, "a list of messages"));
        };
        for (index, message) in messages.into_iter().enumerate() {
            let place = format!("{place}[{index}]");
            let mut message = Fields::inner(message, &place)?;
            // A message of an assistant that called a tool has none.
            let Some(content) = message.take("content") else { continue };
            let content = serde_json::json!({ "content": content });
            self.item(content, &place, Modality::Text)?;
        }
        Ok(())
    }

    fn tokens(&mut self, ids: &[Value], place: &str) -> Result<(), ApiError> {
        let ids = ids.iter().filter_map(token_id).collect::<Vec<_>>();
        let bytes = tiktoken_rs::cl100k_base_singleton().decode_bytes(&ids).map_err(|_| {
            let message = format!("{place} has an id that cl100k_base does not have; send texts");
            ApiError::invalid("invalid_token", message).at(place)
        })?;
        self.warn(FROM_TOKENS);
        // A list cut in the middle of a character is what clients that count tokens send.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let item = self.items;
        self.items += 1;
        self.push(Part { content: Ok(Content::Text(text)), place: place.to_owned(), item })
    }

    fn push(&mut self, part: Part) -> Result<(), ApiError> {
        if self.inputs.parts.len() == self.limit {
            return Err(too_many(&part.place, self.limit + 1, self.limit));
        }
        self.inputs.parts.push(part);
        Ok(())
    }

    fn warn(&mut self, warning: &'static str) {
        if !self.inputs.warnings.contains(&warning) {
            self.inputs.warnings.push(warning);
        }
    }
}

fn is_token_ids(values: &[Value]) -> bool {
    !values.is_empty() && values.iter().all(|value| token_id(value).is_some())
}

/// JSON knows no difference between 3 and 3.0.
fn token_id(value: &Value) -> Option<u32> {
    let whole = || value.as_f64().filter(|id| id.fract() == 0.0 && *id >= 0.0);
    let id = value.as_u64().or_else(|| whole().map(|id| id as u64))?;
    u32::try_from(id).ok()
}

fn too_many(place: &str, count: usize, limit: usize) -> ApiError {
    let message = format!("{place}: {count} inputs; the limit is {limit}");
    ApiError::invalid("too_many_inputs", message).at(place)
}

#[cfg(test)]
mod tests;
