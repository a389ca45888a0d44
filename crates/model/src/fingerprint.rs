//! A short name for what computes: two checkpoints, precisions or preprocessings that differ have different ones.
//!
//! Reading 1.5 GB of weights at every start would cost a second, so that only a part is read: of each file its length,
//! its beginning (the whole safetensors header) and 256 samples. That tells checkpoints apart; it does not prove that a
//! file is undamaged, which is what the hashes of the download and `polysight model check` are for.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokens::Canonicalization;
use weights::{Checkpoint, read_samples};

use crate::{ModelError, Precision};

/// Grows when the same picture or text would get other pixels or ids than before.
const PREPROCESSING_VERSION: u32 = 1;

/// `fp_` and twelve hexadecimal digits.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn of(
    checkpoint: &Checkpoint,
    precision: Precision,
    canonicalization: Canonicalization,
) -> Result<String, ModelError> {
    let mut hash = Sha256::new();
    hash.update(format!("{PREPROCESSING_VERSION} {precision} {canonicalization:?}\n"));
    for name in [
        "config.json",
        "preprocessor_config.json",
        "processor_config.json",
        "spiece.model",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ] {
        let path = checkpoint.folder().join(name);
        if path.is_file() {
            hash.update(name);
            add_file(&mut hash, &path)?;
        }
    }
    let weights = checkpoint.weight_files().map(Path::to_owned);
    for path in weights.collect::<Vec<PathBuf>>() {
        add_file(&mut hash, &path)?;
    }
    let mut fingerprint = "fp_".to_owned();
    for byte in hash.finalize().iter().take(6) {
        let _infallible = write!(fingerprint, "{byte:02x}");
    }
    Ok(fingerprint)
}

fn add_file(hash: &mut Sha256, path: &Path) -> Result<(), ModelError> {
    let mut file = fs_err::File::open(path)?;
    let length = file.metadata()?.len();
    Ok(read_samples(&mut file, length, &mut |bytes| hash.update(bytes))?)
}
