//! The access token, as a type that does not print itself.

use std::fmt;
use std::path::Path;

use crate::HubError;

/// An access token of the hub. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token from a text, without the white space and line ends around it; `None` when nothing is left.
    ///
    /// `place` says where the text came from, for the error.
    ///
    /// # Errors
    /// [`HubError::Token`] if characters are in it that no token has (and that could forge a request).
    pub fn new(text: &str, place: &str) -> Result<Option<Self>, HubError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(HubError::Token { place: place.to_owned() });
        }
        Ok(Some(Self(text.to_owned())))
    }

    /// Reads a token file; `None` when there is none.
    ///
    /// # Errors
    /// If the file cannot be read or holds something that is no token.
    pub fn read(path: &Path) -> Result<Option<Self>, HubError> {
        match fs_err::read(path) {
            Ok(bytes) => Self::new(&String::from_utf8_lossy(&bytes), &path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The value of the `Authorization` header.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(hidden)")
    }
}
