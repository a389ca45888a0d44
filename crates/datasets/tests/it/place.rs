//! A folder to write data sets into.

use std::path::{Path, PathBuf};

use datasets::{Caption, Dataset, DatasetError, Options, Sample};
use tempfile::TempDir;

/// A temporary folder.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and the folders it is in.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
        self
    }

    /// Writes a tar of members in this order.
    pub(crate) fn tar(&self, name: &str, members: &[(&str, &[u8])]) -> &Self {
        self.write(name, tar(members))
    }

    pub(crate) fn open(&self, name: &str) -> Result<Dataset, DatasetError> {
        self.open_with(name, &Options::default())
    }

    pub(crate) fn open_with(&self, name: &str, options: &Options) -> Result<Dataset, DatasetError> {
        Dataset::open(&self.path(name), options)
    }

    /// What opening a data set complains about.
    pub(crate) fn complaint(&self, name: &str) -> String {
        match self.open(name) {
            Ok(_) => panic!("{name} opens"),
            Err(error) => error.to_string(),
        }
    }
}

impl AsRef<Path> for Place {
    fn as_ref(&self) -> &Path {
        self.0.path()
    }
}

pub(crate) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Every sample, in order.
pub(crate) fn samples(dataset: &Dataset) -> Vec<Sample> {
    (0..dataset.len()).map(|index| dataset.sample(index).unwrap()).collect()
}

/// Captions as `language:text`, `-` for no language.
pub(crate) fn said(captions: &[Caption]) -> Vec<String> {
    let say = |caption: &Caption| {
        format!("{}:{}", caption.language.as_deref().unwrap_or("-"), caption.text)
    };
    captions.iter().map(say).collect()
}
