//! The committed models, and models built in memory.

use std::path::PathBuf;
use tokens::{Tokenizer, TokenizerOptions};

pub const CLDR: &str = "cldr_unigram_8k_mt5layout.model";

pub fn golden_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

pub fn golden(name: &str) -> Vec<u8> {
    fs_err::read(golden_path(name)).unwrap()
}

pub fn golden_text(name: &str) -> String {
    String::from_utf8(golden(name)).unwrap()
}

pub fn options(length: usize) -> TokenizerOptions {
    TokenizerOptions { length, ..TokenizerOptions::default() }
}

pub fn spiece(name: &str, length: usize) -> Tokenizer {
    Tokenizer::from_spiece(&golden(name), &options(length)).unwrap()
}

/// Writes sentencepiece model files, sound or not.
#[derive(Default)]
pub struct ModelFile {
    bytes: Vec<u8>,
    trainer: Vec<u8>,
    normalizer: Vec<u8>,
}

/// Piece types of `sentencepiece_model.proto`.
pub mod kind {
    pub const NORMAL: u64 = 1;
    pub const UNKNOWN: u64 = 2;
    pub const CONTROL: u64 = 3;
    pub const USER_DEFINED: u64 = 4;
    pub const UNUSED: u64 = 5;
    pub const BYTE: u64 = 6;
}

fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn number(field: u64, value: u64, bytes: &mut Vec<u8>) {
    varint(field << 3, bytes);
    varint(value, bytes);
}

fn block(field: u64, content: &[u8], bytes: &mut Vec<u8>) {
    varint(field << 3 | 2, bytes);
    varint(content.len() as u64, bytes);
    bytes.extend_from_slice(content);
}

impl ModelFile {
    pub fn piece(mut self, text: &str, score: f32, kind: u64) -> Self {
        let mut piece = Vec::new();
        block(1, text.as_bytes(), &mut piece);
        varint(2 << 3 | 5, &mut piece);
        piece.extend_from_slice(&score.to_le_bytes());
        number(3, kind, &mut piece);
        block(1, &piece, &mut self.bytes);
        self
    }

    pub fn model_type(mut self, value: u64) -> Self {
        number(3, value, &mut self.trainer);
        self
    }

    pub fn byte_fallback(mut self) -> Self {
        number(35, 1, &mut self.trainer);
        self
    }

    pub fn charsmap(mut self, blob: &[u8]) -> Self {
        block(2, blob, &mut self.normalizer);
        self
    }

    pub fn no_dummy_prefix(mut self) -> Self {
        number(3, 0, &mut self.normalizer);
        self
    }

    pub fn bytes(mut self) -> Vec<u8> {
        block(2, &self.trainer, &mut self.bytes);
        block(3, &self.normalizer, &mut self.bytes);
        self.bytes
    }
}

/// A model with the special pieces of SigLIP and the letters a to c.
pub fn letters() -> ModelFile {
    ModelFile::default()
        .piece("<pad>", 0.0, kind::CONTROL)
        .piece("</s>", 0.0, kind::CONTROL)
        .piece("<unk>", 0.0, kind::UNKNOWN)
        .piece("▁", -2.0, kind::NORMAL)
        .piece("a", -3.0, kind::NORMAL)
        .piece("b", -3.0, kind::NORMAL)
        .piece("c", -3.0, kind::NORMAL)
}
