//! What a file of a store is: a picture, a text, or neither.

use bytes::Bytes;
use pixels::ErrorKind;
use store::{Claimed, FileError};

use crate::app::App;
use crate::archive::Archive;
use crate::bill::Origin;
use crate::error::ApiError;
use crate::input::read_object;
use crate::loaded::LoadedModel;

/// Bytes of a text that are read: far more than any model does.
const TEXT: u64 = 64 << 10;

/// Characters among which the end of what the model reads is looked for.
const LONGEST_EXCERPT: usize = 8192;

/// A file's.
#[derive(Debug)]
pub(super) enum Contents {
    Picture(Bytes),
    Text(String),
}

impl Contents {
    /// `image` or `text`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Picture(_) => "image",
            Self::Text(_) => "text",
        }
    }
}

/// Why there is no vector.
#[derive(Clone, Debug)]
pub(super) enum Problem {
    /// There never will be.
    Fault(FileError),
    /// There may be in so many seconds.
    Later(u64),
}

impl Problem {
    pub(super) fn fault(code: &str, message: impl Into<String>) -> Self {
        Self::Fault(FileError { code: code.to_owned(), message: message.into() })
    }

    /// What an error of the API means for a file.
    pub(super) fn of(error: &ApiError) -> Self {
        let message = error.object.message.as_ref();
        match error.status.as_u16() {
            429 | 503 => Self::Later(u64::from(error.retry_after.unwrap_or(1)).min(10)),
            400 | 413 | 422 => Self::fault("invalid_file", message),
            415 => Self::fault("unsupported_file", message),
            _ => Self::fault("server_error", message),
        }
    }
}

/// Reads a file as far as it is needed.
pub(super) async fn read(
    app: &App,
    archive: &Archive,
    claimed: &Claimed,
) -> Result<Contents, Problem> {
    let limit = app.limits.image_bytes;
    let length = if claimed.bytes <= limit { claimed.bytes } else { TEXT.min(claimed.bytes) };
    let bytes = read_object(app, archive, Origin::Line, &claimed.object, length).await;
    let bytes = bytes.map_err(|error| Problem::of(&error))?;
    match pixels::dimensions(&bytes, &app.image_limits) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            let begin = &bytes[..bytes.len().min(TEXT as usize)];
            let is_cut = (begin.len() as u64) < claimed.bytes;
            text(begin, is_cut).map(Contents::Text).ok_or_else(|| {
                Problem::fault(
                    "unsupported_file",
                    "the file is neither a picture nor a text in UTF-8",
                )
            })
        }
        _ if claimed.bytes > limit => {
            let message =
                format!("the file has {} bytes; the limit of an image is {limit}", claimed.bytes);
            Err(Problem::fault("invalid_file", message))
        }
        Ok(_) => Ok(Contents::Picture(bytes)),
        Err(error) => Err(Problem::fault("invalid_file", error.to_string())),
    }
}

/// Bytes as a text without control characters; where they are the beginning of more, a character may be cut.
fn text(bytes: &[u8], is_cut: bool) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_control = |character: char| {
        character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{c}')
    };
    (!text.contains(is_control)).then(|| text.to_owned())
}

/// As much of a text as the model reads.
pub(super) fn excerpt(model: &LoadedModel, text: &str) -> Result<String, Problem> {
    let is_cut = |text: &str| {
        let encoded = model.backend.tokenize(text);
        let encoded = encoded.map_err(|error| Problem::fault("server_error", error.to_string()))?;
        Ok::<_, Problem>(encoded.truncated)
    };
    let ends = text.char_indices().map(|(place, _)| place).take(LONGEST_EXCERPT + 1);
    let ends = ends.collect::<Vec<_>>();
    let most = if ends.len() > LONGEST_EXCERPT { &text[..ends[LONGEST_EXCERPT]] } else { text };
    if !is_cut(most)? {
        return Ok(most.to_owned());
    }
    let (mut fits, mut cut) = (0, ends.len());
    while cut - fits > 1 {
        let middle = usize::midpoint(fits, cut);
        if is_cut(&text[..ends[middle]])? { cut = middle } else { fits = middle }
    }
    Ok(text[..ends[fits]].to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_text_is_valid_utf_8_without_control_characters() {
        assert_eq!(text("\u{feff}a\tü\n".as_bytes(), false).as_deref(), Some("a\tü\n"));
        assert_eq!(text(b"", false).as_deref(), Some(""));
        assert_eq!(text(b"a\0", false), None);
        assert_eq!(text(b"a\xff", true), None);
        assert_eq!(text(&"aü".as_bytes()[..2], false), None, "it ends within a character");
        assert_eq!(text(&"aü".as_bytes()[..2], true).as_deref(), Some("a"));
    }

    #[test]
    fn a_short_text_is_read_whole() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let model = crate::fake::loaded(&Arc::default());
            assert_eq!(excerpt(&model, "a cat").unwrap(), "a cat");
            let long = "ü".repeat(LONGEST_EXCERPT + 5);
            assert_eq!(excerpt(&model, &long).unwrap().chars().count(), LONGEST_EXCERPT);
        });
    }
}
