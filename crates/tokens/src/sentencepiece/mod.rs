//! `spiece.model` files: a unigram vocabulary with its normalisation rules, read and applied as sentencepiece 0.2.3
//! does, to the id.
//!
//! This is the raw library: it knows nothing of SigLIP's canonicalisation, of end-of-text or of padding (see
//! [`crate::Tokenizer`]). BPE, word and character models are refused, sampling and decoding are not offered.

mod charsmap;
mod normalize;
mod pieces;
mod proto;
mod trie;
mod unigram;
mod wire;

pub(crate) use normalize::SPACE_SYMBOL;
pub(crate) use trie::{Entry, Trie};

use crate::TokensError;
use normalize::Normalizer;
use proto::ModelProto;
use std::collections::HashMap;
use unigram::{Segment, Unigram};

/// Largest model accepted, in bytes; the largest known has 7 MB.
const LARGEST_MODEL: usize = 1 << 26;

/// A loaded sentencepiece unigram model.
#[derive(Clone, Debug)]
pub struct SentencePiece {
    normalizer: Normalizer,
    unigram: Unigram,
    /// Ids of the pieces that no text can spell: unknown, control and byte pieces.
    reserved: HashMap<Vec<u8>, u32>,
    /// Ordinary pieces that share their text with a reserved one, and that one's id.
    shadowed: HashMap<u32, u32>,
    unknown: u32,
    /// Ids of the 256 byte pieces, when the model falls back to them.
    bytes: Option<Box<[u32]>>,
}

/// One token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A piece of the vocabulary and its normalised text.
    Piece { id: u32, text: &'a [u8] },
    /// One byte of a character that no piece covers.
    Byte { id: u32 },
    /// A run of characters that no piece covers.
    Unknown { text: &'a [u8] },
}

impl SentencePiece {
    /// Reads a model file.
    ///
    /// # Errors
    /// Broken protobuf, a model that is not unigram, and everything for which sentencepiece refuses a model: no
    /// ordinary pieces, empty or doubled or overlong ones, scores that are not finite, missing byte pieces, broken
    /// normalisation rules. Beyond sentencepiece, a model that has no unknown piece although it falls back to bytes, and
    /// a rule that turns one character into more than 255 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokensError> {
        if bytes.len() > LARGEST_MODEL {
            return Err(TokensError::TooLarge { limit: LARGEST_MODEL });
        }
        let mut model = ModelProto::parse(bytes)?;
        if model.model_type != 1 {
            return Err(TokensError::ModelType { found: model.model_type });
        }
        pieces::retire_null_piece(&mut model);
        pieces::check_pieces(&model)?;

        let reserved = pieces::reserved_pieces(&model.pieces)?;
        let sorted = pieces::sorted_entries(&model.pieces);
        if sorted.is_empty() {
            return Err(TokensError::Vocabulary { reason: "has no ordinary piece" });
        }
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0].key == pair[1].key) {
            return Err(pieces::doubled(pair[1].value as usize));
        }
        let shadowed = reserved.iter().filter_map(|(text, &id)| {
            let index = sorted.binary_search_by(|entry| entry.key.cmp(text)).ok()?;
            Some((sorted[index].value, id))
        });
        let shadowed = shadowed.collect();
        let user_defined = pieces::user_defined_pieces(&model.pieces);
        Ok(Self {
            normalizer: Normalizer::new(
                &model.normalizer,
                model.treat_whitespace_as_suffix,
                user_defined,
            )?,
            unigram: Unigram {
                trie: Trie::build(&sorted),
                candidates: model.pieces.iter().map(pieces::candidate).collect(),
                unknown_score: pieces::unknown_score(&model.pieces),
            },
            unknown: pieces::unknown_piece(&model.pieces)?,
            bytes: if model.byte_fallback { Some(pieces::byte_pieces(&reserved)?) } else { None },
            reserved,
            shadowed,
        })
    }

    /// The ids of a text, with nothing added: what `SentencePieceProcessor.encode` returns.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        self.tokens(text, &mut |token| {
            ids.push(match token {
                Token::Piece { id, .. } | Token::Byte { id } => id,
                Token::Unknown { .. } => self.unknown,
            });
        });
        ids
    }

    /// The id of a piece, if the vocabulary has it.
    pub fn piece_to_id(&self, piece: &str) -> Option<u32> {
        self.id_of(piece.as_bytes())
    }

    /// The id of the unknown piece, which stands for everything the vocabulary cannot spell.
    pub fn unknown_id(&self) -> u32 {
        self.unknown
    }

    /// How many pieces the vocabulary has; ids are below it.
    pub fn piece_count(&self) -> usize {
        self.unigram.candidates.len()
    }

    /// The id that the text of a token stands for. It differs from the token's own id in odd vocabularies only:
    /// where a control piece has the same text, or where unknown characters spell a retired piece.
    pub(crate) fn id_by_text(&self, token: &Token<'_>) -> u32 {
        match *token {
            Token::Piece { id, .. } if self.shadowed.is_empty() => id,
            Token::Piece { id, .. } => self.shadowed.get(&id).copied().unwrap_or(id),
            Token::Byte { id } => id,
            Token::Unknown { text } => self.id_of(text).unwrap_or(self.unknown),
        }
    }

    /// Calls `emit` for each token of a text, from left to right.
    pub(crate) fn tokens(&self, text: &str, emit: &mut impl FnMut(Token<'_>)) {
        let normalized = self.normalizer.normalize(text);
        // Neighbouring unknown characters are one token.
        let mut unknown = 0..0;
        self.unigram.segment(&normalized, &mut |Segment { range, id }| match (id, &self.bytes) {
            (Some(id), _) => {
                if !unknown.is_empty() {
                    emit(Token::Unknown { text: &normalized[unknown.clone()] });
                }
                unknown = range.end..range.end;
                emit(Token::Piece { id, text: &normalized[range] });
            }
            (None, Some(bytes)) => {
                for &byte in &normalized[range] {
                    emit(Token::Byte { id: bytes[usize::from(byte)] });
                }
            }
            (None, None) => unknown.end = range.end,
        });
        if !unknown.is_empty() {
            emit(Token::Unknown { text: &normalized[unknown] });
        }
    }

    fn id_of(&self, text: &[u8]) -> Option<u32> {
        self.reserved.get(text).copied().or_else(|| self.unigram.trie.get(text))
    }
}
