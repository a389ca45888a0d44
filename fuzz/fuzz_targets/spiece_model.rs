//! Any bytes are a sentencepiece model or an error, and a model that loads encodes anything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokens::{Tokenizer, TokenizerOptions};

fuzz_target!(|bytes: &[u8]| {
    let Ok(tokenizer) = Tokenizer::from_spiece(bytes, &TokenizerOptions::default()) else {
        return;
    };
    let own = String::from_utf8_lossy(bytes);
    for text in ["", "a photo of 2 cats", "ＦＵＬＬ 猫！ e\u{301} </s>", "\0\u{10ffff}\u{1112}\u{1161}\u{11ab}", &own] {
        let encoding = tokenizer.encode(text).expect("a sentencepiece model never fails to encode");
        assert_eq!(encoding.ids.len(), 64);
        assert!(encoding.ids.iter().all(|&id| id < 32_000));
        assert_eq!(encoding.truncated, encoding.tokens > 64);
    }
});
