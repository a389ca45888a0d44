//! What can go wrong before any arithmetic starts.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The name is not one of an instruction set.
    #[error("unknown instruction set {0:?}; one of scalar, avx2, avx512 was expected")]
    UnknownIsa(String),
    /// The instruction set exists, but this machine lacks it.
    #[error("this machine has no {wanted}; it offers {available}")]
    MissingIsa {
        /// What was asked for.
        wanted: &'static str,
        /// What there is, separated by commas.
        available: String,
    },
}
