//! Names that come from outside and become parts of paths and addresses: model ids, revisions, commits, etags, files.
//!
//! Each check leaves only names that are one harmless path component (or, for revisions, several).

use crate::HubError;

const LONGEST_NAME: usize = 96;
const LONGEST_REVISION: usize = 256;

/// A model id that was checked: `org/name` or `name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelId(String);

impl ModelId {
    /// Checks an id by the rules of the hub.
    pub(crate) fn new(id: &str) -> Result<Self, HubError> {
        let wrong = |problem| Err(HubError::ModelId { id: id.to_owned(), problem });
        if id.split('/').count() > 2 {
            return wrong("it has more than one slash");
        }
        for part in id.split('/') {
            if part.is_empty() {
                return wrong("a part of it is empty");
            }
            if part.len() > LONGEST_NAME {
                return wrong("a part of it is longer than 96 characters");
            }
            if !part.bytes().all(is_name_byte) {
                return wrong("only letters, digits, '-', '_' and '.' may be in it");
            }
            if part.starts_with(['-', '.']) || part.ends_with(['-', '.']) {
                return wrong("a part of it begins or ends with '-' or '.'");
            }
            if part.contains("..") || part.contains("--") {
                return wrong("'..' and '--' may not be in it");
            }
        }
        Ok(Self(id.to_owned()))
    }

    /// The id of a folder `models--org--name`, if it is one.
    pub(crate) fn from_folder(name: &str) -> Option<Self> {
        let id = name.strip_prefix("models--")?.replacen("--", "/", 1);
        Self::new(&id).ok()
    }

    /// The id as it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its folder in the cache.
    pub(crate) fn folder(&self) -> String {
        format!("models--{}", self.0.replace('/', "--"))
    }
}

/// Checks a branch, tag or commit: a relative path of harmless components, such as `main` or `refs/pr/3`.
pub(crate) fn check_revision(revision: &str) -> Result<(), HubError> {
    let wrong = |problem| Err(HubError::Revision { revision: revision.to_owned(), problem });
    if revision.len() > LONGEST_REVISION {
        return wrong("it is longer than 256 characters");
    }
    for part in revision.split('/') {
        if !part.bytes().all(|byte| is_name_byte(byte) || byte == b'+') {
            return wrong("only letters, digits, '-', '_', '.', '+' and '/' may be in it");
        }
        if part.is_empty() || part.starts_with('.') || part.contains("..") {
            return wrong("it has an empty or hidden part, or '..'");
        }
    }
    Ok(())
}

/// Whether a name from the server may become the name of a folder or file: a commit, an etag, a file of the model.
pub(crate) fn is_plain_name(name: &str) -> bool {
    (1..=200).contains(&name.len())
        && name.bytes().all(is_name_byte)
        && !name.starts_with('.')
        && !name.contains("..")
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}
