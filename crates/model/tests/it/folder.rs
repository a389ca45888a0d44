//! A complete model folder: the end-to-end checkpoint, with a tokenizer beside it.

use std::path::PathBuf;

/// Where it is.
pub(crate) fn end_to_end() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/tiny-end-to-end")
}
