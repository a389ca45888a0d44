//! Bytes of unknown origin to an upright RGB picture.
//!
//! The codecs are others' work (`png`, `zune-jpeg`, `image-webp`, `gif`, `tiff`, and `image` for
//! BMP); each module here asks its codec for the header, lets [`Limits`] decide, decodes, and
//! brings the samples to RGB exactly as Pillow's `convert("RGB")` does, with alpha composited on
//! white as transformers 5.23 does ([`colour`]). Codec types do not leave their modules.
//!
//! AVIF is recognised and refused: the only complete decoder in Rust (rav1d 1.1, which also
//! needs an assembler to be fast) is a translation of C with hundreds of `unsafe` places, and
//! the safe containers around it are young. It can be added here once a decoder without `unsafe`
//! has settled.

mod bmp;
mod colour;
mod directory;
pub(crate) mod format;
mod gif;
mod jpeg;
mod jpeg_structure;
mod orientation;
mod png;
mod tiff;
mod webp;

use crate::error::PixelsError;
use crate::limits::Limits;
use crate::rgb_image::RgbImage;
use format::Format;
use orientation::Orientation;

/// A decoded picture that may still lie on its side.
struct Decoded {
    image: RgbImage,
    orientation: Orientation,
}

/// The size of a picture as its header gives it, before the EXIF orientation is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

impl Dimensions {
    /// Width times height.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Reads the header alone: what decoding would cost, before any of it is paid.
///
/// # Errors
/// Those of [`decode`] that a header shows; a picture beyond the limits on pixels is one of them.
pub fn dimensions(bytes: &[u8], limits: &Limits) -> Result<Dimensions, PixelsError> {
    // Every decoder asks for admission once it has read the header, and no picture has 0 pixels.
    match decode(bytes, &limits.clone().with_pixels(0)) {
        Err(PixelsError::TooManyPixels { width, height, .. }) => {
            let dimensions = Dimensions { width, height };
            if dimensions.pixels() > limits.pixels {
                return Err(PixelsError::TooManyPixels { width, height, limit: limits.pixels });
            }
            Ok(dimensions)
        }
        Err(error) => Err(error),
        Ok(_) => unreachable!("a picture of more than 0 pixels was admitted"),
    }
}

/// Decodes the first frame of a PNG, JPEG, WebP, GIF, BMP or TIFF to RGB, upright.
///
/// The format is told from the content. Alpha is composited on white; grey, palette and CMYK
/// become what Pillow's `convert("RGB")` gives; of 16-bit samples the high byte is kept (Pillow
/// clips 16-bit grey to white instead: a deliberate deviation); the EXIF orientation is applied.
///
/// # Errors
/// [`PixelsError::Empty`] and the `TooMany...` family when a limit is exceeded (before memory is
/// taken), [`PixelsError::NotAnImage`], [`PixelsError::UnsupportedFormat`] and
/// [`PixelsError::UnsupportedKind`] when there is nothing to read, [`PixelsError::Undecodable`]
/// when the picture is damaged or cut short.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<RgbImage, PixelsError> {
    limits.admit_bytes(bytes.len())?;
    let decoded = match Format::of(bytes)? {
        Format::Png => png::decode(bytes, limits),
        Format::Jpeg => jpeg::decode(bytes, limits),
        Format::WebP => webp::decode(bytes, limits),
        Format::Gif => gif::decode(bytes, limits),
        Format::Bmp => bmp::decode(bytes, limits),
        Format::Tiff => tiff::decode(bytes, limits),
    }?;
    Ok(decoded.orientation.apply(decoded.image))
}
