//! What a model folder consists of: which files of a model are wanted, and whether a snapshot has enough of them.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use crate::identity::is_plain_name;

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";
/// Small files that are wanted where the model has them.
pub(crate) const SMALL_FILES: [&str; 8] = [
    CONFIG,
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "spiece.model",
    "tokenizer.json",
];
/// The index of a 400-tensor model has about 40 KiB.
const INDEX_LIMIT: u64 = 32 << 20;
const CONFIG_LIMIT: u64 = 4 << 20;

#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::HashMap<String, String>,
}

#[derive(Deserialize)]
struct Kind {
    model_type: Option<String>,
}

/// The shards that an index names, or `None` when it is no index or one of the names could leave the folder.
pub(crate) fn shards(index: &Path) -> Option<BTreeSet<String>> {
    let Index { weight_map } = serde_json::from_slice(&read_limited(index, INDEX_LIMIT)?).ok()?;
    let shards: BTreeSet<String> = weight_map.into_values().collect();
    shards.iter().all(|shard| is_plain_name(shard)).then_some(shards)
}

/// Whether a snapshot can be opened as a model: it has a configuration and all its weights.
pub(crate) fn is_complete(folder: &Path) -> bool {
    let has = |file: &str| folder.join(file).is_file();
    has(CONFIG)
        && (has(WEIGHTS)
            || shards(&folder.join(INDEX))
                .is_some_and(|shards| !shards.is_empty() && shards.iter().all(|shard| has(shard))))
}

/// The `model_type` of a folder's configuration.
pub(crate) fn model_type(folder: &Path) -> Option<String> {
    let json = read_limited(&folder.join(CONFIG), CONFIG_LIMIT)?;
    serde_json::from_slice::<Kind>(&json).ok()?.model_type
}

/// A regular file's contents; `None` when it cannot be read or is larger than `limit` bytes.
fn read_limited(path: &Path, limit: u64) -> Option<Vec<u8>> {
    if !path.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path).ok()?;
    file.take(limit + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= limit).then_some(bytes)
}
