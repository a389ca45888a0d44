//! Whose files, batches, vector stores and label sets something is.

use std::fmt;

/// An account, or the one owner of everything on a server without accounts.
///
/// Every statement about such things names it, so that another account's are not found at all.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Owner(String);

impl Owner {
    /// Of a server without accounts.
    pub fn alone() -> Self {
        Self(String::new())
    }

    /// An account, by its id.
    pub fn account(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// As the column `owner` has it: the account's id, or nothing.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account's id, if there are accounts.
    pub fn account_id(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Owner({})", self.account_id().unwrap_or("alone"))
    }
}
