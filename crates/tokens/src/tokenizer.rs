//! The one door to ids: whatever the vocabulary's file, a text becomes exactly as many ids as the tower has positions.

use crate::canonical::Canonicalization;
use crate::files;
use crate::json::JsonTokens;
use crate::settings::Settings;
use crate::siglip::SiglipTokens;
use crate::{SentencePiece, TokensError};
use std::path::Path;

/// What the model behind the ids demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizerOptions {
    /// Positions of the text tower: 64 in most SigLIP models, 16 in so400m-patch14-224. At least 1.
    pub length: usize,
    /// Rows of the token table. A token with a higher id (the mC4 vocabulary has 100 of them) becomes `<unk>`.
    pub vocabulary: usize,
    /// How texts are cleaned.
    pub canonicalization: Canonicalization,
}

impl Default for TokenizerOptions {
    /// 64 positions, 32,000 rows, `Hf`: the defaults of SigLIP's text tower.
    fn default() -> Self {
        Self { length: 64, vocabulary: 32_000, canonicalization: Canonicalization::Hf }
    }
}

/// The ids of one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Exactly `TokenizerOptions::length` ids, each below `TokenizerOptions::vocabulary`: the text's tokens, one
    /// end-of-text, padding.
    pub ids: Vec<u32>,
    /// How many ids the whole text needs, end-of-text included.
    pub tokens: usize,
    /// Whether the end of the text was cut off because `tokens` is more than the tower has positions.
    pub truncated: bool,
}

/// Whether end-of-text is added after a text that ends in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    AlwaysAdded,
    AddedUnlessThere,
}

/// The tokens of a text: the ids of the first ones, and the count of all.
#[derive(Clone, Debug)]
pub(crate) struct Collected {
    pub ids: Vec<u32>,
    pub total: usize,
    pub last: Option<u32>,
    pub ending: Ending,
    keep: usize,
}

impl Collected {
    pub fn new(keep: usize, ending: Ending) -> Self {
        Self { ids: Vec::new(), total: 0, last: None, ending, keep }
    }

    pub fn push(&mut self, id: u32) {
        if self.ids.len() < self.keep {
            self.ids.push(id);
        }
        self.total += 1;
        self.last = Some(id);
    }

    /// Takes the first token back.
    pub fn drop_first(&mut self) {
        self.ids.remove(0);
        self.total -= 1;
    }
}

#[derive(Clone, Debug)]
enum Vocabulary {
    SentencePiece(Box<SiglipTokens>),
    Json(Box<JsonTokens>),
}

/// Text to ids for one model. Shared freely between threads.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    options: TokenizerOptions,
    eos: u32,
    pad: u32,
    unk: u32,
}

impl Tokenizer {
    /// Loads the tokenizer of a model folder: `spiece.model`, or `tokenizer.json` when it is alone, with what
    /// `tokenizer_config.json` and `special_tokens_map.json` say.
    ///
    /// # Errors
    /// Neither file is there, a file cannot be read, or its content is not acceptable; every message names the file or
    /// the folder.
    pub fn open(folder: &Path, options: &TokenizerOptions) -> Result<Self, TokensError> {
        let settings = Settings::read(folder)?;
        for (name, load) in [
            ("spiece.model", Self::load_spiece as fn(&[u8], &Settings, &TokenizerOptions) -> _),
            ("tokenizer.json", Self::load_json),
        ] {
            let file = folder.join(name);
            if let Some(bytes) = files::read(&file, files::LARGEST_VOCABULARY)? {
                return load(&bytes, &settings, options)
                    .map_err(|error| files::in_file(&file, error));
            }
        }
        Err(TokensError::NoTokenizer { folder: folder.to_owned() })
    }

    /// Loads the bytes of a `spiece.model`, with SigLIP's own settings: `</s>` ends and pads, text is lower-cased.
    ///
    /// # Errors
    /// See [`SentencePiece::from_bytes`]; also when `</s>` or the unknown piece has no row in the token table.
    pub fn from_spiece(bytes: &[u8], options: &TokenizerOptions) -> Result<Self, TokensError> {
        Self::load_spiece(bytes, &Settings::default(), options)
    }

