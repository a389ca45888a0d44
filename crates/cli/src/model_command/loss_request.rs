//! On which texts and pictures the cost of a precision is measured.

use std::ffi::OsString;

use model::templates;

use crate::arguments::ModelCheckArguments;
use crate::exit::UsageError;
use crate::labels::lines_of;

/// What ordinary photos show, for those who give no texts.
const THINGS: [&str; 32] = [
    "a person",
    "a child",
    "a crowd",
    "a dog",
    "a cat",
    "a horse",
    "a bird",
    "a fish",
    "a flower",
    "a tree",
    "a forest",
    "a mountain",
    "a beach",
    "a river",
    "snow",
    "a sunset",
    "a street",
    "a house",
    "a bridge",
    "a church",
    "a car",
    "a train",
    "a bicycle",
    "an aeroplane",
    "a boat",
    "a kitchen",
    "a table",
    "a computer",
    "a book",
    "food",
    "a drawing",
    "a document",
];

/// What to measure on.
pub(crate) struct Request {
    pub(crate) texts: Vec<String>,
    pub(crate) origin: TextOrigin,
    /// As they were typed.
    pub(crate) images: Vec<OsString>,
}

/// Whose texts they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextOrigin {
    Given,
    BuiltIn,
}

impl Request {
    /// `None` when neither texts nor pictures are given: nothing is to be measured.
    ///
    /// # Errors
    /// When the file of texts cannot be read or is empty, or a picture is to come from standard input.
    pub(crate) fn read(arguments: &ModelCheckArguments) -> anyhow::Result<Option<Self>> {
        let ModelCheckArguments { texts, texts_file, images, .. } = arguments;
        if texts.is_empty() && texts_file.is_none() && images.is_empty() {
            return Ok(None);
        }
        if images.iter().any(|image| image == "-") {
            let message = "standard input can be read once, and each precision reads the pictures anew; give a file";
            return Err(UsageError::new(message).into());
        }
        let mut texts = texts.clone();
        if let Some(file) = texts_file {
            let lines = lines_of(file)?;
            if lines.is_empty() {
                let message = format!("{}: no texts in this file", file.display());
                return Err(UsageError::new(message).into());
            }
            texts.extend(lines);
        }
        let mut origin = TextOrigin::Given;
        if texts.is_empty() {
            origin = TextOrigin::BuiltIn;
            let templates = templates::choose(&[templates::AUTO])?;
            let prompts = |thing| templates.iter().map(move |template| template.fill(thing));
            texts = THINGS.into_iter().flat_map(prompts).collect();
        }
        Ok(Some(Self { texts, origin, images: images.clone() }))
    }
}
