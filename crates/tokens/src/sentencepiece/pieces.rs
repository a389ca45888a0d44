//! What makes a list of pieces a vocabulary: the checks of sentencepiece 0.2.3, and the tables that encoding needs.

use super::proto::{ModelProto, Piece, PieceKind};
use super::trie::{Entry, Trie};
use super::unigram::Candidate;
use crate::TokensError;
use std::collections::HashMap;

/// sentencepiece refuses longer pieces.
const LONGEST_PIECE: usize = 7999;
/// How much worse than the worst piece an unknown character is.
const UNKNOWN_PENALTY: f32 = 10.0;

/// A piece that is one NUL byte, beside byte pieces, is a converter's mistake; sentencepiece retires it.
pub(super) fn retire_null_piece(model: &mut ModelProto<'_>) {
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
    matches!(kind, PieceKind::Normal | PieceKind::UserDefined | PieceKind::Unused)
}

pub(super) fn doubled(index: usize) -> TokensError {
    TokensError::Piece { index, reason: "has the same text as another piece" }
}

pub(super) fn check_pieces(model: &ModelProto<'_>) -> Result<(), TokensError> {
    for (index, piece) in model.pieces.iter().enumerate() {
        let fail = |reason| Err(TokensError::Piece { index, reason });
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

pub(super) fn reserved_pieces(pieces: &[Piece<'_>]) -> Result<HashMap<Vec<u8>, u32>, TokensError> {
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
pub(super) fn sorted_entries<'a>(pieces: &[Piece<'a>]) -> Vec<Entry<'a>> {
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
                entry: Entry { key: piece.text, value: index as u32 },
            }
        })
        .collect();
    keyed.sort_unstable_by(|a, b| {
        let by_text = || a.entry.key.cmp(b.entry.key);
        a.start.cmp(&b.start).then_with(by_text).then(a.entry.value.cmp(&b.entry.value))
    });
    keyed.into_iter().map(|keyed| keyed.entry).collect()
}

pub(super) fn user_defined_pieces(pieces: &[Piece<'_>]) -> Option<Trie> {
    let mut entries: Vec<Entry<'_>> = pieces
        .iter()
        .enumerate()
        .filter(|(_, piece)| piece.kind == PieceKind::UserDefined)
        .map(|(index, piece)| Entry { key: piece.text, value: index as u32 })
        .collect();
    entries.sort_unstable_by(|a, b| a.key.cmp(b.key));
    (!entries.is_empty()).then(|| Trie::build(&entries))
}

pub(super) fn unknown_piece(pieces: &[Piece<'_>]) -> Result<u32, TokensError> {
    let mut unknown =
        pieces.iter().enumerate().filter(|(_, piece)| piece.kind == PieceKind::Unknown);
    let reason = match (unknown.next(), unknown.next()) {
        (Some((index, _)), None) => return Ok(index as u32),
        (None, _) => "has no unknown piece",
        (Some(_), Some(_)) => "has more than one unknown piece",
    };
    Err(TokensError::Vocabulary { reason })
}

/// What an unknown character costs.
pub(super) fn unknown_score(pieces: &[Piece<'_>]) -> f32 {
    let normal = pieces.iter().filter(|piece| piece.kind == PieceKind::Normal);
    normal.fold(f32::MAX, |lowest, piece| lowest.min(piece.score)) - UNKNOWN_PENALTY
}

pub(super) fn candidate(piece: &Piece<'_>) -> Candidate {
    let score = match piece.kind {
        // A bonus that grows with the length, so that such a piece always wins.
        PieceKind::UserDefined => (0.1 * (piece.text.len() as f64 - 1.0)) as f32,
        _ => piece.score,
    };
    Candidate { score, kind: piece.kind }
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
pub(super) fn byte_pieces(reserved: &HashMap<Vec<u8>, u32>) -> Result<Box<[u32]>, TokensError> {
    (0..=255u8)
        .map(|byte| {
            let id = reserved.get(format!("<0x{byte:02X}>").as_bytes()).copied();
            id.ok_or(TokensError::Vocabulary {
                reason: "falls back to bytes, but lacks some of the 256 byte pieces",
            })
        })
        .collect()
}
