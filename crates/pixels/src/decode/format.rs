//! The format of a picture, told from its first bytes.

use std::fmt;

use crate::error::PixelsError;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Format {
    Png,
    Jpeg,
    WebP,
    Gif,
    Bmp,
    Tiff,
}

impl Format {
    /// Recognises the signature at the start of `bytes`.
    ///
    /// # Errors
    /// [`PixelsError::UnsupportedFormat`] for a picture that is not read,
    /// [`PixelsError::NotAnImage`] for anything else.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, PixelsError> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Self::Gif),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(Self::Tiff),
            // Two letters are little to go by: the four reserved bytes after the length are zero.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Ok(Self::Bmp),
            _ => Err(match refused(bytes) {
                Some(format) => PixelsError::UnsupportedFormat { format },
                None => PixelsError::NotAnImage,
            }),
        }
    }
}

/// The name of a picture format that is known and not read.
fn refused(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4)? {
            b"avif" | b"avis" => Some("avif"),
            b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" => Some("heic"),
            // A neutral main brand: what it is compatible with decides.
            b"mif1" | b"msf1" => {
                let compatible = brand.get(8..brand.len().min(64))?;
                let avif = compatible.as_chunks::<4>().0.contains(b"avif");
                Some(if avif { "avif" } else { "heif" })
            }
            _ => None,
        },
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => Some("jpeg xl"),
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => {
            Some("jpeg 2000")
        }
        [0, 0, 1, 0, ..] => Some("ico"),
        [b'8', b'B', b'P', b'S', ..] => Some("psd"),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some("pdf"),
        [b'<', b's', b'v', b'g', ..] => Some("svg"),
        _ => None,
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
        })
    }
}
