//! tokens
#![forbid(unsafe_code)]
mod error;
mod sentencepiece;
pub use error::TokensError;
pub use sentencepiece::SentencePiece;
