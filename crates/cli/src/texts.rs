//! Texts as they are given, through the text tower.

use model::{Embeddings, Siglip};

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
    let mut embedded = Texts::default();
    console.begin("texts", texts.len());
    for (part, texts) in texts.chunks(TOGETHER).enumerate() {
        let encodings =
            texts.iter().map(|text| model.tokenize(text)).collect::<Result<Vec<_>, _>>()?;
        for (text, encoding) in texts.iter().zip(&encodings) {
            embedded.tokens += encoding.tokens;
            if encoding.truncated {
                note_truncated(text, console);
            }
        }
        let embeddings = model.embed_texts(&encodings)?;
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
