//! The text that the tokenizer sees: SigLIP lower-cases a caption, deletes its punctuation and evens out its spaces
//! before sentencepiece, because its training data was cleaned that way.
//!
//! Follows `SiglipTokenizer.canonicalize_text` of transformers 5.23.0, hence Python's notion of white space and
//! `str.lower()`. Lower-casing uses this toolchain's Unicode tables: letters that Python's tables do not have yet
//! (Python 3.11 has Unicode 14) are lower-cased here and not there.

/// Which cleaning a text gets before its pieces are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Canonicalization {
    /// As transformers 5.23.0 does it: special tokens apart, lower case, no ASCII punctuation, single spaces.
    #[default]
    Hf,
    /// As `big_vision` does it outside zero-shot prompts: ASCII letters in lower case, nothing else; special tokens are
    /// ordinary text.
    BigVision,
}

/// Whether letters become lower-case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LowerCasing {
    /// Of the whole string, with Unicode's rule for the final sigma.
    On,
    Off,
}

/// Whether the 32 ASCII punctuation characters are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Punctuation {
    Deleted,
    Kept,
}

/// White space as Python's `str.strip` and `\s` see it: Unicode's, and the four ASCII separators U+001C to U+001F.
pub(crate) fn is_python_space(character: char) -> bool {
    matches!(character,
        '\t'..='\r' | '\u{1c}'..=' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}'
        | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// Appends the canonical form of `text` to `output`: lower-cased, without punctuation, inner white space as one space
/// each, none at the ends.
pub(crate) fn canonicalize(
    text: &str,
    lower_casing: LowerCasing,
    punctuation: Punctuation,
    output: &mut String,
) {
    match lower_casing {
        LowerCasing::On => even_out(&text.to_lowercase(), punctuation, output),
        LowerCasing::Off => even_out(text, punctuation, output),
    }
}

fn even_out(text: &str, punctuation: Punctuation, output: &mut String) {
    output.reserve(text.len());
    let start = output.len();
    let mut space_waits = false;
    for character in text.chars() {
        if is_python_space(character) {
            space_waits = output.len() > start;
        } else if punctuation == Punctuation::Kept || !character.is_ascii_punctuation() {
            if space_waits {
                output.push(' ');
                space_waits = false;
            }
            output.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        let mut output = String::new();
        canonicalize(text, LowerCasing::On, Punctuation::Deleted, &mut output);
        output
    }

    #[test]
    fn punctuation_is_deleted_and_not_replaced() {
        assert_eq!(canonical("don't STOP_it!"), "dont stopit");
        assert_eq!(canonical(r##"!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"##), "");
        assert_eq!(canonical("猫！"), "猫！");
    }

    #[test]
    fn spaces_around_deleted_punctuation_become_one() {
        assert_eq!(canonical(" a - b\u{1c}\u{3000}c . "), "a b c");
    }

    #[test]
    fn spaces_stay_single_after_an_earlier_text() {
        let mut output = String::from("x");
        canonicalize(" a ", LowerCasing::Off, Punctuation::Kept, &mut output);
        assert_eq!(output, "xa");
    }
}
