//! `tokenizer.json`: Gemma's shape, SigLIP 1's converted shape, and files that leave the canonicalisation out.

use crate::models::{CLDR, golden, golden_path, golden_text, options, spiece};
use crate::texts::Texts;
use serde::Deserialize;
use serde_json::{Value, json};
use tokens::{Canonicalization, Tokenizer, TokenizerOptions, TokensError};

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
}

fn assert_cases(tokenizer: &Tokenizer, file: &str) {
    let file = golden_text(file);
    let mut count = 0;
    for line in file.lines().skip(1) {
        let Case { text, mut ids } = serde_json::from_str(line).unwrap();
        ids.resize(64, tokenizer.pad_id());
        assert_eq!(tokenizer.encode(&text).unwrap().ids, ids, "{text:?}");
        count += 1;
    }
    assert!(count > 200, "only {count} cases");
}

fn changed(name: &str, change: impl FnOnce(&mut Value)) -> Result<Tokenizer, TokensError> {
    let mut file: Value = serde_json::from_slice(&golden(name)).unwrap();
    change(&mut file);
    Tokenizer::from_json(file.to_string().as_bytes(), &options(64))
}

#[test]
fn a_gemma_folder_gives_the_ids_of_siglip2_tokenizer() {
    let tokenizer = Tokenizer::open(&golden_path("gemma"), &options(64)).unwrap();
    assert_eq!((tokenizer.pad_id(), tokenizer.eos_id(), tokenizer.unk_id()), (0, 1, 3));
    assert_cases(&tokenizer, "gemma/cases.jsonl");
}

#[test]
fn a_gemma_file_needs_no_config_beside_it() {
    let tokenizer = Tokenizer::from_json(&golden("gemma/tokenizer.json"), &options(64)).unwrap();
    assert_cases(&tokenizer, "gemma/cases.jsonl");
}

