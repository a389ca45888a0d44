//! BMP, through the `image` crate.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::error::ImageError;
use image::{ColorType, ImageDecoder};

use super::Decoded;
use super::colour::{grey_to_rgb, rgba_to_rgb};
use super::format::Format;
use super::orientation::Orientation;
use crate::error::PixelsError;
use crate::limits::{Limits, Promise};
use crate::rgb_image::RgbImage;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, PixelsError> {
    let [width, height] = size(bytes).ok_or_else(|| undecodable("the file is cut short"))?;
    limits.admit(Promise { format: Format::Bmp, width, height, bytes_per_pixel: 4 })?;
    let decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(error)?;
    if decoder.dimensions() != (width, height) {
        return Err(undecodable("its header is ambiguous"));
    }
    let colour = decoder.color_type();
    let mut samples = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut samples).map_err(error)?;
    let data = match colour {
        ColorType::L8 => grey_to_rgb(&samples),
        ColorType::Rgb8 => samples,
        ColorType::Rgba8 => rgba_to_rgb(samples),
        other => return Err(unsupported(format!("{other:?} samples"))),
    };
    Ok(Decoded {
        image: RgbImage::from_raw(width, height, data)
            .map_err(|error| undecodable(error.to_string()))?,
        orientation: Orientation::Upright,
    })
}

/// Width and height as the header has them, before the codec judges them; a negative height means
/// rows from top to bottom.
fn size(bytes: &[u8]) -> Option<[u32; 2]> {
    /// The first header, of OS/2, with 16-bit sides.
    const CORE_HEADER: u32 = 12;
    let header = bytes.get(14..26)?;
    let short = |at: usize| u32::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let long = |at: usize| short(at) | short(at + 2) << 16;
    Some(if long(0) == CORE_HEADER {
        [short(4), short(6)]
    } else {
        [long(4), long(8).cast_signed().unsigned_abs()]
    })
}

fn error(error: ImageError) -> PixelsError {
    match error {
        ImageError::Unsupported(error) => unsupported(error.to_string()),
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            undecodable("the file is cut short")
        }
        error => undecodable(error.to_string()),
    }
}

fn unsupported(what: impl AsRef<str>) -> PixelsError {
    PixelsError::unsupported(Format::Bmp, what.as_ref())
}

fn undecodable(reason: impl AsRef<str>) -> PixelsError {
    PixelsError::undecodable(Format::Bmp, reason.as_ref())
}
