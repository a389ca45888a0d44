//! What a search asks: a text, texts, a picture, or a weighted mixture of them.

use serde_json::Value;

use crate::error::ApiError;
use crate::fields::{Fields, missing, wrong};
use crate::input::{Content, ImageSource, Inputs, Part};
use crate::work::{Embedded, Kind};

/// Texts or weighted parts of a search.
const MOST: usize = 64;

/// A weight, either way.
const HEAVIEST: f64 = 100.0;

/// Which scores a query's hits have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tower {
    /// Of texts alone: with pictures the sigmoid.
    Text,
    /// Of pictures, or of differences: always (1 + cosine) / 2.
    Image,
}

/// What is looked for: a vector for each question, of which the best counts.
#[derive(Debug)]
pub(crate) struct Questions {
    /// To be embedded, in order.
    pub(crate) parts: Vec<Part>,
    /// As the reply repeats it.
    pub(crate) said: Vec<String>,
    weights: Option<Vec<f32>>,
}

/// A question's vector.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Of length 1.
    pub(crate) vector: Vec<f32>,
    pub(crate) tower: Tower,
}

impl Questions {
    /// Takes `query`: a text, a data URI or the id of a file; a list of such; or a list of `{"text" | "image", "weight"}`,
    /// whose sum is one question.
    ///
    /// # Errors
    /// When it is none of them, or has too many parts.
    pub(crate) fn take(fields: &mut Fields) -> Result<Self, ApiError> {
        let place = fields.place("query");
        let Some(query) = fields.take("query") else {
            return Err(missing(&place, "a text, the id of a picture's file, or a list of them"));
        };
        let values = match query {
            Value::Array(values) => values,
            value @ Value::Object(_) => vec![value],
            value => {
                let part = plain(value, &place, 0)?;
                return Ok(Self { said: vec![said(&part)], parts: vec![part], weights: None });
            }
        };
        if values.is_empty() || values.len() > MOST {
            let message = format!("{place} has {} parts; it must have 1 to {MOST}", values.len());
            return Err(ApiError::invalid("invalid_value", message).at(place));
        }
        let is_weighted = values[0].is_object();
        let (mut parts, mut weights) = (Vec::new(), Vec::new());
        for (index, value) in values.into_iter().enumerate() {
            let place = format!("{place}[{index}]");
            if value.is_object() != is_weighted {
                let message =
                    format!("{place}: texts and objects do not mix; write {{\"text\": …}}");
                return Err(ApiError::invalid("invalid_value", message).at(place));
            }
            if is_weighted {
                let (part, weight) = weighted(value, &place, index)?;
                parts.push(part);
                weights.push(weight);
            } else {
                parts.push(plain(value, &place, index)?);
            }
        }
        let said = parts.iter().map(said).collect();
        Ok(Self { parts, said, weights: is_weighted.then_some(weights) })
    }

    /// The questions' vectors, from those of the parts in their order.
    ///
    /// # Errors
    /// When weighted parts cancel each other out.
    pub(crate) fn vectors(&self, rows: &[Embedded]) -> Result<Vec<Question>, ApiError> {
        let tower =
            |row: &Embedded| if row.kind == Kind::Text { Tower::Text } else { Tower::Image };
        let Some(weights) = &self.weights else {
            let question =
                |row: &Embedded| Question { vector: row.row.to_vec(), tower: tower(row) };
            return Ok(rows.iter().map(question).collect());
        };
        let mut sum = vec![0.0; rows.first().map_or(0, |row| row.row.len())];
        for (row, weight) in rows.iter().zip(weights) {
            sum.iter_mut().zip(row.row.iter()).for_each(|(sum, x)| *sum += weight * x);
        }
        let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        let is_something = length > 1e-6;
        if !is_something {
            let message = "the parts of the query cancel each other out";
            return Err(ApiError::invalid("empty_query", message).at("query"));
        }
        let vector = sum.into_iter().map(|x| x / length).collect();
        let is_plain = weights.iter().all(|weight| *weight > 0.0);
        let is_text = is_plain && rows.iter().all(|row| row.kind == Kind::Text);
        Ok(vec![Question { vector, tower: if is_text { Tower::Text } else { Tower::Image } }])
    }
}

/// A text, a data URI, or the id of a file.
fn plain(value: Value, place: &str, item: usize) -> Result<Part, ApiError> {
    let Value::String(text) = value else {
        return Err(wrong(place, &value, "a text, a data URI, or the id of a file"));
    };
    if is_file(&text) {
        let content = Ok(Content::Image(ImageSource::File(text)));
        return Ok(Part { content, place: place.to_owned(), item });
    }
    let inputs = Inputs::of(Value::String(text), place, 1)?;
    inputs.parts.into_iter().next().ok_or_else(|| ApiError::internal("a text is no part"))
}