#[test]
fn a_gemma_text_has_no_beginning_of_text_whatever_the_post_processor_says() {
    let with_bos = changed("gemma/tokenizer.json", |file| {
        let single = json!([
            {"SpecialToken": {"id": "<bos>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "<eos>", "type_id": 0}},
        ]);
        file["post_processor"]["single"] = single;
        file["post_processor"]["special_tokens"]["<bos>"] =
            json!({"id": "<bos>", "ids": [2], "tokens": ["<bos>"]});
    });
    assert_cases(&with_bos.unwrap(), "gemma/cases.jsonl");
}

#[test]
fn lower_casing_is_not_done_twice_when_the_file_has_it() {
    let lower_cased = changed("gemma/tokenizer.json", |file| {
        let own = file["normalizer"].take();
        file["normalizer"] =
            json!({"type": "Sequence", "normalizers": [{"type": "Lowercase"}, own]});
    });
    assert_cases(&lower_cased.unwrap(), "gemma/cases.jsonl");
}

#[test]
fn a_long_text_that_is_cut_has_the_ids_of_one_that_is_not() {
    let encode = |tokenizer: &Tokenizer, text: &str| tokenizer.encode(text).unwrap();
    let all = TokenizerOptions { length: 200_000, ..options(64) };
    let cut = Tokenizer::from_json(&golden("gemma/tokenizer.json"), &all).unwrap();
    // A flag that changes nothing in these texts, but forbids cutting.
    let mut file: Value = serde_json::from_slice(&golden("gemma/tokenizer.json")).unwrap();
    file["added_tokens"][4]["rstrip"] = json!(true);
    let whole = Tokenizer::from_json(file.to_string().as_bytes(), &all).unwrap();
    let mut texts = Texts::new(4);
    for text in [
        texts.long(9000),
        "a cat  \n\n<eos>".repeat(5000),
        "高い猫が 好き".repeat(4000),
        "ab".repeat(20_000),
    ] {
        assert!(text.len() > 35_000);
        assert_eq!(encode(&cut, &text), encode(&whole, &text));
    }
}

#[test]
fn a_converted_siglip_file_gives_the_ids_of_the_fast_tokenizer() {
    let tokenizer =
        Tokenizer::from_json(&golden("converted/tokenizer.json"), &options(64)).unwrap();
    assert_eq!((tokenizer.pad_id(), tokenizer.eos_id(), tokenizer.unk_id()), (1, 1, 2));
    assert_cases(&tokenizer, "converted/cases.jsonl");
}

#[test]
fn a_converted_file_without_canonicalisation_gets_it_here() {
    let complete = Tokenizer::from_json(&golden("converted/tokenizer.json"), &options(64)).unwrap();
    let nothing = changed("converted/tokenizer.json", |file| {
        file["normalizer"] = json!({"type": "NFKC"});
    })
    .unwrap();
    let lower_case = changed("converted/tokenizer.json", |file| {
        file["normalizer"] =
            json!({"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "NFKC"}]});
    })
    .unwrap();
    for text in ["A Photo, of  2 CATS!", "don't stop", "  x\u{3000}_y  ", "A </s> b", "<unk>Cat"] {
        let expected = complete.encode(text).unwrap();
        assert_eq!(nothing.encode(text).unwrap(), expected, "{text:?}");
        assert_eq!(lower_case.encode(text).unwrap(), expected, "{text:?}");
    }
    // Our own lower-casing knows the final sigma, the library's does not.
    assert_ne!(nothing.encode("ΟΔΟΣ").unwrap(), complete.encode("ΟΔΟΣ").unwrap());
    assert_eq!(nothing.encode("ΟΔΟΣ").unwrap(), complete.encode("οδος").unwrap());
}

#[test]
fn padding_and_truncation_of_the_file_are_not_used() {
    let file = changed("gemma/tokenizer.json", |file| {
        file["truncation"] =
            json!({"direction": "Left", "max_length": 3, "strategy": "LongestFirst", "stride": 0});
        file["padding"] = json!({"strategy": {"Fixed": 9}, "direction": "Left", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"});
    });
    assert_cases(&file.unwrap(), "gemma/cases.jsonl");
}

#[test]
fn big_vision_lower_cases_ascii_only_and_keeps_punctuation() {
    let options = TokenizerOptions { canonicalization: Canonicalization::BigVision, ..options(64) };
    let spiece = Tokenizer::from_spiece(&golden(CLDR), &options).unwrap();
    let hf = self::spiece(CLDR, 64);
    assert_eq!(spiece.encode("A CAT").unwrap(), hf.encode("a cat").unwrap());
    assert_ne!(spiece.encode("a cat!").unwrap(), hf.encode("a cat!").unwrap());
    assert_ne!(spiece.encode("КОШКА").unwrap(), hf.encode("КОШКА").unwrap());
    assert_ne!(spiece.encode("a </s> b").unwrap(), hf.encode("a </s> b").unwrap());
}

#[test]
fn unusable_files_are_named_by_what_is_wrong() {
    let message =
        |name: &str, change: fn(&mut Value)| changed(name, change).unwrap_err().to_string();
    assert_contains(
        &message("gemma/tokenizer.json", |file| {
            file["model"]["dropout"] = json!(0.1);
        }),
        "drops merges at random",
    );
    assert_contains(
        &message("gemma/tokenizer.json", |file| {
            file["model"]["unk_token"] = Value::Null;
        }),
        "no unknown token",
    );
    assert_contains(
        &message("gemma/tokenizer.json", |file| {
            file["model"] = json!({"type": "WordLevel", "vocab": {}, "unk_token": "x"});
        }),
        "model of type \"WordLevel\"",
    );
    assert_contains(
        &message("converted/tokenizer.json", |file| {
            file["model"]["unk_id"] = json!(99_999);
        }),
        "tokenizers library",
    );
    let error = Tokenizer::from_json(b"{", &options(64)).unwrap_err().to_string();
    assert_contains(&error, "not the expected json");
}

#[test]
fn a_panic_of_the_library_is_an_error() {
    // A charsmap of one unit that points far outside itself.
    let error = changed("converted/tokenizer.json", |file| {
        file["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "BAAAAAD8/38A"});
    });
    assert_contains(&error.unwrap_err().to_string(), "makes the tokenizers library fail");
}

fn assert_contains(message: &str, part: &str) {
    assert!(message.contains(part), "{message:?} lacks {part:?}");
}
