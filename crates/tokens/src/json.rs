//! `tokenizer.json` files, through the `tokenizers` library, whose types stay in this module.
//!
//! Two shapes are known. A **unigram** file is a converted SigLIP 1 tokenizer: some converters put the
//! canonicalisation into the file's normalizer, some leave it out, so the normalizer is probed and what it does not do
//! is done here. A **BPE** file is Gemma's, for SigLIP 2, where transformers 5.23.0 (`Siglip2Tokenizer`) puts a
//! lower-casing step in front of the file's own normalizer and nothing else.
//!
//! The file's post-processor, padding and truncation are not used: SigLIP's texts have no beginning-of-text, one
//! end-of-text, and padding on the right, whatever the file says.

use crate::TokensError;
use crate::canonical::{Canonicalization, LowerCasing, Punctuation, canonicalize};
use crate::cut::{self, Cuts};
use crate::sentencepiece::{Entry, SPACE_SYMBOL, Trie};
use crate::settings::Settings;
use crate::tokenizer::{Collected, Ending};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokenizers::normalizers::{Lowercase, NormalizerWrapper, Sequence};
use tokenizers::{NormalizedString, Normalizer, Tokenizer};

/// What this crate reads of the file itself.
#[derive(Deserialize)]
struct File {
    model: Model,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    padding: Option<Padding>,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    dropout: Option<f32>,
    unk_token: Option<String>,
    unk_id: Option<u32>,
    merges: Option<IgnoredAny>,
    byte_fallback: Option<bool>,
    ignore_merges: Option<bool>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
}

#[derive(Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "the file's own fields")]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    single_word: bool,
}

#[derive(Deserialize)]
struct Padding {
    pad_token: String,
}

/// How a text is prepared for the library.
#[derive(Clone, Debug)]
enum Preparation {
    /// Not at all: the file's own rules are complete.
    Nothing,
    /// Special tokens are split off, and the rest is canonicalised as far as the file does not do it.
    Canonical { specials: Trie, lower_casing: LowerCasing, punctuation: Punctuation },
}

/// A loaded `tokenizer.json`.
#[derive(Clone, Debug)]
pub(crate) struct JsonTokens {
    library: Tokenizer,
    preparation: Preparation,
    /// Where long texts may be cut, if anywhere.
    cuts: Option<Cuts>,
    eos: String,
    pad: String,
    unk: String,
}

impl JsonTokens {
    pub fn new(bytes: &[u8], settings: &Settings) -> Result<Self, TokensError> {
        let file: File = serde_json::from_slice(bytes)?;
        if file.model.dropout.is_some_and(|dropout| dropout != 0.0) {
            return refuse("drops merges at random (model.dropout)");
        }
        let is_bpe = match (file.model.kind.as_deref(), &file.model.merges) {
            (Some("BPE"), _) | (None, Some(_)) => true,
            (Some("Unigram"), _) | (None, None) => false,
            (Some(kind), _) => {
                return refuse(&format!(
                    "has a model of type {kind:?}; only Unigram and BPE are supported"
                ));
            }
        };
        let mut library = contained(|| Tokenizer::from_bytes(bytes))?;
        contained(|| library.with_truncation(None).map(|_| ()))?;
        library.with_padding(None);

        let unk = if is_bpe {
            file.model.unk_token.clone()
        } else {
            file.model.unk_id.and_then(|id| library.id_to_token(id))
        };
        let Some(unk) = unk else {
            return refuse("has no unknown token");
        };
        let (own_eos, other_eos) = if is_bpe { ("<eos>", "</s>") } else { ("</s>", "<eos>") };
        let has = |token: &str| library.token_to_id(token).is_some();
        let eos = settings.eos.clone().unwrap_or_else(|| {
            let eos = if has(own_eos) || !has(other_eos) { own_eos } else { other_eos };
            eos.to_owned()
        });
        let pad =
            settings.pad.clone().or(file.padding.as_ref().map(|padding| padding.pad_token.clone()));
        let pad =
            pad.unwrap_or_else(|| if eos == "<eos>" { "<pad>".to_owned() } else { eos.clone() });

        let wanted = settings.lower_casing.unwrap_or(LowerCasing::On);
        let lower_casing = match (wanted, normalizes(&library, "A", "A")?) {
            (LowerCasing::On, Probe::Kept) => LowerCasing::On,
            _ => LowerCasing::Off,
        };
        let preparation = if is_bpe {
            if lower_casing == LowerCasing::On {
                lower_case_first(&mut library)?;
            }
            Preparation::Nothing
        } else {
            let punctuation = match normalizes(&library, "a!b_c.d", "!_.")? {
                Probe::Kept => Punctuation::Deleted,
                Probe::Gone => Punctuation::Kept,
            };
            match (lower_casing, punctuation) {
                (LowerCasing::Off, Punctuation::Kept) => Preparation::Nothing,
                _ => Preparation::Canonical {
                    specials: special_tokens(&file.added_tokens),
                    lower_casing,
                    punctuation,
                },
            }
        };
        let cuts = if is_bpe { cuts(&file, &library) } else { None };
        Ok(Self { library, preparation, cuts, eos, pad, unk })
    }

    pub fn eos(&self) -> &str {
        &self.eos
    }

