//! What can go wrong between bytes and pixels.
//!
//! The variants separate what a caller must tell apart: too large for this installation, no
//! supported picture at all, and a picture that is damaged. [`PixelsError::kind`] folds them into
//! the classes a server maps to status codes.

use crate::decode::format::Format;

/// The class of a [`PixelsError`]; with HTTP's words: 413, 415, 422 and a caller's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A limit is exceeded: a smaller picture would be accepted (413).
    TooLarge,
    /// The bytes are no picture, or one in a format or of a kind that is not read (415).
    Unsupported,
    /// A picture in a supported format whose content is damaged (422).
    Undecodable,
    /// Wrong arguments from the calling program, not from the picture.
    Usage,
}

/// Why bytes did not become pixels.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PixelsError {
    /// There are no bytes at all.
    #[error("the image is empty (0 bytes)")]
    Empty,
    /// The encoded picture has more bytes than [`Limits::bytes`](crate::Limits::bytes).
    #[error("image is {bytes} bytes; the limit is {limit} bytes")]
    TooManyBytes {
        /// Length of the encoded picture.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The header promises more pixels than [`Limits::pixels`](crate::Limits::pixels).
    #[error(
        "image is {width}x{height} pixels; the limit is {} megapixels",
        megapixels(*.limit)
    )]
    TooManyPixels {
        /// Width from the header.
        width: u32,
        /// Height from the header.
        height: u32,
        /// The limit, in pixels.
        limit: u64,
    },
    /// A side is longer than [`Limits::side`](crate::Limits::side).
    #[error("image is {width}x{height} pixels; the limit for a side is {limit} pixels")]
    SideTooLong {
        /// Width from the header.
        width: u32,
        /// Height from the header.
        height: u32,
        /// The limit, in pixels.
        limit: u32,
    },
    /// Decoding would take more memory than [`Limits::memory`](crate::Limits::memory).
    #[error(
        "decoding the {width}x{height} {format} image takes about {needed} bytes of memory; \
         the limit is {limit} bytes"
    )]
    TooMuchMemory {
        /// The format that was recognised.
        format: Format,
        /// Width from the header.
        width: u32,
        /// Height from the header.
        height: u32,
        /// The estimate for the largest moment of decoding.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// No picture format is recognised in the content.
    #[error("not an image: the content is none of PNG, JPEG, WebP, GIF, BMP, TIFF")]
    NotAnImage,
    /// A picture format that is recognised and not read.
    #[error("unsupported format {format}: give PNG, JPEG, WebP, GIF, BMP or TIFF")]
    UnsupportedFormat {
        /// The name of the format, lower case.
        format: &'static str,
    },
    /// A supported format in a flavour that is not read (float samples, arithmetic coding, ...).
    #[error("unsupported kind of {format} image: {what}")]
    UnsupportedKind {
        /// The format that was recognised.
        format: Format,
        /// The flavour.
        what: String,
    },
    /// The content contradicts its format or ends too early.
    #[error("cannot decode the {format} image: {reason}")]
    Undecodable {
        /// The format that was recognised.
        format: Format,
        /// What the decoder met.
        reason: String,
    },
    /// A raw buffer does not have the length its shape asks for, or a side is zero.
    #[error("{length} bytes are no {width}x{height} RGB image")]
    WrongLength {
        /// Claimed width.
        width: u32,
        /// Claimed height.
        height: u32,
        /// Length of the buffer.
        length: usize,
    },
}

impl PixelsError {
    /// From what a codec says, which may run over several lines.
    pub(crate) fn undecodable(format: Format, reason: &str) -> Self {
        Self::Undecodable { format, reason: one_line(reason) }
    }

    /// From what a codec says, which may run over several lines.
    pub(crate) fn unsupported(format: Format, what: &str) -> Self {
        Self::UnsupportedKind { format, what: one_line(what) }
    }

    /// The class of the error, for status codes and exit codes.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooManyBytes { .. }
            | Self::TooManyPixels { .. }
            | Self::SideTooLong { .. }
            | Self::TooMuchMemory { .. } => ErrorKind::TooLarge,
            Self::Empty
            | Self::NotAnImage
            | Self::UnsupportedFormat { .. }
            | Self::UnsupportedKind { .. } => ErrorKind::Unsupported,
            Self::Undecodable { .. } => ErrorKind::Undecodable,
            Self::WrongLength { .. } => ErrorKind::Usage,
        }
    }
}

/// 64000000 -> "64", 2500 -> "0.0025": the limit as people say it.
fn megapixels(pixels: u64) -> f64 {
    pixels as f64 / 1e6
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
