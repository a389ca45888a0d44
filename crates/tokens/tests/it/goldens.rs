//! Ids equal to those of transformers 5.23.0 and sentencepiece 0.2.3.

use crate::models::{golden, golden_text, spiece};
use crate::texts::{BLOCK, Texts};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use tokens::SentencePiece;

const MODELS: [&str; 3] = [crate::models::CLDR, "test_model.model", "test_ja_model.model"];

#[derive(Deserialize)]
struct Vectors {
    version: String,
    model: String,
    #[serde(rename = "vectors")]
    cases: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    text: String,
    ids: Vec<u32>,
}

fn vectors(version: &str) -> Vectors {
    let vectors: Vectors =
        serde_json::from_slice(&golden(&format!("vectors_transformers_{version}.json"))).unwrap();
    assert_eq!(vectors.version, version);
    assert_eq!(vectors.cases.len(), 47);
    vectors
}

#[test]
fn all_vectors_of_transformers_5_23_are_equal() {
    let vectors = vectors("5.23.0");
    let tokenizer = spiece(&vectors.model, 64);
    for vector in vectors.cases {
        assert_eq!(tokenizer.encode(&vector.text).unwrap().ids, vector.ids, "{:?}", vector.text);
    }
}

#[test]
fn transformers_4_57_differs_in_the_final_sigma_and_in_an_upper_case_special_token() {
    let vectors = vectors("4.57.1");
    let tokenizer = spiece(&vectors.model, 64);
    let differing: Vec<String> = vectors
        .cases
        .into_iter()
        .filter(|vector| tokenizer.encode(&vector.text).unwrap().ids != vector.ids)
        .map(|vector| vector.text)
        .collect();
    assert_eq!(differing, ["ΟΔΟΣ", "</S> upper"]);
}

#[derive(Deserialize)]
struct Case {
    model: usize,
    text: String,
    ids: Vec<u32>,
}

#[test]
fn hand_made_and_generated_cases_are_equal() {
    let tokenizers = MODELS.map(|model| spiece(model, 64));
    let file = golden_text("cases.jsonl");
    let mut count = 0;
    for line in file.lines().skip(1) {
        let Case { model, text, mut ids } = serde_json::from_str(line).unwrap();
        ids.resize(64, tokenizers[model].pad_id());
        assert_eq!(
            tokenizers[model].encode(&text).unwrap().ids,
            ids,
            "{} on {text:?}",
            MODELS[model]
        );
        count += 1;
    }
    assert!(count > 600, "only {count} cases");
}

#[derive(Deserialize)]
struct Digests {
    sets: Vec<Set>,
}

/// Digests of blocks of texts, or of one long text.
#[derive(Deserialize)]
struct Set {
    model: String,
    reference: String,
    seed: u64,
    length: Option<usize>,
    long_words: Option<usize>,
    blocks: Vec<String>,
}

fn add(ids: &[u32], digest: &mut Sha256) {
    digest.update((ids.len() as u32).to_le_bytes());
    for id in ids {
        digest.update(id.to_le_bytes());
    }
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[test]
fn digests_of_generated_texts_are_equal() {
    let digests: Digests = serde_json::from_slice(&golden("digests.json")).unwrap();
    assert_eq!(digests.sets.len(), 12);
    for set in digests.sets {
        let raw = SentencePiece::from_bytes(&golden(&set.model)).unwrap();
        let tokenizer = set.length.map(|length| spiece(&set.model, length));
        let mut texts = Texts::new(set.seed);
        for (number, expected) in set.blocks.iter().enumerate() {
            let mut digest = Sha256::new();
            if let Some(words) = set.long_words {
                add(&raw.encode(&texts.long(words)), &mut digest);
            } else {
                for _ in 0..BLOCK {
                    let text = texts.text();
                    let ids = match &tokenizer {
                        Some(tokenizer) => tokenizer.encode(&text).unwrap().ids,
                        None => raw.encode(&text),
                    };
                    add(&ids, &mut digest);
                }
            }
            assert_eq!(
                &hex(digest),
                expected,
                "{} of {}, block {number}",
                set.reference,
                set.model
            );
        }
    }
}

/// A small model with odd switches, and what sentencepiece makes of it.
#[derive(Deserialize)]
struct OddModel {
    model: String,
    accepted: bool,
    cases: Vec<Raw>,
}

/// A text and its ids.
#[derive(Deserialize)]
struct Raw(String, Vec<u32>);

fn from_hex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

#[test]
fn odd_models_are_accepted_and_applied_as_by_sentencepiece() {
    let file = golden_text("odd_models.jsonl");
    let mut count = 0;
    for line in file.lines().skip(1) {
        let odd: OddModel = serde_json::from_str(line).unwrap();
        let model = SentencePiece::from_bytes(&from_hex(&odd.model));
        assert_eq!(model.is_ok(), odd.accepted, "model {count}: {:?}", model.err());
        for Raw(text, ids) in odd.cases {
            assert_eq!(model.as_ref().unwrap().encode(&text), ids, "model {count}, {text:?}");
        }
        count += 1;
    }
    assert!(count >= 60);
}