    /// Loads the bytes of a `tokenizer.json`; end-of-text and padding are `</s>`, or `<eos>` and `<pad>` in a Gemma
    /// vocabulary.
    ///
    /// # Errors
    /// The `tokenizers` library cannot read it, it is neither unigram nor BPE, it drops merges at random, or its special
    /// tokens have no row in the token table.
    pub fn from_json(bytes: &[u8], options: &TokenizerOptions) -> Result<Self, TokensError> {
        Self::load_json(bytes, &Settings::default(), options)
    }

    fn load_spiece(
        bytes: &[u8],
        settings: &Settings,
        options: &TokenizerOptions,
    ) -> Result<Self, TokensError> {
        let tokens = SiglipTokens::new(SentencePiece::from_bytes(bytes)?, settings);
        let eos = settings.eos.as_deref().unwrap_or("</s>");
        let pad = settings.pad.as_deref().unwrap_or(eos);
        let eos_id = special("eos", eos, tokens.id(eos), options)?;
        let pad_id = special("pad", pad, tokens.id(pad), options)?;
        let unk_id = special("unk", "<unk>", Some(tokens.unknown_id()), options)?;
        Self::new(Vocabulary::SentencePiece(Box::new(tokens)), options, [eos_id, pad_id, unk_id])
    }

    fn load_json(
        bytes: &[u8],
        settings: &Settings,
        options: &TokenizerOptions,
    ) -> Result<Self, TokensError> {
        let tokens = JsonTokens::new(bytes, settings)?;
        let eos = tokens.eos();
        let pad = tokens.pad();
        let unk = tokens.unk();
        let eos_id = special("eos", eos, tokens.id(eos), options)?;
        let pad_id = special("pad", pad, tokens.id(pad), options)?;
        let unk_id = special("unk", unk, tokens.id(unk), options)?;
        Self::new(Vocabulary::Json(Box::new(tokens)), options, [eos_id, pad_id, unk_id])
    }

    fn new(
        vocabulary: Vocabulary,
        options: &TokenizerOptions,
        [eos, pad, unk]: [u32; 3],
    ) -> Result<Self, TokensError> {
        if options.length == 0 {
            return Err(TokensError::NoPositions);
        }
        Ok(Self { vocabulary, options: options.clone(), eos, pad, unk })
    }

    /// Turns a text of any length into ids. The time is linear in its length (with `tokenizer.json`: `n log n`).
    ///
    /// # Errors
    /// Never with `spiece.model`; with `tokenizer.json`, when the library fails on its own rules.
    pub fn encode(&self, text: &str) -> Result<Encoding, TokensError> {
        let length = self.options.length;
        let canonicalization = self.options.canonicalization;
        let collected = match &self.vocabulary {
            Vocabulary::SentencePiece(tokens) => tokens.collect(text, canonicalization, length),
            Vocabulary::Json(tokens) => tokens.collect(text, canonicalization, length)?,
        };
        let Collected { mut ids, total, last, ending, .. } = collected;
        let is_there =
            |last: Option<u32>| ending == Ending::AddedUnlessThere && last == Some(self.eos);
        let tokens = if is_there(last) { total } else { total + 1 };
        ids.truncate(length - 1);
        if !is_there(ids.last().copied()) {
            ids.push(self.eos);
        }
        ids.resize(length, self.pad);
        for id in &mut ids {
            if *id as usize >= self.options.vocabulary {
                *id = self.unk;
            }
        }
        Ok(Encoding { ids, tokens, truncated: tokens > length })
    }

    /// What the tokenizer was made for.
    pub fn options(&self) -> &TokenizerOptions {
        &self.options
    }

    /// The id that ends a text.
    pub fn eos_id(&self) -> u32 {
        self.eos
    }

    /// The id that fills the positions after it.
    pub fn pad_id(&self) -> u32 {
        self.pad
    }

    /// The id of everything that cannot be spelt.
    pub fn unk_id(&self) -> u32 {
        self.unk
    }
}

/// Checks that a special token exists and has a row.
fn special(
    role: &'static str,
    token: &str,
    id: Option<u32>,
    options: &TokenizerOptions,
) -> Result<u32, TokensError> {
    let fail = |reason| TokensError::SpecialToken { role, token: token.to_owned(), reason };
    let id = id.ok_or_else(|| fail("is not in the vocabulary"))?;
    if id as usize >= options.vocabulary {
        return Err(fail("has no row in the token table"));
    }
    Ok(id)
}
