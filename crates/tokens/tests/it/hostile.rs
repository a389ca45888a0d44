//! Damaged and hostile files: an error or a tokenizer, never a panic, a hang or a flood.

use crate::models::{CLDR, ModelFile, golden, kind, letters, options};
use crate::texts::Texts;
use proptest::prelude::*;
use tokens::{SentencePiece, Tokenizer};

const TEXTS: [&str; 4] = [
    "",
    "a photo of 2 cats",
    "ＦＵＬＬ 猫！ e\u{301} </s>",
    "\0\u{10ffff}\u{1112}\u{1161}\u{11ab}",
];

/// Loads a file and uses what came of it.
fn try_out(loaded: Result<Tokenizer, tokens::TokensError>) -> bool {
    let Ok(tokenizer) = loaded else { return false };
    for text in TEXTS {
        if let Ok(encoding) = tokenizer.encode(text) {
            assert_eq!(encoding.ids.len(), 16);
        }
    }
    true
}

/// Overwrites, cuts out or doubles a few stretches.
fn mutate(bytes: &mut Vec<u8>, texts: &mut Texts) {
    for _ in 0..=texts.number(3) {
        let at = texts.number(bytes.len());
        match texts.number(5) {
            0 => bytes[at] = texts.number(256) as u8,
            1 => bytes[at] ^= 1 << texts.number(8),
            2 => bytes.truncate(at + 1),
            3 => drop(bytes.drain(at..(at + 1 + texts.number(8)).min(bytes.len()))),
            _ => {
                let copy: Vec<u8> =
                    bytes[at..(at + 1 + texts.number(16)).min(bytes.len())].to_vec();
                bytes.splice(at..at, copy);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

fn small_model() -> Vec<u8> {
    let mut file = letters().byte_fallback().piece("▁a", -1.0, kind::NORMAL).piece(
        "bc",
        -1.0,
        kind::USER_DEFINED,
    );
    for byte in 0..=255 {
        file = file.piece(&format!("<0x{byte:02X}>"), 0.0, kind::BYTE);
    }
    file.charsmap(&charsmap(b"A\0")).bytes()
}

/// A block of 256 units in which the root leads to a leaf by `a`, and the replacements.
fn charsmap(pool: &[u8]) -> Vec<u8> {
    let mut units = [0u32; 256];
    units[0] = 1 << 10;
    // The child of the root by byte 0x61 lies at 1 ^ 0x61; its leaf at that place ^ 2.
    units[0x60] = 2 << 10 | 1 << 8 | 0x61;
    units[0x62] = 1 << 31;
    let mut blob = 1024u32.to_le_bytes().to_vec();
    blob.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    blob.extend_from_slice(pool);
    blob
}

#[test]
fn thousands_of_damaged_small_models_do_no_harm() {
    let mut texts = Texts::new(1);
    let sound = small_model();
    let mut loaded = 0;
    for _ in 0..4000 {
        let mut bytes = sound.clone();
        mutate(&mut bytes, &mut texts);
        loaded += usize::from(try_out(Tokenizer::from_spiece(&bytes, &options(16))));
    }
    assert!(
        loaded > 100 && loaded < 3900,
        "{loaded} of 4000 loaded: the damage is too small or too great to tell"
    );
}

#[test]
fn damaged_large_models_do_no_harm() {
    let mut texts = Texts::new(2);
    let sound = golden(CLDR);
    for _ in 0..100 {
        let mut bytes = sound.clone();
        mutate(&mut bytes, &mut texts);
        try_out(Tokenizer::from_spiece(&bytes, &options(16)));
    }
}

#[test]
fn damaged_json_files_do_no_harm() {
    for name in ["gemma/tokenizer.json", "converted/tokenizer.json"] {
        let mut texts = Texts::new(3);
        let sound = golden(name);
        for _ in 0..150 {
            let mut bytes = sound.clone();
            mutate(&mut bytes, &mut texts);
            try_out(Tokenizer::from_json(&bytes, &options(16)));
        }
    }
}

#[test]
fn a_rule_of_the_charsmap_is_applied() {
    let model = letters().charsmap(&charsmap(b"b\0")).bytes();
    assert_eq!(SentencePiece::from_bytes(&model).unwrap().encode("ac"), [3, 5, 6]);
    let deletes = letters().charsmap(&charsmap(b"\0")).bytes();
    assert_eq!(SentencePiece::from_bytes(&deletes).unwrap().encode("ac"), [3, 6]);
}

#[test]
fn models_that_sentencepiece_refuses_are_refused_with_the_reason() {
    let unknown = || ModelFile::default().piece("<unk>", 0.0, kind::UNKNOWN);
    let long = "x".repeat(8000);
    let whole = charsmap(b"b\0");
    let message =
        |file: ModelFile| SentencePiece::from_bytes(&file.bytes()).unwrap_err().to_string();
    for (file, expected) in [
        (ModelFile::default(), "sentencepiece vocabulary has no ordinary piece"),
        (unknown(), "sentencepiece vocabulary has no ordinary piece"),
        (
            letters().model_type(2),
            "sentencepiece model type 2 is not supported; only unigram (1) is",
        ),
        (letters().piece("", 0.0, kind::NORMAL), "sentencepiece piece 7 is empty"),
        (
            letters().piece(&long, 0.0, kind::NORMAL),
            "sentencepiece piece 7 is longer than 7999 bytes",
        ),
        (
            letters().piece("a", 0.0, kind::NORMAL),
            "sentencepiece piece 7 has the same text as another piece",
        ),
        (
            letters().piece("</s>", 0.0, kind::CONTROL),
            "sentencepiece piece 7 has the same text as another piece",
        ),
        (
            letters().piece("d", f32::NAN, kind::NORMAL),
            "sentencepiece piece 7 has a score that is not finite",
        ),
        (letters().piece("d\0", 0.0, kind::NORMAL), "sentencepiece piece 7 has a NUL byte"),
        (
            letters().piece("<unk2>", 0.0, kind::UNKNOWN),
            "sentencepiece vocabulary has more than one unknown piece",
        ),
        (
            ModelFile::default().piece("a", 0.0, kind::NORMAL),
            "sentencepiece vocabulary has no unknown piece",
        ),
        (
            letters().piece("<0x00>", 0.0, kind::BYTE),
            "sentencepiece piece 7 is a byte piece, but the model does not fall back to bytes",
        ),
        (
            letters().byte_fallback().piece("<0xg0>", 0.0, kind::BYTE),
            "sentencepiece piece 7 is a byte piece, but not of the form <0xAB>",
        ),
        (
            letters().byte_fallback(),
            "sentencepiece vocabulary falls back to bytes, but lacks some of the 256 byte pieces",
        ),
        (
            letters().charsmap(&[1, 2, 3]),
            "sentencepiece precompiled_charsmap is shorter than its own header",
        ),
        (
            letters().charsmap(&[255; 9]),
            "sentencepiece precompiled_charsmap says that its trie is larger than itself",
        ),
        (
            letters().charsmap(&[4, 0, 0, 0, 0, 0, 0, 0, 0]),
            "sentencepiece precompiled_charsmap has a trie that is not made of whole blocks of 1024 bytes",
        ),
        (
            letters().charsmap(&charsmap(b"b")),
            "sentencepiece precompiled_charsmap has replacements that do not end",
        ),
        (
            letters().charsmap(&charsmap(&[[b'x'; 256].as_slice(), &[0]].concat())),
            "sentencepiece precompiled_charsmap has a replacement longer than 255 bytes",
        ),
        (
            letters().charsmap(&[&whole[..8], &[255; 1020], b"b\0"].concat()),
            "sentencepiece precompiled_charsmap has a trie that points outside itself",
        ),
    ] {
        assert_eq!(message(file), expected);
    }
}

#[test]
fn a_nul_piece_beside_byte_pieces_is_retired() {
    let mut file = letters().byte_fallback().piece("\0", -1.0, kind::NORMAL);
    for byte in 0..=255 {
        file = file.piece(&format!("<0x{byte:02X}>"), 0.0, kind::BYTE);
    }
    let model = SentencePiece::from_bytes(&file.bytes()).unwrap();
    assert_eq!(model.encode("a\0"), [3, 4, 8]);
}

proptest! {
    #[test]
    fn any_bytes_are_a_model_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        try_out(Tokenizer::from_spiece(&bytes, &options(16)));
        try_out(Tokenizer::from_json(&bytes, &options(16)));
    }
}
