//! What can be wrong with prepared artwork or with settings.

use std::path::PathBuf;

/// Everything that can be wrong. Messages name the file or the setting, and the limit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenesError {
    /// The system could not read something; the message has the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A file of the prepared folder is not what `prepare.py` writes.
    #[error("{}: {problem}", path.display())]
    Artwork {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A setting that no generator can work with.
    #[error("{setting} {problem}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong with its value, and what it may be.
        problem: String,
    },
}
