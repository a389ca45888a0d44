//! A setting as somebody gave it: as a flag, else as a variable, else in the configuration file.

use std::ffi::OsStr;
use std::fmt::Display;

use crate::environment::Environment;
use crate::exit::UsageError;
use crate::keys::{Form, Key};

/// A text that the user gave, and where. It may be a secret, so it has no `Debug`.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    /// `--threads`, `POLYSIGHT_THREADS` or `polysight.toml:3 threads`.
    pub(crate) place: &'a str,
    pub(crate) text: &'a OsStr,
}

impl<'a> Given<'a> {
    /// What the text means. A message of `parse` may show the text, so that of a secret must not.
    ///
    /// # Errors
    /// When it is not UTF-8 or means nothing; the message begins with the place.
    pub(crate) fn read<T, E: Display>(
        &self,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Result<T, UsageError> {
        let Some(text) = self.text.to_str() else {
            return Err(self.wrong("the value is not UTF-8"));
        };
        parse(text).map_err(|error| self.wrong(error))
    }

    /// The error that says what is wrong with the text.
    pub(crate) fn wrong(&self, why: impl Display) -> UsageError {
        UsageError::new(format!("{}: {why}", self.place))
    }
}

/// The value of a setting. The flag wins over the variable, which wins over the file; the first of a list in the file
/// counts.
pub(crate) fn given<'a>(
    key: &'static Key,
    typed: Option<&'a (impl AsRef<OsStr> + ?Sized)>,
    environment: &'a Environment,
) -> Option<Given<'a>> {
    if let Some(text) = typed {
        return Some(Given { place: key.flag, text: text.as_ref() });
    }
    if let Some(variable) = environment.setting(key) {
        return Some(Given { place: variable.name, text: &variable.value });
    }
    environment.configuration.values(key)?.first().map(|placed| placed.given())
}

/// The values of a setting that may be repeated; `None` when nobody gave it. Lists are not joined: that of the flags
/// wins over that of the variable, which wins over that of the file.
pub(crate) fn given_list<'a>(
    key: &'static Key,
    typed: impl IntoIterator<Item = &'a OsStr>,
    environment: &'a Environment,
) -> Option<Vec<Given<'a>>> {
    let typed = typed.into_iter().map(|text| Given { place: key.flag, text }).collect::<Vec<_>>();
    if !typed.is_empty() {
        return Some(typed);
    }
    if let Some(variable) = environment.setting(key) {
        let given = |text| Given { place: variable.name, text };
        return Some(match variable.value.to_str() {
            Some(list) if key.form != Form::Models => {
                let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(|part| given(OsStr::new(part))).collect()
            }
            _ => vec![given(&variable.value)],
        });
    }
    let values = environment.configuration.values(key)?;
    Some(values.iter().map(|placed| placed.given()).collect())
}

/// The value of a setting, or what it is when nobody gave it.
///
/// # Errors
/// Those of [`Given::read`].
pub(crate) fn read_or<'a, T, E: Display>(
    default: T,
    given: Option<Given<'a>>,
    parse: impl FnOnce(&'a str) -> Result<T, E>,
) -> Result<T, UsageError> {
    given.map_or(Ok(default), |given| given.read(parse))
}
