//! The weight files of a folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;

use crate::WeightsError;
use crate::error::one_line;
use crate::header::TensorRecord;
use crate::mapping::{MappedFile, WeightFile, read_small_file};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// The index of a 400-tensor checkpoint has about 40 KiB.
const INDEX_LIMIT: u64 = 32 << 20;

/// The mapped weight files, and where each tensor lies.
#[derive(Debug)]
pub(crate) struct WeightFiles {
    pub(crate) files: Vec<MappedFile>,
    pub(crate) tensors: HashMap<String, Located>,
}

/// A tensor and the file that holds it.
#[derive(Debug)]
pub(crate) struct Located {
    /// Index into [`WeightFiles::files`].
    pub(crate) file: usize,
    pub(crate) record: TensorRecord,
}

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

impl WeightFiles {
    /// Maps the files of a folder. The single file comes first, as in transformers.
    pub(crate) fn open(folder: &Path) -> Result<Self, WeightsError> {
        let mut opened = Self { files: Vec::new(), tensors: HashMap::new() };
        if let Some(file) = WeightFile::open(&folder.join(SINGLE))? {
            opened.add(file, |_| true);
            return Ok(opened);
        }
        let path = folder.join(INDEX);
        let Some(json) = read_small_file(&path, INDEX_LIMIT)? else {
            return Err(WeightsError::NoFile {
                folder: folder.to_owned(),
                missing: "model.safetensors (nor model.safetensors.index.json)",
            });
        };
        let within =
            |problem| WeightsError::InFile { path: path.clone(), problem: Box::new(problem) };
        let Index { weight_map } = serde_json::from_slice(&json).map_err(|error| {
            within(WeightsError::Json { problem: one_line(&error.to_string()) })
        })?;
        let mut shards: BTreeMap<&str, usize> = BTreeMap::new();
        for shard in weight_map.values() {
            *shards.entry(shard).or_default() += 1;
        }
        for shard in shards.into_keys() {
            if !is_plain_file_name(shard) {
                return Err(within(WeightsError::ShardName { name: one_line(shard) }));
            }
            let Some(file) = WeightFile::open(&folder.join(shard))? else {
                return Err(within(WeightsError::Field {
                    field: "weight_map".to_owned(),
                    problem: format!("names the shard {shard}, which is not in the folder"),
                }));
            };
            // The index decides which shard a tensor is read from.
            opened.add(file, |name| weight_map.get(name).is_some_and(|of| of == shard));
        }
        Ok(opened)
    }

    fn add(&mut self, file: WeightFile, wanted: impl Fn(&str) -> bool) {
        let index = self.files.len();
        self.files.push(file.mapped);
        for record in file.header.into_tensors() {
            if wanted(&record.name) {
                let located = Located { file: index, record };
                self.tensors.insert(located.record.name.clone(), located);
            }
        }
    }
}

/// Whether a shard name stays inside the folder on every system: one component, no separators, no drive.
fn is_plain_file_name(name: &str) -> bool {
    !name.is_empty()
        && name != "."
        && name != ".."
        && !name.contains(['/', '\\', ':'])
        && !name.contains(char::is_control)
}
