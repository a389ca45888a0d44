//! The few fields of `sentencepiece_model.proto` that decide ids, read from the file's bytes.
//!
//! Field numbers and defaults are those of sentencepiece 0.2.3. As in protobuf, a field of another wire type is
//! ignored, the last value of a repeated scalar wins, and an unknown piece type counts as a normal piece.
//! Whether the content makes sense is decided in the modules that use it.

use super::wire::{Fields, Payload};
use crate::TokensError;

/// What a piece of the vocabulary is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceKind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

/// One piece of the vocabulary; its id is its index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    /// UTF-8 in every honest file, but nothing promises it.
    pub text: &'a [u8],
    pub score: f32,
    pub kind: PieceKind,
}

/// How white space is treated before segmentation.
#[derive(Clone, Copy, Debug)]
pub(super) struct NormalizerSpec<'a> {
    /// Compiled normalisation rules; empty means none.
    pub precompiled_charsmap: &'a [u8],
    pub add_dummy_prefix: bool,
    pub remove_extra_whitespaces: bool,
    pub escape_whitespaces: bool,
}

/// A parsed model file.
#[derive(Clone, Debug)]
pub(super) struct ModelProto<'a> {
    pub pieces: Vec<Piece<'a>>,
    pub normalizer: NormalizerSpec<'a>,
    /// 1 unigram, 2 BPE, 3 words, 4 characters.
    pub model_type: i32,
    pub byte_fallback: bool,
    pub treat_whitespace_as_suffix: bool,
}

impl<'a> ModelProto<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TokensError> {
        let mut model = Self {
            pieces: Vec::new(),
            normalizer: NormalizerSpec {
                precompiled_charsmap: &[],
                add_dummy_prefix: true,
                remove_extra_whitespaces: true,
                escape_whitespaces: true,
            },
            model_type: 1,
            byte_fallback: false,
            treat_whitespace_as_suffix: false,
        };
        for field in Fields::new(bytes) {
            let field = field?;
            match (field.number, field.payload) {
                (1, Payload::Bytes(message)) => {
                    let piece = parse_piece(message)?;
                    // Refused here, lest two bytes of a file cost a whole `Piece`.
                    if piece.text.is_empty() {
                        return Err(TokensError::Piece {
                            index: model.pieces.len(),
                            reason: "is empty",
                        });
                    }
                    model.pieces.push(piece);
                }
                (2, Payload::Bytes(message)) => model.merge_trainer(message)?,
                (3, Payload::Bytes(message)) => model.normalizer.merge(message)?,
                _ => {}
            }
        }
        Ok(model)
    }

    fn merge_trainer(&mut self, message: &[u8]) -> Result<(), TokensError> {
        for field in Fields::new(message) {
            let field = field?;
            match (field.number, field.payload) {
                (3, Payload::Varint(value)) => self.model_type = value as i32,
                (24, Payload::Varint(value)) => self.treat_whitespace_as_suffix = value != 0,
                (35, Payload::Varint(value)) => self.byte_fallback = value != 0,
                _ => {}
            }
        }
        Ok(())
    }
}

impl<'a> NormalizerSpec<'a> {
    fn merge(&mut self, message: &'a [u8]) -> Result<(), TokensError> {
        for field in Fields::new(message) {
            let field = field?;
            match (field.number, field.payload) {
                (2, Payload::Bytes(bytes)) => self.precompiled_charsmap = bytes,
                (3, Payload::Varint(value)) => self.add_dummy_prefix = value != 0,
                (4, Payload::Varint(value)) => self.remove_extra_whitespaces = value != 0,
                (5, Payload::Varint(value)) => self.escape_whitespaces = value != 0,
                _ => {}
            }
        }
        Ok(())
    }
}

fn parse_piece(message: &[u8]) -> Result<Piece<'_>, TokensError> {
    let mut piece = Piece { text: &[], score: 0.0, kind: PieceKind::Normal };
    for field in Fields::new(message) {
        let field = field?;
        match (field.number, field.payload) {
            (1, Payload::Bytes(text)) => piece.text = text,
            (2, Payload::Fixed32(bits)) => piece.score = f32::from_bits(bits),
            (3, Payload::Varint(value)) => {
                piece.kind = match value {
                    1 => PieceKind::Normal,
                    2 => PieceKind::Unknown,
                    3 => PieceKind::Control,
                    4 => PieceKind::UserDefined,
                    5 => PieceKind::Unused,
                    6 => PieceKind::Byte,
                    _ => piece.kind,
                }
            }
            _ => {}
        }
    }
    Ok(piece)
}
