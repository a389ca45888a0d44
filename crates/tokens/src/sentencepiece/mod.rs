//! `spiece.model` files: a unigram vocabulary with its normalisation rules, read and applied as sentencepiece 0.2.3
//! does, to the id.
//!
//! This is the raw library: it knows nothing of SigLIP's canonicalisation, of end-of-text or of padding (see
//! [`crate::Tokenizer`]). BPE, word and character models are refused, sampling and decoding are not offered.

mod charsmap;
mod normalize;
mod proto;
mod trie;
mod unigram;
mod wire;

pub(crate) use normalize::SPACE_SYMBOL;
pub(crate) use trie::{Entry, Trie};

use crate::TokensError;
use normalize::Normalizer;
use proto::{ModelProto, Piece, PieceKind};
use std::collections::HashMap;
use unigram::{Candidate, Segment, Unigram};

/// Largest model file accepted; the largest known (Gemma 3) has 4.7 MB.
const LARGEST_MODEL: usize = 1 << 28;
/// sentencepiece refuses longer pieces.
const LONGEST_PIECE: usize = 7999;
/// How much worse than the worst piece an unknown character is.
const UNKNOWN_PENALTY: f32 = 10.0;

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
            return Err(TokensError::ModelTooLarge {
                found: bytes.len(),
                limit: LARGEST_MODEL,
            });
        }
        let mut model = ModelProto::parse(bytes)?;
        if model.model_type != 1 {
            return Err(TokensError::ModelType {
                found: model.model_type,
            });
        }
        retire_null_piece(&mut model);
        check_pieces(&model)?;

        let reserved = reserved_pieces(&model.pieces)?;
        let sorted = sorted_entries(&model.pieces);
        if sorted.is_empty() {
            return Err(TokensError::Vocabulary {
                reason: "has no ordinary piece",
            });
        }
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0].key == pair[1].key) {
            return Err(doubled(pair[1].value as usize));
        }
        let shadowed = reserved.iter().filter_map(|(text, &id)| {
            let index = sorted.binary_search_by(|entry| entry.key.cmp(text)).ok()?;
            Some((sorted[index].value, id))
        });
        let shadowed = shadowed.collect();
        let user_defined = user_defined_pieces(&model.pieces);
        Ok(Self {
            normalizer: Normalizer::new(
                &model.normalizer,
                model.treat_whitespace_as_suffix,
                user_defined,
            )?,
            unigram: Unigram {
                trie: Trie::build(&sorted),
                candidates: model.pieces.iter().map(candidate).collect(),
                unknown_score: lowest_score(&model.pieces) - UNKNOWN_PENALTY,
            },
            unknown: unknown_piece(&model.pieces)?,
            bytes: if model.byte_fallback {
                Some(byte_pieces(&reserved)?)
            } else {
                None
            },
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
        self.unigram.segment(
            &normalized,
            &mut |Segment { range, id }| match (id, &self.bytes) {
                (Some(id), _) => {
                    if !unknown.is_empty() {
                        emit(Token::Unknown {
                            text: &normalized[unknown.clone()],
                        });
                    }
                    unknown = range.end..range.end;
                    emit(Token::Piece {
                        id,
                        text: &normalized[range],
                    });
                }
                (None, Some(bytes)) => {
                    for &byte in &normalized[range] {
                        emit(Token::Byte {
                            id: bytes[usize::from(byte)],
                        });
                    }
                }
                (None, None) => unknown.end = range.end,
            },
        );
        if !unknown.is_empty() {
            emit(Token::Unknown {
                text: &normalized[unknown],
            });
        }
    }

    fn id_of(&self, text: &[u8]) -> Option<u32> {
        self.reserved
            .get(text)
            .copied()
            .or_else(|| self.unigram.trie.get(text))
    }
}

/// A piece that is one NUL byte, beside byte pieces, is a converter's mistake; sentencepiece retires it.
fn retire_null_piece(model: &mut ModelProto<'_>) {
    if model.byte_fallback {
        for piece in &mut model.pieces {
            if piece.text == b"\0" {
                piece.kind = PieceKind::Unused;
            }
        }
    }
}

fn is_retired_null(piece: &Piece<'_>) -> bool {
    piece.text == b"\0" && piece.kind == PieceKind::Unused
}

fn is_ordinary(kind: PieceKind) -> bool {
    matches!(
        kind,
        PieceKind::Normal | PieceKind::UserDefined | PieceKind::Unused
    )
}

fn doubled(index: usize) -> TokensError {
    TokensError::Piece {
        index,
        reason: "has the same text as another piece",
    }
}

