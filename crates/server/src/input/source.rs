//! Where a picture's bytes come from.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use crate::caches::Hash;
use crate::error::ApiError;

/// Where a picture is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum ImageSource {
    /// In the request.
    Bytes(Bytes),
    /// On the web.
    Url(String),
    /// Uploaded, by its id.
    File(String),
    /// In the cache, by the SHA-256 of its bytes.
    Held(Hash),
}

impl fmt::Debug for ImageSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(formatter, "Bytes({})", bytes.len()),
            Self::Url(_) => formatter.write_str("Url(..)"),
            Self::File(id) => write!(formatter, "File({id})"),
            Self::Held(_) => formatter.write_str("Held(..)"),
        }
    }
}

/// Padding is optional and stray last bits are nobody's concern: many encoders are careless there.
const CONFIGURATION: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIGURATION);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIGURATION);

impl ImageSource {
    /// Reads a URL, a data URI, base64, the id of a file, or `sha256:` and 64 hexadecimal digits.
    ///
    /// # Errors
    /// When it is none of them.
    pub(crate) fn parse(text: String) -> Result<Self, ApiError> {
        let scheme = text.get(..8).unwrap_or(&text).to_ascii_lowercase();
        if scheme.starts_with("http://") || scheme.starts_with("https://") {
            return Ok(Self::Url(text));
        }
        if scheme.starts_with("data:") {
            return data_uri(&text).map(Self::Bytes);
        }
        if let Some(digits) = text.strip_prefix("sha256:") {
            return hash(digits).map(Self::Held).ok_or_else(|| {
                let message = "after sha256: there must be 64 hexadecimal digits";
                ApiError::invalid("invalid_image", message)
            });
        }
        if text.starts_with("file-") {
            return Ok(Self::File(text));
        }
        decode(text.as_bytes()).map(Self::Bytes).ok_or_else(|| {
            let message = "the image is neither an http(s) URL, a data URI, nor valid base64";
            ApiError::invalid("invalid_image", message)
        })
    }
}

/// The bytes of `data:[type];base64,...`.
fn data_uri(text: &str) -> Result<Bytes, ApiError> {
    let invalid = |message: &'static str| ApiError::invalid("invalid_image", message);
    let Some((head, data)) = text.split_once(',') else {
        return Err(invalid("the data URI has no comma"));
    };
    if !head.to_ascii_lowercase().ends_with(";base64") {
        return Err(invalid("the data URI is not base64; it begins data:image/png;base64,"));
    }
    decode(data.as_bytes()).ok_or_else(|| invalid("the data URI's base64 is not valid"))
}

/// Base64 of either alphabet; line breaks and spaces are passed over.
fn decode(text: &[u8]) -> Option<Bytes> {
    if let Ok(bytes) = STANDARD.decode(text) {
        return Some(bytes.into());
    }
    let compact = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
    let compact = compact.collect::<Vec<_>>();
    let alphabet =
        if compact.iter().any(|byte| matches!(byte, b'-' | b'_')) { &URL_SAFE } else { &STANDARD };
    alphabet.decode(compact).ok().map(Bytes::from)
}

pub(super) fn hash(digits: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}
