//! The tiny end-to-end checkpoint of the model's tests, with a tokenizer beside it, and its pictures.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::Run;

/// The pictures of the goldens, in the order of their rows.
pub(crate) const PICTURES: [&str; 7] = [
    "rgb_61x37.png",
    "rgba_41x29.png",
    "grey_30x53.png",
    "palette_47x45.png",
    "tall_7x90.png",
    "small_5x3.png",
    "exact_32x32.png",
];

/// The texts of the goldens but the last, in the order of their rows.
pub(crate) const TEXTS: [&str; 5] =
    ["a photo of a cat", "This is a photo of 2 dogs!", "une photo d'un vélo rouge", "猫の写真", ""];

/// Where the goldens are.
pub(crate) fn goldens() -> PathBuf {
    crates().join("model/tests/goldens/tiny-end-to-end")
}

/// A picture of the goldens.
pub(crate) fn picture(name: &str) -> PathBuf {
    goldens().join("pictures").join(name)
}

pub(crate) fn crates() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in crates/")
}

/// A model folder.
pub(crate) struct Tiny {
    folder: TempDir,
}

impl Tiny {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["config.json", "preprocessor_config.json", "model.safetensors"] {
            fs_err::copy(goldens().join(name), folder.path().join(name)).expect("it is copied");
        }
        let spiece = crates().join("tokens/tests/goldens/cldr_unigram_8k_mt5layout.model");
        fs_err::copy(spiece, folder.path().join("spiece.model")).expect("it is copied");
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Changes the first number of a bf16 tensor.
    pub(crate) fn overwrite(&self, tensor: &str, number: [u8; 2]) {
        let file = self.path().join("model.safetensors");
        let mut bytes = fs_err::read(&file).expect("the weights are there");
        let length = u64::from_le_bytes(*bytes.first_chunk().expect("a length comes first"));
        let header = &bytes[8..8 + length as usize];
        let header: Value = serde_json::from_slice(header).expect("the header is JSON");
        assert_eq!(header[tensor]["dtype"], "BF16");
        let begin = header[tensor]["data_offsets"][0].as_u64().expect("it is a number");
        bytes[(8 + length + begin) as usize..][..2].copy_from_slice(&number);
        fs_err::write(&file, bytes).expect("the weights are written");
    }

    /// The same weights behind another preparation of pictures: another model to whatever keeps vectors.
    pub(crate) fn otherwise_prepared() -> Self {
        let other = Self::new();
        let file = other.path().join("preprocessor_config.json");
        let text = fs_err::read_to_string(&file).expect("it is there").replace("0.5", "0.4");
        fs_err::write(&file, text).expect("it is written");
        other
    }

    /// A run with `--model`.
    pub(crate) fn run<const N: usize>(&self, arguments: [&str; N]) -> Run {
        let arguments = arguments.into_iter().map(OsString::from);
        Run::new(arguments).variable("POLYSIGHT_MODEL", self.path())
    }
}
