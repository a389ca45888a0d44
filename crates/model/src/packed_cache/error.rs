//! What can go wrong with packed weights on disk.

use std::io;
use std::path::{Path, PathBuf};

/// Why packed weights were not taken from a file, or not kept in one. The tower was loaded from the checkpoint all the
/// same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackedCacheError {
    /// The file is there, and cannot be used.
    #[error("{}: packed weights cannot be used: {problem}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file could not be written.
    #[error("{}: packed weights cannot be kept: {problem}", path.display())]
    NotKept {
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: io::Error,
    },
    /// The checkpoint was written to while it was loaded.
    #[error("{}: packed weights are not kept: the checkpoint changed while it was loaded", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The checkpoint's files could not be told from others.
    #[error("packed weights are not used: {0}")]
    Weights(#[from] weights::WeightsError),
}

impl PackedCacheError {
    pub(super) fn unusable(path: &Path, problem: &dyn ToString) -> Self {
        Self::Unusable { path: path.to_owned(), problem: problem.to_string() }
    }

    pub(super) fn not_kept(path: &Path, problem: io::Error) -> Self {
        Self::NotKept { path: path.to_owned(), problem }
    }
}
