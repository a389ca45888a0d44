//! What can be wrong with a model folder.

use std::path::PathBuf;

/// Everything that can be wrong with a model folder. Messages name the file, the field or the tensor, and the limit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The system could not read something; the message has the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The folder lacks a file without which there is no model.
    #[error("{}: no {missing} in this folder", folder.display())]
    NoFile {
        /// The model folder.
        folder: PathBuf,
        /// What was looked for.
        missing: &'static str,
    },
    /// A file of the folder is not what it should be.
    #[error("{}: {problem}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Box<WeightsError>,
    },
    /// A JSON file is no JSON object.
    #[error("not a JSON object: {problem}")]
    Json {
        /// What the JSON parser said.
        problem: String,
    },
    /// A field of a JSON file has a value that the program cannot work with.
    #[error("`{field}` {problem}")]
    Field {
        /// The field with its section, like `vision_config.patch_size`.
        field: String,
        /// What is wrong with its value, and what it may be.
        problem: String,
    },
    /// The model is of a known kind that this program does not run.
    #[error("not supported yet: {kind}")]
    NotSupported {
        /// The kind of model.
        kind: String,
    },
    /// A file is larger than anything that it could sensibly hold.
    #[error("{found} bytes is too large; the limit is {limit} bytes")]
    TooLarge {
        /// Its size in bytes.
        found: u64,
        /// The largest size in bytes that is read.
        limit: u64,
    },
    /// The header of a safetensors file is broken.
    #[error("not a valid safetensors file: {problem}")]
    Header {
        /// What is wrong with it.
        problem: String,
    },
    /// `model.safetensors.index.json` names a shard that is not a plain file name of the folder.
    #[error("shard name {name:?} is not a plain file name")]
    ShardName {
        /// The name as it stands in the index.
        name: String,
    },
    /// The weight files lack tensors, or have them in another shape than the configuration says.
    #[error("{}: {}", folder.display(), mismatch_summary(mismatches, *count))]
    Tensors {
        /// The model folder.
        folder: PathBuf,
        /// One line for each tensor, with the expected and the found shape; the first 20.
        mismatches: Vec<String>,
        /// How many tensors are wrong in all.
        count: usize,
    },
    /// The weight files hold no tensors of either tower, or of both without the prefixes that tell them apart.
    #[error("{}: the weight files hold no vision tower and no text tower under their names", folder.display())]
    NoTower {
        /// The model folder.
        folder: PathBuf,
    },
    /// A tensor was asked for that the checkpoint does not have.
    #[error("{}: no tensor `{name}`", folder.display())]
    NoTensor {
        /// The model folder.
        folder: PathBuf,
        /// The tensor, with the prefix of its tower.
        name: String,
    },
    /// A tensor has a number type that the program cannot read.
    #[error("tensor `{name}` has dtype {dtype}; supported are F32, F16 and BF16")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its number type as the file names it.
        dtype: String,
    },
}

fn mismatch_summary(mismatches: &[String], count: usize) -> String {
    let verb = if count == 1 { " is" } else { "s are" };
    let spelled_out = mismatches.join("; ");
    let rest = match count.saturating_sub(mismatches.len()) {
        0 => String::new(),
        rest => format!("; and {rest} more"),
    };
    format!("{count} tensor{verb} not as config.json says: {spelled_out}{rest}")
}

/// A text from a file, fit for an error message: one line, without control characters, not endless.
pub(crate) fn one_line(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut line: String = text
        .chars()
        .take(LONGEST)
        .map(|character| if character.is_control() { '\u{fffd}' } else { character })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push_str("...");
    }
    line
}