    pub fn pad(&self) -> &str {
        &self.pad
    }

    pub fn unk(&self) -> &str {
        &self.unk
    }

    pub fn id(&self, token: &str) -> Option<u32> {
        self.library.token_to_id(token)
    }

    /// The tokens of a text, the first `keep` of them with their ids.
    pub fn collect(
        &self,
        text: &str,
        canonicalization: Canonicalization,
        keep: usize,
    ) -> Result<Collected, TokensError> {
        let mut collected = Collected::new(keep, Ending::AlwaysAdded);
        match (canonicalization, &self.preparation) {
            (Canonicalization::BigVision, _) => {
                self.append(&text.to_ascii_lowercase(), &mut collected)?;
            }
            (Canonicalization::Hf, Preparation::Nothing) => self.append(text, &mut collected)?,
            (
                Canonicalization::Hf,
                Preparation::Canonical { specials, lower_casing, punctuation },
            ) => {
                let text = text.replace(SPACE_SYMBOL, " ");
                let stretch = |stretch: &str, collected: &mut Collected| {
                    let mut canonical = String::new();
                    canonicalize(stretch, *lower_casing, *punctuation, &mut canonical);
                    self.append(&canonical, collected)
                };
                let mut stretch_start = 0;
                let mut position = 0;
                while position < text.len() {
                    let Some(special) = specials.longest_prefix(&text.as_bytes()[position..])
                    else {
                        position += 1;
                        continue;
                    };
                    stretch(&text[stretch_start..position], &mut collected)?;
                    collected.push(special.value);
                    position += special.length;
                    stretch_start = position;
                }
                stretch(&text[stretch_start..], &mut collected)?;
            }
        }
        Ok(collected)
    }

    fn append(&self, text: &str, collected: &mut Collected) -> Result<(), TokensError> {
        let mut rest = text;
        while !rest.is_empty() {
            let stretch = self.cuts.as_ref().map_or(rest, |cuts| cuts.first_stretch(rest));
            let encoding = contained(|| self.library.encode_fast(stretch, false))?;
            for &id in encoding.get_ids() {
                collected.push(id);
            }
            rest = &rest[stretch.len()..];
        }
        Ok(())
    }
}

/// Decides where a BPE file's texts may be cut.
fn cuts(file: &File, library: &Tokenizer) -> Option<Cuts> {
    let model = &file.model;
    let affixes = [&model.continuing_subword_prefix, &model.end_of_word_suffix];
    let marks_nothing = affixes.into_iter().flatten().all(String::is_empty);
    let is_plain = |token: &AddedToken| !token.lstrip && !token.rstrip && !token.single_word;
    let is_local = model.byte_fallback == Some(true)
        && model.ignore_merges != Some(true)
        && marks_nothing
        && file.added_tokens.iter().all(is_plain)
        && file.normalizer.as_ref().is_some_and(cut::replaces_spaces_only)
        && file.pre_tokenizer.as_ref().is_none_or(cut::splits_at_spaces_only);
    if !is_local {
        return None;
    }
    let vocabulary = library.get_vocab(true);
    Cuts::new(vocabulary.keys().map(String::as_str))
}

fn refuse<T>(reason: &str) -> Result<T, TokensError> {
    Err(TokensError::JsonTokenizer { reason: reason.to_owned() })
}

/// Runs the library, turning its errors and its panics into ours.
///
/// The library indexes by numbers from the file (its charsmap look-up panics on a damaged charsmap), which cannot be
/// prevented from outside. What a panic may leave half-done is only the library's token cache, which it treats as
/// optional, or a value that is dropped here.
fn contained<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, TokensError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => refuse(&format!("is refused by the tokenizers library: {error}")),
        Err(_) => refuse("makes the tokenizers library fail"),
    }
}

/// What a normalizer makes of some characters.
enum Probe {
    /// At least one of them is still there.
    Kept,
    /// None is.
    Gone,
}

/// Whether the file's normalizer leaves any of `characters` in `text`.
fn normalizes(library: &Tokenizer, text: &str, characters: &str) -> Result<Probe, TokensError> {
    let mut normalized = NormalizedString::from(text);
    if let Some(normalizer) = library.get_normalizer() {
        contained(|| normalizer.normalize(&mut normalized))?;
    }
    Ok(if normalized.get().contains(|c| characters.contains(c)) {
        Probe::Kept
    } else {
        Probe::Gone
    })
}

/// Puts lower-casing (character by character, as the library does it) in front of the file's normalizer.
fn lower_case_first(library: &mut Tokenizer) -> Result<(), TokensError> {
    let mut steps = vec![NormalizerWrapper::from(Lowercase)];
    steps.extend(library.get_normalizer().cloned());
    contained(|| library.with_normalizer(Some(Sequence::new(steps))).map(|_| ()))
}

fn special_tokens(added: &[AddedToken]) -> Trie {
    let mut entries: Vec<Entry<'_>> = added
        .iter()
        .filter(|token| token.special && !token.content.is_empty())
        .map(|token| Entry { key: token.content.as_bytes(), value: token.id })
        .collect();
    entries.sort_unstable_by_key(|entry| entry.key);
    entries.dedup_by_key(|entry| entry.key);
    Trie::build(&entries)
}
