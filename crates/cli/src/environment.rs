//! Every environment variable that the program reads, and the only place where it reads them.
//!
//! `POLYSIGHT_*` variables mirror flags, and a flag wins over its variable. The `HF_*` variables mean what they mean to
//! `huggingface_hub`. An empty value counts as unset.

use std::ffi::{OsStr, OsString};

/// A variable that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) value: OsString,
}

/// The variables as they were when the program began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `POLYSIGHT_MODEL`: `--model`.
    pub(crate) model: Option<Variable>,
    /// `POLYSIGHT_PRECISION`: `--precision`.
    pub(crate) precision: Option<Variable>,
    /// `POLYSIGHT_THREADS`: `--threads`.
    pub(crate) threads: Option<Variable>,
    /// `POLYSIGHT_ISA`: `--isa`.
    pub(crate) isa: Option<Variable>,
    /// `POLYSIGHT_CANONICALIZATION`: `--canonicalization`.
    pub(crate) canonicalization: Option<Variable>,
    /// `POLYSIGHT_QUIET`: `--quiet`.
    pub(crate) quiet: Option<Variable>,
    /// `NO_COLOR`: no colours.
    pub(crate) no_color: Option<Variable>,
}

impl Environment {
    /// Reads the variables of this process.
    pub(crate) fn read() -> Self {
        Self::from_lookup(variable)
    }

    fn from_lookup(look_up: impl Fn(&'static str) -> Option<OsString>) -> Self {
        let variable = |name: &'static str| {
            let value = look_up(name).filter(|value| !value.is_empty())?;
            Some(Variable { name, value })
        };
        Self {
            model: variable("POLYSIGHT_MODEL"),
            precision: variable("POLYSIGHT_PRECISION"),
            threads: variable("POLYSIGHT_THREADS"),
            isa: variable("POLYSIGHT_ISA"),
            canonicalization: variable("POLYSIGHT_CANONICALIZATION"),
            quiet: variable("POLYSIGHT_QUIET"),
            no_color: variable("NO_COLOR"),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place where variables are read"
)]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(OsStr::new(name))
}
