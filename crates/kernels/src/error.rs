//! What can go wrong before any arithmetic starts.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The name is not one of an instruction set.
    #[error("unknown instruction set {name:?}; one of {known} was expected")]
    UnknownIsa {
        /// What was asked for.
        name: String,
        /// What there is on this architecture, separated by commas.
        known: String,
    },
    /// The instruction set exists, but this machine lacks it.
    #[error("this machine has no {wanted}; it offers {available}")]
    MissingIsa {
        /// What was asked for.
        wanted: &'static str,
        /// What there is, separated by commas.
        available: String,
    },
}
