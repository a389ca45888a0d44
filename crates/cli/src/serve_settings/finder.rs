//! Settings, wherever the user gave them.

use std::ffi::OsString;

use super::units::{read_count, read_size, read_some_size};
use crate::arguments::serve::Secret;
use crate::environment::Environment;
use crate::exit::UsageError;
use crate::given::{Given, given, given_list, read_or};
use crate::keys::Key;

/// Finds settings where the user gave them.
pub(super) struct Finder<'a> {
    pub(super) environment: &'a Environment,
}

impl<'a> Finder<'a> {
    pub(super) fn given(
        &self,
        key: &'static Key,
        typed: Option<&'a OsString>,
    ) -> Option<Given<'a>> {
        given(key, typed, self.environment)
    }

    /// A setting that is never printed.
    pub(super) fn secret(&self, key: &'static Key, typed: Option<&'a Secret>) -> Option<Given<'a>> {
        given(key, typed.map(Secret::expose), self.environment)
    }

    pub(super) fn list(&self, key: &'static Key, typed: &'a [OsString]) -> Vec<Given<'a>> {
        self.list_if_any(key, typed).unwrap_or_default()
    }

    pub(super) fn list_if_any(
        &self,
        key: &'static Key,
        typed: &'a [OsString],
    ) -> Option<Vec<Given<'a>>> {
        given_list(key, typed.iter().map(OsString::as_os_str), self.environment)
    }

    pub(super) fn count(
        &self,
        key: &'static Key,
        typed: Option<&'a OsString>,
        default: u64,
    ) -> Result<u64, UsageError> {
        read_or(default, self.given(key, typed), read_count)
    }

    pub(super) fn size(
        &self,
        key: &'static Key,
        typed: Option<&'a OsString>,
        default: u64,
    ) -> Result<u64, UsageError> {
        read_or(default, self.given(key, typed), read_some_size)
    }

    pub(super) fn cache(
        &self,
        key: &'static Key,
        typed: Option<&'a OsString>,
    ) -> Result<u64, UsageError> {
        read_or(64 << 20, self.given(key, typed), read_size)
    }

    /// A path; an empty one overrules that of another place.
    pub(super) fn path(&self, key: &'static Key, typed: Option<&'a OsString>) -> Option<Given<'a>> {
        self.given(key, typed).filter(|given| !given.text.is_empty())
    }
}
