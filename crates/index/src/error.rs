//! What can be wrong with an index.

use std::path::PathBuf;

/// Why an index does not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// Vectors of two models do not mix.
    #[error("the index holds vectors of {stored}; these are of {given}")]
    OtherSpace {
        /// What the index is stamped with.
        stored: String,
        /// What was to be used with it.
        given: String,
    },
    /// A vector of the wrong length.
    #[error("a vector has {found} numbers; those of this index have {wanted}")]
    Dimensions {
        /// Of the vector.
        found: usize,
        /// Of the index.
        wanted: usize,
    },
    /// Numbers that are not finite, or far from length 1.
    #[error("the vector of {id:?} has the length {length}; the length must be 1")]
    Length {
        /// Whose.
        id: String,
        /// Euclidean.
        length: f32,
    },
    /// An id that is empty or too long.
    #[error("an id has 1 to {limit} bytes, not {found}")]
    Id {
        /// Bytes that it has.
        found: usize,
        /// The most.
        limit: usize,
    },
    /// Too many attributes.
    #[error("the attributes of {id:?} take {found} bytes; the limit is {limit}")]
    Attributes {
        /// Whose.
        id: String,
        /// Bytes of JSON.
        found: usize,
        /// The most.
        limit: usize,
    },
    /// A filter that is nested too deeply.
    #[error("a filter is nested more than {limit} deep")]
    Depth {
        /// The most.
        limit: usize,
    },
    /// Somebody else writes.
    #[error("{}: another process writes to this index", path.display())]
    Locked {
        /// The index's folder.
        path: PathBuf,
    },
    /// It was opened for reading.
    #[error("the index was opened for reading only")]
    ReadOnly,
    /// There is none.
    #[error("{}: there is no index", path.display())]
    Missing {
        /// Where one was looked for.
        path: PathBuf,
    },
    /// A file that this program did not write so.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// What should lead to a back end does not.
    #[error("{0}")]
    Address(&'static str),
    /// A back end beyond this process.
    #[error("the index's back end: {0}")]
    Backend(String),
}
