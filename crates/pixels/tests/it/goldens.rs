//! Reading the committed goldens; `parity/pixels_goldens.py` writes them.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

pub fn bytes(name: &str) -> Vec<u8> {
    fs_err::read(path(name)).expect("the golden is committed")
}

/// The cases of a golden file; never none.
pub fn cases(name: &str) -> Vec<Value> {
    let file: Value = serde_json::from_slice(&bytes(name)).expect("goldens are JSON");
    let cases = file["cases"].as_array().expect("goldens have cases").clone();
    assert!(!cases.is_empty(), "{name} has no cases");
    cases
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"))
}

pub fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|value| value.try_into().ok()).expect("a number")
}

pub fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// The reproducible noise of `parity/pixels_goldens.py`, `[height, width, channels]`.
pub fn noise(width: u32, height: u32, channels: u64) -> Vec<u8> {
    let mut samples = Vec::new();
    for y in 0..u64::from(height) {
        for x in 0..u64::from(width) {
            for c in 0..channels {
                let mixed = (x * 73_856_093) ^ (y * 19_349_663) ^ (c * 83_492_791);
                samples.push((mixed.wrapping_mul(2_654_435_761) >> 24) as u8);
            }
        }
    }
    samples
}
