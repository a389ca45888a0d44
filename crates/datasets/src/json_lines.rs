//! JSON lines of our own: a picture's path with captions or labels.
//!
//! `{"image": "a.jpg", "caption": "..."}`, with `captions` for a list of texts or of `{"language", "text"}`, `language`
//! for the line's, `label` for a class or a list of classes. A picture may come in several lines.

use std::path::Path;

use serde_json::{Map, Value};

use crate::dataset::{Found, Options};
use crate::records::{MOST_TEXT_BYTES, Records, usual_folders};
use crate::{DatasetError, csv_table, lines};

/// Lists the samples.
pub(crate) fn list(path: &Path, options: &Options) -> Result<Found, DatasetError> {
    let mut records = Records::default();
    for line in lines::objects(path)? {
        let line = line?;
        add(&mut records, &line.object)
            .map_err(|problem| DatasetError::of_line(path, line.number, problem))?;
    }
    records.finish(path, usual_folders(path), options)
}

fn add(records: &mut Records, object: &Map<String, Value>) -> Result<(), String> {
    let picture = field(object, csv_table::PICTURE).and_then(Value::as_str);
    let picture = picture.ok_or_else(|| {
        format!("no text that names a picture: {}", csv_table::PICTURE.join(", "))
    })?;
    let record = records.of(picture)?;
    let language = field(object, csv_table::LANGUAGE).and_then(Value::as_str);
    for value in field(object, csv_table::CAPTION).into_iter().chain(object.get("captions")) {
        for caption in one_or_several(value) {
            let (language, text) = match caption {
                Value::Object(caption) => {
                    (caption.get("language").and_then(Value::as_str), caption.get("text"))
                }
                text => (language, Some(text)),
            };
            let text = text.and_then(Value::as_str).ok_or("a caption is no text")?;
            record.say(language, bounded(text)?);
        }
    }
    for value in field(object, csv_table::CLASS).into_iter().chain(object.get("labels")) {
        for class in one_or_several(value) {
            record.belongs(bounded(class.as_str().ok_or("a label is no text")?)?);
        }
    }
    Ok(())
}

fn field<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| object.get(*name))
}

fn one_or_several(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}

fn bounded(text: &str) -> Result<&str, String> {
    if text.len() > MOST_TEXT_BYTES {
        return Err(format!("a text of {} bytes; the limit is {MOST_TEXT_BYTES}", text.len()));
    }
    Ok(text)
}
