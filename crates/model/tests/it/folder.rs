//! A model folder that the tests put together.

use std::path::Path;

use tempfile::TempDir;

/// The end-to-end checkpoint with a tokenizer beside it.
pub(crate) fn end_to_end() -> TempDir {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("crates/");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let goldens = crates.join("model/tests/goldens/tiny-end-to-end");
    for name in [
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    ] {
        fs_err::copy(goldens.join(name), folder.path().join(name)).expect("the file is copied");
    }
    let spiece = crates.join("tokens/tests/goldens/cldr_unigram_8k_mt5layout.model");
    fs_err::copy(spiece, folder.path().join("spiece.model")).expect("the tokenizer is copied");
    folder
}
