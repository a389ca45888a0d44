//! What `tokenizer_config.json` and `special_tokens_map.json` say beside a vocabulary: which strings are the special
//! tokens, and whether text is lower-cased.
//!
//! Both files are optional, and everything in them is. As in transformers 5.23.0, the older `special_tokens_map.json`
//! counts only where `tokenizer_config.json` has no `added_tokens_decoder`.

use crate::TokensError;
use crate::canonical::LowerCasing;
use crate::files;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// A string that is split off before canonicalisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddedToken {
    pub content: String,
    /// Its id when the file states it.
    pub id: Option<u32>,
}

/// What the two files say; `None` where they say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub eos: Option<String>,
    pub unk: Option<String>,
    pub pad: Option<String>,
    pub lower_casing: Option<LowerCasing>,
    pub added: Vec<AddedToken>,
    known: HashSet<String>,
}

/// A token as a plain string or as an object with flags.
#[derive(Deserialize)]
#[serde(untagged)]
enum TokenText {
    Plain(String),
    Object { content: String },
}

impl TokenText {
    fn into_content(self) -> String {
        match self {
            Self::Plain(content) | Self::Object { content } => content,
        }
    }
}

/// Extra tokens as a list, or by name.
#[derive(Deserialize)]
#[serde(untagged)]
enum ExtraTokens {
    List(Vec<TokenText>),
    Named(BTreeMap<String, TokenText>),
}

#[derive(Default, Deserialize)]
struct TokensFile {
    eos_token: Option<TokenText>,
    unk_token: Option<TokenText>,
    pad_token: Option<TokenText>,
    do_lower_case: Option<bool>,
    added_tokens_decoder: Option<BTreeMap<u32, TokenText>>,
    additional_special_tokens: Option<ExtraTokens>,
    extra_special_tokens: Option<ExtraTokens>,
}

impl Settings {
    /// Reads the files that are in `folder`.
    pub fn read(folder: &Path) -> Result<Self, TokensError> {
        let config = read_file(&folder.join("tokenizer_config.json"))?.unwrap_or_default();
        let map = match config.added_tokens_decoder {
            None => read_file(&folder.join("special_tokens_map.json"))?.unwrap_or_default(),
            Some(_) => TokensFile::default(),
        };
        let mut settings = Self::default();
        settings.merge(config);
        settings.merge(map);
        Ok(settings)
    }

    /// Takes over what a file says, over what was said before.
    fn merge(&mut self, file: TokensFile) {
        let replace = |slot: &mut Option<String>, token: Option<TokenText>| {
            if let Some(token) = token {
                *slot = Some(token.into_content());
            }
        };
        replace(&mut self.eos, file.eos_token);
        replace(&mut self.unk, file.unk_token);
        replace(&mut self.pad, file.pad_token);
        if let Some(lower) = file.do_lower_case {
            self.lower_casing = Some(if lower { LowerCasing::On } else { LowerCasing::Off });
        }
        for (id, token) in file.added_tokens_decoder.into_iter().flatten() {
            self.add(token.into_content(), Some(id));
        }
        for extra in
            [file.additional_special_tokens, file.extra_special_tokens].into_iter().flatten()
        {
            let tokens = match extra {
                ExtraTokens::List(tokens) => tokens,
                ExtraTokens::Named(tokens) => tokens.into_values().collect(),
            };
            for token in tokens {
                self.add(token.into_content(), None);
            }
        }
    }

    fn add(&mut self, content: String, id: Option<u32>) {
        if !content.is_empty() && self.known.insert(content.clone()) {
            self.added.push(AddedToken { content, id });
        }
    }
}

fn read_file(path: &Path) -> Result<Option<TokensFile>, TokensError> {
    let Some(bytes) = files::read(path, files::LARGEST_CONFIG)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| files::in_file(path, error.into()))
}
