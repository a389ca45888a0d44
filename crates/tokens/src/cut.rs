//! Where a long text may be cut before the `tokenizers` library sees it, without changing a single id.
//!
//! The library needs over a hundred bytes of memory for each byte of a text, so a long one is handed over in stretches. With
//! a BPE model of Gemma's shape this is exact: a merge joins two neighbouring characters only if some piece of the
//! vocabulary has these two side by side. Between two characters that no piece and no added token has side by side,
//! nothing ever reaches across, and both sides are tokenized as if alone.
//!
//! The argument needs rules that work character by character, so the file's normalizer may only lower-case and replace
//! spaces by `▁`, nothing may be split beforehand, every character must be spelt by a piece or by byte pieces (unknown
//! ones would be fused across a cut), and added tokens may not take in the white space beside them. Any other file is
//! never cut.

use serde_json::Value;

/// Texts up to this many bytes are not cut.
const STRETCH: usize = 1 << 15;

/// The pairs of characters that may belong together.
#[derive(Clone, Debug)]
pub(crate) struct Cuts {
    /// Sorted.
    pairs: Vec<Pair>,
}

/// Two neighbouring characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair(char, char);

impl Cuts {
    /// Collects the pairs of a vocabulary; `strings` are all its pieces and added tokens. Nothing, if some character
    /// might be unknown to it or bytes might be merged.
    pub fn new<'s>(strings: impl Iterator<Item = &'s str> + Clone) -> Option<Self> {
        let byte_pieces = strings.clone().filter(|text| is_byte_piece(text)).count();
        let merges_bytes = strings.clone().any(|text| text.contains("<0x") && !is_byte_piece(text));
        if byte_pieces < 256 || merges_bytes {
            return None;
        }
        let mut pairs = Vec::new();
        for text in strings {
            add_pairs(text.chars(), &mut pairs);
            // The library normalizes some added tokens before it looks for them.
            if text.contains(|c: char| c == ' ' || !c.to_lowercase().eq([c])) {
                let normalized = text.chars().flat_map(char::to_lowercase);
                add_pairs(normalized.map(|c| space_symbol(c).unwrap_or(c)), &mut pairs);
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        Some(Self { pairs })
    }

    /// The first stretch of a text, at least one character; the rest can be tokenized on its own.
    pub fn first_stretch<'a>(&self, text: &'a str) -> &'a str {
        if text.len() <= STRETCH {
            return text;
        }
        let from = text.floor_char_boundary(STRETCH);
        let mut left = None;
        for (offset, right) in text[from..].char_indices() {
            if left.is_some_and(|left| self.is_cut(left, right)) {
                return &text[..from + offset];
            }
            left = Some(right);
        }
        text
    }

    fn is_cut(&self, left: char, right: char) -> bool {
        // Added tokens are looked for before and after the normalizer, which lower-cases or not.
        let lefts = [Some(left), left.to_lowercase().last(), space_symbol(left)];
        let rights = [Some(right), right.to_lowercase().next(), space_symbol(right)];
        let mut pairs = lefts
            .into_iter()
            .flatten()
            .flat_map(|a| rights.into_iter().flatten().map(move |b| Pair(a, b)));
        pairs.all(|pair| self.pairs.binary_search(&pair).is_err())
    }
}

fn add_pairs(characters: impl Iterator<Item = char> + Clone, pairs: &mut Vec<Pair>) {
    pairs.extend(characters.clone().zip(characters.skip(1)).map(|(left, right)| Pair(left, right)));
}

fn space_symbol(character: char) -> Option<char> {
    (character == ' ').then_some('▁')
}

fn is_byte_piece(text: &str) -> bool {
    text.len() == 6 && text.starts_with("<0x") && text.ends_with('>')
}

fn kind(step: &Value) -> Option<&str> {
    step.get("type")?.as_str()
}

/// Whether a normalizer does nothing but lower-case and replace spaces by `▁`.
pub(crate) fn replaces_spaces_only(normalizer: &Value) -> bool {
    match kind(normalizer) {
        Some("Sequence") => {
            let steps = normalizer.get("normalizers").and_then(Value::as_array);
            steps.is_some_and(|steps| {
                steps.iter().all(|step| kind(step) == Some("Lowercase") || is_space_step(step))
                    && steps.iter().any(is_space_step)
            })
        }
        _ => is_space_step(normalizer),
    }
}

fn is_space_step(step: &Value) -> bool {
    kind(step) == Some("Replace")
        && step.pointer("/pattern/String").and_then(Value::as_str) == Some(" ")
        && step.get("content").and_then(Value::as_str) == Some("▁")
}

/// Whether a pre-tokenizer looks for nothing but spaces: none is left after such a normalizer, so it splits nothing.
pub(crate) fn splits_at_spaces_only(pre_tokenizer: &Value) -> bool {
    kind(pre_tokenizer) == Some("Split")
        && pre_tokenizer.pointer("/pattern/String").and_then(Value::as_str) == Some(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(pieces: &[&str]) -> Option<Cuts> {
        let bytes: Vec<String> = (0..=255u8).map(|byte| format!("<0x{byte:02X}>")).collect();
        let all: Vec<&str> =
            bytes.iter().map(String::as_str).chain(pieces.iter().copied()).collect();
        Cuts::new(all.into_iter())
    }

    #[test]
    fn a_long_text_is_cut_where_no_piece_reaches_across() {
        let cuts = cuts(&["ab", "▁a", "▁▁"]).expect("all bytes are there");
        let text = "ab ".repeat(20_000);
        let stretch = cuts.first_stretch(&text);
        assert!(stretch.len() >= STRETCH && stretch.len() < STRETCH + 4, "{}", stretch.len());
        assert!(stretch.ends_with('b'));
        assert_eq!(cuts.first_stretch("ab ab"), "ab ab");
    }

    #[test]
    fn a_text_is_not_cut_inside_a_possible_piece_in_any_case() {
        let cuts = cuts(&["aa", "B\u{130}"]).expect("all bytes are there");
        for text in ["a", "A", "B\u{130}", "bi\u{307}"] {
            let text = text.repeat(40_000);
            let stretch = cuts.first_stretch(&text);
            assert!(stretch == text || stretch.ends_with(['\u{130}', '\u{307}']), "{stretch:.10}");
        }
    }

    #[test]
    fn a_vocabulary_that_misses_or_merges_bytes_is_never_cut() {
        assert!(Cuts::new(["a", "<0x41>"].into_iter()).is_none());
        assert!(cuts(&["<0xE7><0x8C>"]).is_none());
    }
}
