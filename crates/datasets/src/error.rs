//! What can be wrong with a data set.

use std::path::{Path, PathBuf};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A file or folder cannot be read; the message has its path.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// A file does not say what its layout wants.
    #[error("{place}: {problem}")]
    Malformed {
        /// The file, and the line or the member in it.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// No layout was recognised.
    #[error(
        "{}: no data set of a known layout: a folder for each class, nshards.txt or *.tar, captions.jsonl, COCO's \
         captions JSON, or a CSV or JSONL file with pictures",
        path.display()
    )]
    Unknown {
        /// What was to be opened.
        path: PathBuf,
    },
    /// There is nothing in it.
    #[error("{}: no samples", path.display())]
    Empty {
        /// What was to be opened.
        path: PathBuf,
    },
    /// The folder of the pictures that a file names was not found.
    #[error(
        "{}: the picture {picture:?} is in none of {}; name the folder of the pictures",
        file.display(),
        list(tried)
    )]
    NoPictureFolder {
        /// The file that names the picture.
        file: PathBuf,
        /// As the file has it.
        picture: String,
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// There are not so many samples.
    #[error("there is no sample {index}: the data set has {length}")]
    NoSample {
        /// What was asked for.
        index: usize,
        /// How many there are.
        length: usize,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl DatasetError {
    /// Of a whole file.
    pub(crate) fn of_file(path: &Path, problem: impl Into<String>) -> Self {
        Self::Malformed { place: path.display().to_string(), problem: problem.into() }
    }

    /// Of a line, counted from 1.
    pub(crate) fn of_line(path: &Path, line: u64, problem: impl Into<String>) -> Self {
        Self::Malformed {
            place: format!("{}, line {line}", path.display()),
            problem: problem.into(),
        }
    }

    /// Of a member of a tar.
    pub(crate) fn of_member(path: &Path, member: &str, problem: impl Into<String>) -> Self {
        Self::Malformed {
            place: format!("{}, member {member}", path.display()),
            problem: problem.into(),
        }
    }
}
