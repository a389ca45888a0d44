//! Texts as they are given, through the text tower.

use model::{Embeddings, Siglip};
use tokens::Encoding;

use crate::console::Console;
use crate::pictures::judge;

/// How many texts go through the tower at a time.
const TOGETHER: usize = 64;

/// Embedded texts.
#[derive(Default)]
pub(crate) struct Texts {
    parts: Vec<Embeddings>,
    /// Tokens of all, ends included.
    pub(crate) tokens: usize,
    /// Texts whose embedding is not finite; they were named on standard error.
    pub(crate) failed: usize,
}

impl Texts {
    /// A row of length 1 for each, in their order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.parts.iter().flat_map(Embeddings::rows)
    }
}

/// Embeds texts; a note names each that is too long for the model.
///
/// # Errors
/// When the model has no text tower or no usable tokenizer.
pub(crate) fn embed(
    model: &Siglip,
    texts: &[String],
    console: &mut Console,
) -> anyhow::Result<Texts> {
    embed_encoded(model, texts, &encode(model, texts, console)?, console)
}

/// Cuts texts into tokens; a note names each that is too long for the model.
///
/// # Errors
/// When the model has no usable tokenizer.
pub(crate) fn encode(
    model: &Siglip,
    texts: &[String],
    console: &Console,
) -> anyhow::Result<Vec<Encoding>> {
    let encode = |text: &String| {
        let encoding = model.tokenize(text)?;
        if encoding.truncated {
            note_truncated(text, console);
        }
        Ok(encoding)
    };
    texts.iter().map(encode).collect()
}

/// Embeds texts that were cut into tokens before.
///
/// # Errors
/// When the model has no text tower.
pub(crate) fn embed_encoded(
    model: &Siglip,
    texts: &[String],
    encodings: &[Encoding],
    console: &mut Console,
) -> anyhow::Result<Texts> {
    let mut embedded = Texts::default();
    console.begin("texts", texts.len());
    let parts = texts.chunks(TOGETHER).zip(encodings.chunks(TOGETHER));
    for (part, (texts, encodings)) in parts.enumerate() {
        embedded.tokens += encodings.iter().map(|encoding| encoding.tokens).sum::<usize>();
        let embeddings = model.embed_texts(encodings)?;
        for (text, row) in texts.iter().zip(embeddings.rows()) {
            if let Err(error) = judge(row) {
                embedded.failed += 1;
                console.failed(&format!("text {text:?}"), &error.message);
            }
        }
        embedded.parts.push(embeddings);
        console.advance_to((part * TOGETHER + texts.len()) as u64);
    }
    console.end();
    Ok(embedded)
}

/// Says that a text lost its end.
pub(crate) fn note_truncated(text: &str, console: &Console) {
    console.note(&format!("the text {text:?} is too long for the model and lost its end"));
}
