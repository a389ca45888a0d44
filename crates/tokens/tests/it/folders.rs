//! Which files of a model folder count.

use crate::models::{CLDR, golden, golden_path, letters, options};
use std::path::Path;
use tempfile::TempDir;
use tokens::{Tokenizer, TokensError};

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs_err::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn open(folder: &TempDir) -> Result<Tokenizer, TokensError> {
    Tokenizer::open(folder.path(), &options(8))
}

#[test]
fn spiece_model_is_read_before_tokenizer_json() {
    let both = folder(&[("spiece.model", &golden(CLDR)), ("tokenizer.json", b"not json")]);
    assert_eq!(open(&both).unwrap().encode("a cat").unwrap().ids, [306, 259, 332, 262, 1, 1, 1, 1]);
}

#[test]
fn tokenizer_json_is_read_when_it_is_alone() {
    let alone = folder(&[("tokenizer.json", &golden("gemma/tokenizer.json"))]);
    assert_eq!(open(&alone).unwrap().pad_id(), 0);
}

#[test]
fn a_folder_without_either_is_named() {
    let empty = folder(&[]);
    let message = open(&empty).unwrap_err().to_string();
    assert_eq!(
        message,
        format!("no spiece.model and no tokenizer.json in {}", empty.path().display())
    );
    let missing = Tokenizer::open(Path::new("does/not/exist"), &options(8)).unwrap_err();
    assert_eq!(missing.to_string(), "no spiece.model and no tokenizer.json in does/not/exist");
}

#[test]
fn a_broken_file_is_named() {
    let broken = folder(&[("spiece.model", b"\x0a")]);
    let message = open(&broken).unwrap_err().to_string();
    assert!(
        message.contains("spiece.model: sentencepiece model is not valid protobuf at byte 1"),
        "{message}"
    );
    let broken = folder(&[("spiece.model", &golden(CLDR)), ("tokenizer_config.json", b"[1]")]);
    let message = open(&broken).unwrap_err().to_string();
    assert!(message.contains("tokenizer_config.json: not the expected json"), "{message}");
}

#[test]
fn the_config_of_siglip_changes_nothing() {
    let config = br#"{"added_tokens_decoder": {
            "1": {"content": "</s>", "lstrip": true, "normalized": false, "rstrip": true, "single_word": false, "special": true},
            "2": {"content": "<unk>", "lstrip": true, "normalized": false, "rstrip": true, "single_word": false, "special": true}},
        "additional_special_tokens": [], "clean_up_tokenization_spaces": true, "do_lower_case": true, "eos_token": "</s>",
        "model_input_names": ["input_ids"], "model_max_length": 64, "pad_token": "</s>", "sp_model_kwargs": {},
        "tokenizer_class": "SiglipTokenizer", "unk_token": "<unk>"}"#;
    let with = folder(&[("spiece.model", &golden(CLDR)), ("tokenizer_config.json", config)]);
    let without = folder(&[("spiece.model", &golden(CLDR))]);
    let (with, without) = (open(&with).unwrap(), open(&without).unwrap());
    for text in ["A Photo", " a </s> b", "<unk>", "x </s>", "ΟΔΟΣ 猫！"] {
        assert_eq!(with.encode(text).unwrap(), without.encode(text).unwrap(), "{text:?}");
    }
}

#[test]
fn pad_lower_casing_and_extra_tokens_come_from_the_config() {
    let config = br#"{"pad_token": {"content": "<pad>"}, "do_lower_case": false,
        "additional_special_tokens": ["<c>"], "added_tokens_decoder": {"6": "<b>"}}"#;
    let folder = folder(&[("spiece.model", &letters().bytes()), ("tokenizer_config.json", config)]);
    let tokenizer = open(&folder).unwrap();
    assert_eq!(tokenizer.pad_id(), 0);
    // "A" is not lower-cased and so unknown; <b> has the stated id 6; <c> gets the first id after the 7 pieces.
    assert_eq!(tokenizer.encode("aA<b><c>").unwrap().ids, [3, 4, 2, 6, 7, 1, 0, 0]);
}

#[test]
fn the_special_tokens_map_counts_only_where_the_config_has_no_added_tokens() {
    let map = br#"{"pad_token": "<pad>"}"#;
    let model = letters().bytes();
    let old = folder(&[
        ("spiece.model", &model),
        ("special_tokens_map.json", map),
        ("tokenizer_config.json", b"{}"),
    ]);
    assert_eq!(open(&old).unwrap().pad_id(), 0);
    let config = br#"{"added_tokens_decoder": {}}"#;
    let new = folder(&[
        ("spiece.model", &model),
        ("special_tokens_map.json", map),
        ("tokenizer_config.json", config),
    ]);
    assert_eq!(open(&new).unwrap().pad_id(), 1);
}

#[test]
fn a_tokenizer_is_shared_between_threads() {
    let tokenizer = Tokenizer::open(&golden_path("gemma"), &options(8)).unwrap();
    let expected = tokenizer.encode("a cat").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(tokenizer.encode("a cat").unwrap(), expected));
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_without_end_is_not_read_to_the_end() {
    let endless = folder(&[]);
    std::os::unix::fs::symlink("/dev/zero", endless.path().join("tokenizer_config.json")).unwrap();
    let message = open(&endless).unwrap_err().to_string();
    assert!(
        message.ends_with("tokenizer_config.json: larger than the limit of 33554432 bytes"),
        "{message}"
    );
}
