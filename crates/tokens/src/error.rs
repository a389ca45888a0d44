//! Everything that can go wrong between a folder and its ids.

use std::path::PathBuf;

/// Why a tokenizer could not be loaded, or (only with `tokenizer.json`) why a text could not be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// The folder has neither of the two files that hold a vocabulary.
    #[error("no spiece.model and no tokenizer.json in {folder}", folder = folder.display())]
    NoTokenizer {
        /// The folder that was searched.
        folder: PathBuf,
    },
    /// A file could not be read; the message has its path.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// A file was read but its content is wrong.
    #[error("{file}: {source}", file = file.display())]
    InFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: Box<TokensError>,
    },
    /// A file is larger than any honest one.
    #[error("larger than the limit of {limit} bytes")]
    TooLarge {
        /// Most bytes accepted.
        limit: usize,
    },
    /// The protobuf wire format is broken.
    #[error("sentencepiece model is not valid protobuf at byte {at}: {reason}")]
    Protobuf {
        /// Offset of the broken field.
        at: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The model is not a unigram model (Gemma's BPE comes as `tokenizer.json`).
    #[error("sentencepiece model type {found} is not supported; only unigram (1) is")]
    ModelType {
        /// The number in the file: 2 is BPE, 3 words, 4 characters.
        found: i32,
    },
    /// One piece of the vocabulary is not acceptable.
    #[error("sentencepiece piece {index} {reason}")]
    Piece {
        /// Its id.
        index: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The vocabulary as a whole is not acceptable.
    #[error("sentencepiece vocabulary {reason}")]
    Vocabulary {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The precompiled normalisation rules are broken.
    #[error("sentencepiece precompiled_charsmap {reason}")]
    Charsmap {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// A JSON file does not have the expected shape.
    #[error("not the expected json: {0}")]
    Json(#[from] serde_json::Error),
    /// `tokenizer.json` describes something this crate does not accept.
    #[error("tokenizer.json {reason}")]
    JsonTokenizer {
        /// What is not accepted.
        reason: String,
    },
    /// A token that the tokenizer cannot do without is missing, or has no row in the token table.
    #[error("the {role} token {token:?} {reason}")]
    SpecialToken {
        /// `eos`, `pad` or `unk`.
        role: &'static str,
        /// Its text.
        token: String,
        /// Why it cannot be used.
        reason: &'static str,
    },
    /// The options ask for no positions at all.
    #[error("a text tower needs at least 1 position; the options say 0")]
    NoPositions,
}