fn check_pieces(model: &ModelProto<'_>) -> Result<(), TokensError> {
    for (index, piece) in model.pieces.iter().enumerate() {
        let fail = |reason| Err(TokensError::Piece { index, reason });
        if piece.text.is_empty() {
            return fail("is empty");
        }
        if piece.text.len() > LONGEST_PIECE {
            return fail("is longer than 7999 bytes");
        }
        if !piece.score.is_finite() {
            return fail("has a score that is not finite");
        }
        if piece.text.contains(&0) && !is_retired_null(piece) {
            return fail("has a NUL byte");
        }
        if piece.kind == PieceKind::Byte {
            if !model.byte_fallback {
                return fail("is a byte piece, but the model does not fall back to bytes");
            }
            if byte_of_piece(piece.text).is_none() {
                return fail("is a byte piece, but not of the form <0xAB>");
            }
        }
    }
    Ok(())
}

fn reserved_pieces(pieces: &[Piece<'_>]) -> Result<HashMap<Vec<u8>, u32>, TokensError> {
    let mut reserved = HashMap::new();
    for (index, piece) in pieces.iter().enumerate() {
        if !is_ordinary(piece.kind) && reserved.insert(piece.text.to_vec(), index as u32).is_some()
        {
            return Err(doubled(index));
        }
    }
    Ok(reserved)
}

/// The ordinary pieces in the order of their text.
fn sorted_entries<'a>(pieces: &[Piece<'a>]) -> Vec<Entry<'a>> {
    /// Most comparisons are settled by the first eight bytes, without a look at the text itself.
    struct Keyed<'a> {
        start: u64,
        entry: Entry<'a>,
    }
    let mut keyed: Vec<Keyed<'a>> = pieces
        .iter()
        .enumerate()
        .filter(|(_, piece)| is_ordinary(piece.kind) && !is_retired_null(piece))
        .map(|(index, piece)| {
            let mut start = [0; 8];
            let length = piece.text.len().min(8);
            start[..length].copy_from_slice(&piece.text[..length]);
            Keyed {
                start: u64::from_be_bytes(start),
                entry: Entry {
                    key: piece.text,
                    value: index as u32,
                },
            }
        })
        .collect();
    keyed.sort_unstable_by(|a, b| {
        let by_text = || a.entry.key.cmp(b.entry.key);
        a.start
            .cmp(&b.start)
            .then_with(by_text)
            .then(a.entry.value.cmp(&b.entry.value))
    });
    keyed.into_iter().map(|keyed| keyed.entry).collect()
}

fn user_defined_pieces(pieces: &[Piece<'_>]) -> Option<Trie> {
    let mut entries: Vec<Entry<'_>> = pieces
        .iter()
        .enumerate()
        .filter(|(_, piece)| piece.kind == PieceKind::UserDefined)
        .map(|(index, piece)| Entry {
            key: piece.text,
            value: index as u32,
        })
        .collect();
    entries.sort_unstable_by(|a, b| a.key.cmp(b.key));
    (!entries.is_empty()).then(|| Trie::build(&entries))
}

fn unknown_piece(pieces: &[Piece<'_>]) -> Result<u32, TokensError> {
    let mut unknown = pieces
        .iter()
        .enumerate()
        .filter(|(_, piece)| piece.kind == PieceKind::Unknown);
    let reason = match (unknown.next(), unknown.next()) {
        (Some((index, _)), None) => return Ok(index as u32),
        (None, _) => "has no unknown piece",
        (Some(_), Some(_)) => "has more than one unknown piece",
    };
    Err(TokensError::Vocabulary { reason })
}

fn lowest_score(pieces: &[Piece<'_>]) -> f32 {
    let normal = pieces
        .iter()
        .filter(|piece| piece.kind == PieceKind::Normal);
    normal.fold(f32::MAX, |lowest, piece| lowest.min(piece.score))
}

fn candidate(piece: &Piece<'_>) -> Candidate {
    let score = match piece.kind {
        // A bonus that grows with the length, so that such a piece always wins.
        PieceKind::UserDefined => (0.1 * (piece.text.len() as f64 - 1.0)) as f32,
        _ => piece.score,
    };
    Candidate {
        score,
        kind: piece.kind,
    }
}

/// Reads `<0xAB>`.
fn byte_of_piece(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    let [high, low] = digits else { return None };
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    Some(digit(*high)? << 4 | digit(*low)?)
}

/// The ids of the 256 byte pieces; whichever reserved piece has the text `<0xAB>` counts, as in sentencepiece.
fn byte_pieces(reserved: &HashMap<Vec<u8>, u32>) -> Result<Box<[u32]>, TokensError> {
    (0..=255u8)
        .map(|byte| {
            let id = reserved.get(format!("<0x{byte:02X}>").as_bytes()).copied();
            id.ok_or(TokensError::Vocabulary {
                reason: "falls back to bytes, but lacks some of the 256 byte pieces",
            })
        })
        .collect()
}
