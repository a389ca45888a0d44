//! Any bytes are a `tokenizer.json` or an error, and one that loads encodes anything or says why not.
//!
//! The `tokenizers` library panics on some files. The crate contains that, so this target lets such panics pass, unless
//! they come from the crate's own source; libfuzzer's own hook would stop at each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::Once;
use tokens::{Tokenizer, TokenizerOptions};

static HOOK: Once = Once::new();

fn let_library_panics_pass() {
    HOOK.call_once(|| {
        let stop = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let ours = panic.location().is_none_or(|place| {
                place.file().contains("crates/tokens/") || place.file().contains("fuzz_targets/")
            });
            if ours {
                stop(panic);
            }
        }));
    });
}

fuzz_target!(|bytes: &[u8]| {
    let_library_panics_pass();
    let Ok(tokenizer) = Tokenizer::from_json(bytes, &TokenizerOptions::default()) else {
        return;
    };
    for text in ["", "a photo of 2 cats", "ＦＵＬＬ 猫！ e\u{301} </s>", "\0\u{10ffff}\u{1112}\u{1161}\u{11ab}"] {
        if let Ok(encoding) = tokenizer.encode(text) {
            assert_eq!(encoding.ids.len(), 64);
            assert!(encoding.ids.iter().all(|&id| id < 32_000));
        }
    }
});
