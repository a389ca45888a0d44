//! What sentencepiece does to a text before it looks for pieces: normalisation rules, white space, `▁`.
//!
//! Follows `Normalizer::Normalize` of sentencepiece 0.2.3. Input is valid UTF-8; output need not be, when the rules
//! of a damaged model say so.

use super::charsmap::Charsmap;
use super::proto::NormalizerSpec;
use super::trie::Trie;
use crate::TokensError;

/// Stands for a space inside pieces (U+2581).
pub(crate) const SPACE_SYMBOL: &str = "\u{2581}";

/// Where the mark of a word's edge goes when the text itself has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DummySpace {
    Nowhere,
    Before,
    After,
}

/// What happens to leading, trailing and repeated spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExtraSpaces {
    Kept,
    Removed,
}

/// A model's normaliser.
#[derive(Clone, Debug)]
pub(super) struct Normalizer {
    rules: Option<Charsmap>,
    /// Strings that no rule may touch.
    user_defined: Option<Trie>,
    dummy_space: DummySpace,
    extra_spaces: ExtraSpaces,
    /// What a space becomes.
    space: &'static [u8],
}

/// The normalised form of the start of a text.
struct Normalized<'a> {
    /// Bytes of the text it stands for, at least 1.
    consumed: usize,
    output: &'a [u8],
}

impl Normalizer {
    pub fn new(
        spec: &NormalizerSpec<'_>,
        treat_whitespace_as_suffix: bool,
        user_defined: Option<Trie>,
    ) -> Result<Self, TokensError> {
        let rules = match spec.precompiled_charsmap {
            [] => None,
            blob => Some(Charsmap::parse(blob)?),
        };
        Ok(Self {
            rules,
            user_defined,
            dummy_space: match (spec.add_dummy_prefix, treat_whitespace_as_suffix) {
                (false, _) => DummySpace::Nowhere,
                (true, false) => DummySpace::Before,
                (true, true) => DummySpace::After,
            },
            extra_spaces: if spec.remove_extra_whitespaces {
                ExtraSpaces::Removed
            } else {
                ExtraSpaces::Kept
            },
            space: if spec.escape_whitespaces { SPACE_SYMBOL.as_bytes() } else { b" " },
        })
    }

    /// The text in the form in which pieces are looked for.
    pub fn normalize(&self, text: &str) -> Vec<u8> {
        let removed = self.extra_spaces == ExtraSpaces::Removed;
        let mut rest = text.as_bytes();
        if removed {
            while !rest.is_empty() {
                let start = self.normalize_start(rest);
                if start.output != b" " {
                    break;
                }
                rest = &rest[start.consumed..];
            }
        }
        if rest.is_empty() {
            return Vec::new();
        }
        let mut output = Vec::with_capacity(rest.len() + rest.len() / 2);
        if self.dummy_space == DummySpace::Before {
            output.extend_from_slice(self.space);
        }
        let mut after_space = removed;
        while !rest.is_empty() {
            let start = self.normalize_start(rest);
            let mut piece = start.output;
            while after_space && piece.first() == Some(&b' ') {
                piece = &piece[1..];
            }
            for &byte in piece {
                match byte {
                    b' ' => output.extend_from_slice(self.space),
                    _ => output.push(byte),
                }
            }
            if let Some(&last) = piece.last() {
                after_space = removed && last == b' ';
            }
            rest = &rest[start.consumed..];
        }
        if removed {
            while output.ends_with(self.space) {
                output.truncate(output.len() - self.space.len());
            }
        }
        if self.dummy_space == DummySpace::After {
            output.extend_from_slice(self.space);
        }
        output
    }

    /// Normalises one character, one rule's match, or one user-defined string at the start of a non-empty text.
    fn normalize_start<'a>(&'a self, text: &'a [u8]) -> Normalized<'a> {
        let user_defined = self.user_defined.as_ref().and_then(|trie| trie.longest_prefix(text));
        if let Some(prefix) = user_defined {
            return Normalized { consumed: prefix.length, output: &text[..prefix.length] };
        }
        if let Some(rule) = self.rules.as_ref().and_then(|rules| rules.longest_rule(text)) {
            return Normalized { consumed: rule.length, output: rule.replacement };
        }
        match character_length(text) {
            Some(length) => Normalized { consumed: length, output: &text[..length] },
            // A rule or a user-defined string ended inside a character.
            None => Normalized { consumed: 1, output: "\u{fffd}".as_bytes() },
        }
    }
}

/// Bytes of the valid UTF-8 character at the start of a text, if there is one.
fn character_length(text: &[u8]) -> Option<usize> {
    let length = match text.first()? {
        0x00..=0x7f => return Some(1),
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => return None,
    };
    std::str::from_utf8(text.get(..length)?).is_ok().then_some(length)
}
