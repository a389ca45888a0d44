//! How a run ends: what the shell is told, and which errors mean what.

use std::fmt;
use std::process::ExitCode;

use crate::console;

/// How a command ended that was not stopped by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every input succeeded.
    Complete,
    /// Some input failed and was named on standard error; the results of the others were printed.
    SomeFailed,
}

impl Outcome {
    pub(crate) fn from_failures(failures: usize) -> Self {
        if failures == 0 { Self::Complete } else { Self::SomeFailed }
    }
}

/// The command line, or a variable that stands for a part of it, makes no sense.
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl UsageError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Whoever read the results has had enough, as `head` does. Not an error for the user.
#[derive(Debug)]
pub(crate) struct OutputClosed;

impl fmt::Display for OutputClosed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("nobody reads the results any more")
    }
}

impl std::error::Error for OutputClosed {}

/// The exit code of a run, whose error is printed here.
pub(crate) fn code(result: anyhow::Result<Outcome>) -> ExitCode {
    match result {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::FAILURE,
        Err(error) if error.is::<OutputClosed>() => ExitCode::SUCCESS,
        Err(error) => {
            console::complain(&format!("{error:#}"));
            if error.is::<UsageError>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
