//! Running the program and looking at what it leaves.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A run of the program in an environment of its own.
pub(crate) struct Run {
    command: Command,
}

/// What a run left.
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    /// The program with no variables but a home that is empty.
    pub(crate) fn new<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polysight"));
        command
            .env_clear()
            .env("HOME", env!("CARGO_TARGET_TMPDIR"))
            .env("HF_HOME", "/nonexistent/home-of-models")
            .args(arguments)
            .stdin(Stdio::null());
        Self { command }
    }

    pub(crate) fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn command(self) -> Command {
        self.command
    }

    pub(crate) fn finish(mut self) -> Finished {
        Finished::from(self.command.output().expect("the program starts"))
    }

    pub(crate) fn finish_with_input(mut self, input: &[u8]) -> Finished {
        let pipes = self.command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = pipes.stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        stdin.write_all(input).expect("the program reads");
        drop(stdin);
        Finished::from(child.wait_with_output().expect("the program ends"))
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the program was not killed"),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

impl Finished {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("standard output is UTF-8")
    }

    /// The results as JSON, one text and nothing else.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.text(), self.stderr))
    }

    /// The same run, which must have succeeded without a word on standard error.
    pub(crate) fn quiet_success(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""));
        self
    }

    /// A usage error: exit code 2, nothing on standard output, a line that holds `part`.
    pub(crate) fn usage_error(&self, part: &str) {
        assert_eq!(self.code, 2, "{}", self.stderr);
        assert!(self.stdout.is_empty(), "a usage error prints no results");
        assert!(self.stderr.contains(part), "{:?} is not in {}", part, self.stderr);
    }
}