/// `file-` and 32 digits: any other text is a text.
fn is_file(text: &str) -> bool {
    text.strip_prefix("file-").is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

fn weighted(value: Value, place: &str, item: usize) -> Result<(Part, f32), ApiError> {
    let Value::Object(mut map) = value else { return Err(wrong(place, &value, "an object")) };
    let inner = format!("{place}.weight");
    let weight = match map.remove("weight") {
        None | Some(Value::Null) => 1.0,
        Some(weight) => {
            let number = weight.as_f64().filter(|weight| weight.abs() <= HEAVIEST);
            let wanted = format!("a number from -{HEAVIEST} to {HEAVIEST}");
            number.ok_or_else(|| wrong(&inner, &weight, &wanted))? as f32
        }
    };
    let mut parts = Inputs::of(Value::Object(map), place, 2)?.parts;
    let (Some(mut part), true) = (parts.pop(), parts.is_empty()) else {
        let message = format!("{place} has several parts; give each an object of its own");
        return Err(ApiError::invalid("invalid_value", message).at(place));
    };
    part.item = item;
    Ok((part, weight))
}

/// A picture is not repeated.
fn said(part: &Part) -> String {
    match &part.content {
        Ok(Content::Text(text)) => text.clone(),
        Ok(Content::Image(ImageSource::File(id))) => id.clone(),
        _ => "image".to_owned(),
    }
}

impl Question {
    /// What a hit of this cosine is worth.
    pub(crate) fn score(
        &self,
        cosine: f32,
        is_image: bool,
        scoring: Option<model::Scoring>,
    ) -> f32 {
        match (self.tower, scoring) {
            (Tower::Text, Some(scoring)) if is_image => model::sigmoid(scoring.logit(cosine)),
            _ => f32::midpoint(1.0, cosine).clamp(0.0, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn row(kind: Kind, numbers: &[f32]) -> Embedded {
        let times = crate::work::Times::default();
        Embedded { row: Arc::from(numbers), kind, tokens: 0, cached: false, times }
    }

    fn take(query: &Value) -> Result<Questions, ApiError> {
        Questions::take(&mut Fields::of(json!({ "query": query })).unwrap())
    }

    #[test]
    fn a_query_is_a_text_a_picture_a_list_or_a_mixture() {
        let id = format!("file-{}", "0".repeat(32));
        let said = |query: Value| take(&query).unwrap().said;
        assert_eq!(said(json!("a cat")), ["a cat"]);
        assert_eq!(said(json!("file-cabinet")), ["file-cabinet"], "a text");
        assert_eq!(said(json!(id)), std::slice::from_ref(&id));
        assert_eq!(said(json!("data:image/png;base64,AAAA")), ["image"]);
        assert_eq!(said(json!(["a", "b"])), ["a", "b"]);
        assert_eq!(
            said(json!([{ "text": "a" }, { "image": id, "weight": -1 }])),
            ["a".to_owned(), id]
        );
        for bad in [
            json!([]),
            json!(3),
            json!(["a", { "text": "b" }]),
            json!([{ "text": "b" }, "a"]),
            json!([{ "weight": 1 }]),
            json!([{ "text": "a", "image": "AAAA" }]),
            json!([{ "text": "a", "weight": "much" }]),
            json!([{ "text": "a", "weight": 1e9 }]),
            json!(vec!["a"; MOST + 1]),
        ] {
            assert!(take(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn weighted_parts_are_one_question_and_plain_ones_several() {
        let rows = [row(Kind::Text, &[1.0, 0.0]), row(Kind::Text, &[0.0, 1.0])];
        let several = take(&json!(["a", "b"])).unwrap().vectors(&rows).unwrap();
        assert_eq!(several.len(), 2);
        let one =
            take(&json!([{ "text": "a", "weight": 3 }, { "text": "b", "weight": 4 }])).unwrap();
        let one = one.vectors(&rows).unwrap();
        assert_eq!((one[0].vector.as_slice(), one[0].tower), ([0.6, 0.8].as_slice(), Tower::Text));
        let minus = take(&json!([{ "text": "a" }, { "text": "b", "weight": -1 }])).unwrap();
        assert_eq!(minus.vectors(&rows).unwrap()[0].tower, Tower::Image, "a difference");
        let nothing = take(&json!([{ "text": "a" }, { "text": "a", "weight": -1 }])).unwrap();
        let same = [rows[0].clone(), rows[0].clone()];
        assert_eq!(nothing.vectors(&same).unwrap_err().code(), "empty_query");
    }
}
