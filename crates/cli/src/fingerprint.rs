//! A short name for what computes: two checkpoints, precisions or preprocessings that differ have different ones.
//!
//! Reading 1.5 GB of weights at every start would cost a second, so that only a part is read: of each file its length,
//! its beginning (the whole safetensors header) and 256 samples. That tells checkpoints apart; it does not prove that a
//! file is undamaged, which is what the hashes of the download and `polysight model check` are for.

use std::fmt::Write as _;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use model::Siglip;
use sha2::{Digest, Sha256};
use tokens::Canonicalization;

/// Grows when the same picture or text would get other pixels or ids than before.
const PREPROCESSING_VERSION: u32 = 1;

const SAMPLES: u64 = 256;
const SAMPLE_BYTES: u64 = 4096;

/// The largest safetensors header that is read; the format's own limit is 100 MB.
const MOST_HEADER_BYTES: u64 = 100_000_000;

/// `fp_` and twelve hexadecimal digits.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn of(model: &Siglip, canonicalization: Canonicalization) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    hash.update(format!("{PREPROCESSING_VERSION} {} {canonicalization:?}\n", model.precision()));
    let checkpoint = model.checkpoint();
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

/// The length; then everything of a short file, of a long one its header and the samples.
fn add_file(hash: &mut Sha256, path: &Path) -> anyhow::Result<()> {
    let mut file = fs_err::File::open(path)?;
    let length = file.metadata()?.len();
    hash.update(length.to_le_bytes());
    let mut bytes = Vec::new();
    if length <= SAMPLES * SAMPLE_BYTES {
        file.take(SAMPLES * SAMPLE_BYTES).read_to_end(&mut bytes)?;
        hash.update(&bytes);
        return Ok(());
    }
    let mut header_length = [0; 8];
    file.read_exact(&mut header_length)?;
    let header = u64::from_le_bytes(header_length).min(MOST_HEADER_BYTES);
    (&mut file).take(header).read_to_end(&mut bytes)?;
    hash.update(header_length);
    hash.update(&bytes);
    let last = length - SAMPLE_BYTES;
    for sample in 0..SAMPLES {
        let place = u128::from(last) * u128::from(sample) / u128::from(SAMPLES - 1);
        file.seek(SeekFrom::Start(place as u64))?;
        bytes.clear();
        (&mut file).take(SAMPLE_BYTES).read_to_end(&mut bytes)?;
        hash.update(&bytes);
    }
    Ok(())
}
