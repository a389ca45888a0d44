//! WebP, lossy and lossless, and the first frame of an animated one.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::Decoded;
use super::colour::rgba_to_rgb;
use super::format::Format;
use super::orientation::Orientation;
use crate::error::PixelsError;
use crate::limits::{Limits, Promise};
use crate::rgb_image::RgbImage;

/// Most bytes of EXIF that are looked at.
const EXIF_LIMIT: usize = 1 << 20;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, PixelsError> {
    if let Some([width, height]) = canvas(bytes) {
        // The codec refuses the largest canvases itself, without saying how large they are.
        limits.admit(Promise {
            format: Format::WebP,
            width,
            height,
            bytes_per_pixel: 8,
        })?;
    }
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(error)?;
    let (width, height) = decoder.dimensions();
    // Lossless needs RGBA beside the result; alpha adds its own plane; an animation its canvas.
    let layered = decoder.has_alpha() || decoder.is_animated();
    let bytes_per_pixel = if layered { 12 } else { 8 };
    limits.admit(Promise {
        format: Format::WebP,
        width,
        height,
        bytes_per_pixel,
    })?;
    decoder.set_memory_limit(EXIF_LIMIT);
    let exif = decoder.exif_metadata().unwrap_or(None);

    let length = decoder
        .output_buffer_size()
        .ok_or_else(|| error(DecodingError::ImageTooLarge))?;
    let mut samples = vec![0; length];
    decoder.read_image(&mut samples).map_err(error)?;
    let data = if decoder.has_alpha() {
        rgba_to_rgb(samples)
    } else {
        samples
    };
    Ok(Decoded {
        image: RgbImage::from_raw(width, height, data)
            .map_err(|error| undecodable(error.to_string()))?,
        orientation: exif
            .as_deref()
            .map_or(Orientation::Upright, Orientation::from_exif),
    })
}

/// Width and height in the header of an extended file: 24 bits each, less one.
fn canvas(bytes: &[u8]) -> Option<[u32; 2]> {
    let header = bytes.get(12..30)?;
    let side = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]) + 1;
    header.starts_with(b"VP8X").then(|| [side(12), side(15)])
}

fn error(error: DecodingError) -> PixelsError {
    undecodable(match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the file is cut short".to_owned()
        }
        error => error.to_string(),
    })
}

fn undecodable(reason: impl AsRef<str>) -> PixelsError {
    PixelsError::undecodable(Format::WebP, reason.as_ref())
}
