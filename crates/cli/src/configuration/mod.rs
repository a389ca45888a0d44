//! `polysight.toml`, the configuration file: which one is read, and what it holds.
//!
//! Its keys are the names of the flags. Those above the first table are for every command, those of `[serve]` for the
//! server. Relative paths begin in the file's own folder.

mod moderation;
mod parse;
#[cfg(test)]
pub(crate) mod tests;

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::Path;

use crate::environment::Variable;
use crate::exit::UsageError;
use crate::given::Given;
use crate::keys::Key;

pub(crate) use moderation::ModerationCategory;

/// The file that is read when none is named, if it exists.
const DEFAULT: &str = "polysight.toml";

/// What a file says. It may hold secrets, so it has no `Debug`.
#[derive(Default)]
pub(crate) struct Configuration {
    entries: Vec<Entry>,
    pub(crate) moderation: Vec<ModerationCategory>,
}

/// A key and its values, more than one only where the key takes a list.
struct Entry {
    key: &'static Key,
    values: Vec<Placed>,
}

/// A value and where it stands, like `polysight.toml:3 threads`.
pub(crate) struct Placed {
    place: String,
    text: OsString,
}

impl Placed {
    pub(crate) fn given(&self) -> Given<'_> {
        Given { place: &self.place, text: &self.text }
    }
}

impl Configuration {
    /// Reads the file that the flag names, else that of the variable, else `polysight.toml` of the working folder, which
    /// may be absent. An empty flag means no file at all.
    ///
    /// # Errors
    /// When a file that was named is absent, or a file cannot be read or holds what it should not.
    pub(crate) fn read(
        typed: Option<&OsStr>,
        variable: Option<&Variable>,
    ) -> Result<Self, UsageError> {
        match (typed, variable) {
            (Some(name), _) if name.is_empty() => Ok(Self::default()),
            (Some(name), _) => Self::read_named("--config", Path::new(name)),
            (None, Some(Variable { name, value })) => Self::read_named(name, Path::new(value)),
            (None, None) => Self::read_default(),
        }
    }

    fn read_named(place: &str, file: &Path) -> Result<Self, UsageError> {
        let text = fs_err::read_to_string(file)
            .map_err(|error| UsageError::new(format!("{place}: {error}")))?;
        Self::parse(file, &text)
    }

    fn read_default() -> Result<Self, UsageError> {
        match fs_err::read_to_string(DEFAULT) {
            Ok(text) => Self::parse(Path::new(DEFAULT), &text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(UsageError::new(error.to_string())),
        }
    }

    /// The values of a setting; `None` when the file does not speak of it.
    pub(crate) fn values(&self, key: &'static Key) -> Option<&[Placed]> {
        let entry = self.entries.iter().find(|entry| entry.key.flag == key.flag)?;
        Some(&entry.values)
    }
}
