//! Text to tokens with a `spiece.model`, as transformers 5.23.0's `SiglipTokenizer` composes it.
//!
//! That class splits special tokens off, canonicalises each stretch between them, puts the unknown token's text in
//! front (so that sentencepiece keeps a leading `▁`), and drops as many tokens as that text has. All of it is repeated
//! here literally, since pieces may in principle join the two. End-of-text and padding come later, in
//! [`crate::Tokenizer`].

use crate::canonical::{Canonicalization, LowerCasing, Punctuation, canonicalize};
use crate::sentencepiece::{Entry, SPACE_SYMBOL, SentencePiece, Token, Trie};
use crate::settings::Settings;
use crate::tokenizer::{Collected, Ending};
use std::collections::BTreeMap;

/// A sentencepiece model with SigLIP's special tokens.
#[derive(Clone, Debug)]
pub(crate) struct SiglipTokens {
    pieces: SentencePiece,
    /// Texts of the special tokens, to their ids.
    specials: Trie,
    /// Text of the unknown token, put in front of every stretch.
    prefix: String,
    /// Tokens of that text alone.
    prefix_tokens: usize,
    lower_casing: LowerCasing,
}

/// What the rule about a lone leading `▁` needs to know of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Special,
    SpaceSymbol,
    Other,
}

#[derive(Clone, Copy)]
struct Found {
    id: u32,
    sort: Sort,
}

/// The tokens of a text, and the sorts of the first two.
struct Stream {
    collected: Collected,
    first: Option<Sort>,
    second: Option<Sort>,
}

impl Stream {
    fn push(&mut self, found: Found) {
        match self.collected.total {
            0 => self.first = Some(found.sort),
            1 => self.second = Some(found.sort),
            _ => {}
        }
        self.collected.push(found.id);
    }
}

impl SiglipTokens {
    /// Joins a model and the settings beside it.
    pub fn new(pieces: SentencePiece, settings: &Settings) -> Self {
        let prefix = settings.unk.clone().unwrap_or_else(|| "<unk>".to_owned());
        let ids = special_ids(&pieces, settings, &prefix);
        let entries: Vec<Entry<'_>> =
            ids.iter().map(|(content, &id)| Entry { key: content.as_bytes(), value: id }).collect();
        let mut prefix_tokens = 0;
        pieces.tokens(&prefix, &mut |_| prefix_tokens += 1);
        Self {
            specials: Trie::build(&entries),
            pieces,
            prefix,
            prefix_tokens,
            lower_casing: settings.lower_casing.unwrap_or(LowerCasing::On),
        }
    }

    /// The id of a special token or piece.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.specials.get(token.as_bytes()).or_else(|| self.pieces.piece_to_id(token))
    }

    /// The unknown piece of the model.
    pub fn unknown_id(&self) -> u32 {
        self.pieces.unknown_id()
    }

    /// The tokens of a text, the first `keep` of them with their ids.
    pub fn collect(
        &self,
        text: &str,
        canonicalization: Canonicalization,
        keep: usize,
    ) -> Collected {
        match canonicalization {
            Canonicalization::Hf => self.collect_hf(text, keep),
            Canonicalization::BigVision => {
                let mut collected = Collected::new(keep, Ending::AlwaysAdded);
                self.pieces.tokens(&text.to_ascii_lowercase(), &mut |token| {
                    collected.push(match token {
                        Token::Piece { id, .. } | Token::Byte { id } => id,
                        Token::Unknown { .. } => self.pieces.unknown_id(),
                    });
                });
                collected
            }
        }
    }

    fn collect_hf(&self, text: &str, keep: usize) -> Collected {
        let mut stream = Stream {
            // One more than asked for, since the first may go.
            collected: Collected::new(keep.saturating_add(1), Ending::AddedUnlessThere),
            first: None,
            second: None,
        };
        let text = format!("{SPACE_SYMBOL}{}", text.replace(SPACE_SYMBOL, " "));
        let mut stretch_start = 0;
        let mut position = 0;
        while position < text.len() {
            let Some(special) = self.specials.longest_prefix(&text.as_bytes()[position..]) else {
                position += 1;
                continue;
            };
            self.stretch(&text[stretch_start..position], &mut stream);
            stream.push(Found { id: special.value, sort: Sort::Special });
            position += special.length;
            stretch_start = position;
        }
        self.stretch(&text[stretch_start..], &mut stream);

        let mut collected = stream.collected;
        if stream.first == Some(Sort::SpaceSymbol) && stream.second == Some(Sort::Special) {
            collected.drop_first();
        }
        collected
    }

    /// The tokens of a text without special tokens.
    fn stretch(&self, text: &str, stream: &mut Stream) {
        if text.is_empty() {
            return;
        }
        let mut canonical = self.prefix.clone();
        canonicalize(text, self.lower_casing, Punctuation::Deleted, &mut canonical);
        let mut dropped = Vec::new();
        let mut seen = 0;
        self.pieces.tokens(&canonical, &mut |token| {
            seen += 1;
            let found = self.found(&token);
            if seen <= self.prefix_tokens {
                dropped.push(found);
            } else {
                stream.push(found);
            }
        });
        if seen < self.prefix_tokens {
            for found in dropped {
                stream.push(found);
            }
        }
    }

    /// transformers looks tokens up by their text, special tokens first.
    fn found(&self, token: &Token<'_>) -> Found {
        let text = match *token {
            Token::Piece { text, .. } => text,
            Token::Byte { id } => {
                return Found { id, sort: Sort::Other };
            }
            Token::Unknown { text } => {
                if let Some(id) = self.specials.get(text) {
                    return Found { id, sort: Sort::Special };
                }
                text
            }
        };
        Found {
            id: self.pieces.id_by_text(token),
            sort: if text == SPACE_SYMBOL.as_bytes() { Sort::SpaceSymbol } else { Sort::Other },
        }
    }
}

/// The ids of all special tokens, in the order in which transformers hands out new ones: those with a stated id, the
/// three roles, the extra ones.
fn special_ids<'a>(
    pieces: &SentencePiece,
    settings: &'a Settings,
    unk: &'a str,
) -> BTreeMap<&'a str, u32> {
    let eos = settings.eos.as_deref().unwrap_or("</s>");
    let pad = settings.pad.as_deref().unwrap_or(eos);
    let (stated, extra): (Vec<_>, Vec<_>) =
        settings.added.iter().partition(|token| token.id.is_some());
    let stated = stated.into_iter().map(|token| (token.content.as_str(), token.id));
    let roles = [eos, unk, pad].into_iter().filter(|content| !content.is_empty());
    let extra = extra.into_iter().map(|token| token.content.as_str());
    let mut next_id = pieces.piece_count() as u32;
    let mut ids = BTreeMap::new();
    for (content, id) in stated.chain(roles.chain(extra).map(|content| (content, None))) {
        ids.entry(content).or_insert_with(|| {
            id.or_else(|| pieces.piece_to_id(content)).unwrap_or_else(|| {
                next_id = next_id.saturating_add(1);
                next_id - 1
            })
        });
    }
    ids
}
