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
    let decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(error)?;
    let (width, height) = decoder.dimensions();
    let colour = decoder.color_type();
    limits.admit(Promise {
        format: Format::Bmp,
        width,
        height,
        bytes_per_pixel: 4,
    })?;
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

fn error(error: ImageError) -> PixelsError {
    match error {
        ImageError::Unsupported(error) => unsupported(error.to_string()),
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            undecodable("the file is cut short".to_owned())
        }
        error => undecodable(error.to_string()),
    }
}

fn unsupported(what: String) -> PixelsError {
    PixelsError::UnsupportedKind {
        format: Format::Bmp,
        what,
    }
}

fn undecodable(reason: String) -> PixelsError {
    PixelsError::Undecodable {
        format: Format::Bmp,
        reason,
    }
}
