//! Keys, links and the pepper. A plain secret exists only where it was made; the database has its hash, and no `Debug` or
//! error shows either.

use std::fmt;
use std::path::Path;

use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::StoreError;

/// What every key begins with.
const PREFIX: &str = "ps-";

/// Characters of a key that may be shown.
const SHOWN: usize = 4;

/// What is mixed into every hash, so that a stolen database gives no way to guess.
#[derive(Clone)]
pub struct Pepper([u8; 32]);

impl Pepper {
    /// From the text of 64 hexadecimal digits.
    ///
    /// # Errors
    /// When it is none; the message does not show it.
    pub fn read(text: &str) -> Result<Self, StoreError> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok();
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| {
            StoreError::Invalid(
                "a pepper is 64 hexadecimal digits, as `openssl rand -hex 32` prints".into(),
            )
        })
    }

    /// Reads the file, or makes it with a new pepper that only its owner may read.
    ///
    /// # Errors
    /// When the file cannot be read or made, or has something else in it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        match fs_err::read_to_string(path) {
            Ok(text) => return Self::read(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        let pepper = Self(random()?);
        let text = HEXLOWER_PERMISSIVE.encode(&pepper.0) + "\n";
        // Under another name first: a file that is half written would lock every key out.
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        write_private(&fresh, text.as_bytes())?;
        // Whoever was first wins.
        let linked = fs_err::hard_link(&fresh, path);
        fs_err::remove_file(&fresh)?;
        match linked {
            Ok(()) => Ok(pepper),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Self::read(&fs_err::read_to_string(path)?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The hash under which a secret is stored.
    ///
    /// # Panics
    /// Never: HMAC takes a key of any length.
    pub fn hash(&self, secret: &str) -> KeyHash {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any length");
        mac.update(secret.as_bytes());
        KeyHash(mac.finalize().into_bytes().into())
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

impl fmt::Debug for Pepper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pepper(..)")
    }
}

/// HMAC-SHA-256 of a key or a link with the pepper.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyHash(..)")
    }
}

/// A key as its owner sees it, once: `ps-`, 256 random bits and their CRC-32 in base32.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainKey(String);

impl PlainKey {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<Self, StoreError> {
        let random = random::<32>()?;
        let mut bytes = random.to_vec();
        bytes.extend_from_slice(&crc32fast::hash(&random).to_be_bytes());
        Ok(Self(format!("{PREFIX}{}", BASE32_NOPAD.encode(&bytes).to_lowercase())))
    }

    /// Whether a text has the form of a key and its checksum. Programs that look for leaked keys use it.
    pub fn looks_like(text: &str) -> bool {
        let Some(encoded) = text.strip_prefix(PREFIX) else { return false };
        let bytes = BASE32_NOPAD.decode(encoded.to_uppercase().as_bytes()).unwrap_or_default();
        bytes.split_last_chunk::<4>().is_some_and(|(random, checksum)| {
            random.len() == 32 && crc32fast::hash(random).to_be_bytes() == *checksum
        })
    }

    /// The key itself, for its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What people tell it by.
    pub fn hint(&self) -> String {
        let (start, end) = (PREFIX.len() + SHOWN, self.0.len() - SHOWN);
        format!("{}…{}", &self.0[..start], &self.0[end..])
    }
}

impl fmt::Debug for PlainKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PlainKey(..)")
    }
}

/// The secret part of a link that was sent to an address.
#[derive(Clone)]
pub struct PlainLink(String);

impl PlainLink {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<Self, StoreError> {
        Ok(Self(BASE32_NOPAD.encode(&random::<32>()?).to_lowercase()))
    }

    /// The secret, for the address.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlainLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PlainLink(..)")
    }
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        StoreError::Invalid(format!("the system has no random numbers: {error}"))
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_checksum_and_shows_only_its_ends() {
        let key = PlainKey::generate().unwrap();
        assert!(PlainKey::looks_like(key.expose()), "{}", key.expose());
        assert_eq!(key.expose().len(), 61);
        let mut wrong = key.expose().to_owned();
        let last = if wrong.ends_with('a') { "b" } else { "a" };
        wrong.replace_range(20..21, last);
        assert!(!PlainKey::looks_like(&wrong) || wrong == key.expose());
        for text in ["", "ps-", "sk-abc", "ps-ä"] {
            assert!(!PlainKey::looks_like(text), "{text}");
        }
        assert_eq!(key.hint().chars().count(), 12);
        assert_eq!(format!("{key:?}"), "PlainKey(..)");
        assert_ne!(PlainKey::generate().unwrap(), key);
    }

    #[test]
    fn the_pepper_is_made_once_and_belongs_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/pepper");
        let (first, second) = (Pepper::open(&path).unwrap(), Pepper::open(&path).unwrap());
        assert_eq!(first.hash("a"), second.hash("a"));
        assert_ne!(first.hash("a"), first.hash("b"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs_err::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        fs_err::write(&path, "half").unwrap();
        assert!(Pepper::open(&path).is_err());
    }
}
