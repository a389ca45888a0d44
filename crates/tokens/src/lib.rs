//! Text to exactly as many ids as the text tower has positions.
//!
//! SigLIP attends to every position and pools the last one, so a text must become the very ids that the model was
//! trained with, always the same number of them. The reference is transformers 5.23.0 with sentencepiece 0.2.3:
//! `SiglipTokenizer` for a `spiece.model`, `Siglip2Tokenizer` for Gemma's `tokenizer.json`. transformers 4.57 differs in
//! two points, both tested here: it lower-cases letter by letter (`ΟΔΟΣ` ends in `σ`, not `ς`), and it takes `</S>` for
//! `</s>`.
//!
//! - [`Tokenizer`] is the door: a folder or a file's bytes, then [`Tokenizer::encode`].
//! - [`SentencePiece`] is the raw library below it, written anew because conversions to `tokenizer.json` lose byte
//!   fallback.
//!
//! This crate knows nothing of models, does no network access, and does not decode ids back into text.
#![forbid(unsafe_code)]

mod canonical;
mod cut;
mod error;
mod files;
mod json;
mod sentencepiece;
mod settings;
mod siglip;
mod tokenizer;

pub use canonical::Canonicalization;
pub use error::TokensError;
pub use sentencepiece::SentencePiece;
pub use tokenizer::{Encoding, Tokenizer, TokenizerOptions};
