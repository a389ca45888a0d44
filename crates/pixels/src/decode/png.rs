//! PNG, and the default image of an APNG.

use std::io::Cursor;

use png::{ColorType, DecodingError, Transformations};

use super::Decoded;
use super::colour::{grey_alpha_to_rgb, grey_to_rgb, rgba_to_rgb};
use super::format::Format;
use super::orientation::Orientation;
use crate::error::PixelsError;
use crate::limits::{Limits, Promise};
use crate::rgb_image::RgbImage;

/// Bytes before the first chunk.
const SIGNATURE: usize = 8;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, PixelsError> {
    let memory = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    let mut decoder =
        png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: memory });
    // Palette, transparency and small depths are expanded; of 16 bits the high byte stays.
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info().map_err(error)?;
    let (width, height) = (header.width, header.height);
    // At most RGBA beside the RGB that is made of it in place, or grey beside its RGB.
    let promise = Promise { format: Format::Png, width, height, bytes_per_pixel: 5 };
    limits.admit(promise)?;

    let mut reader = decoder.read_info().map_err(error)?;
    let length = reader.output_buffer_size().ok_or_else(|| error(DecodingError::LimitsExceeded))?;
    let mut samples = vec![0; length];
    let frame = reader.next_frame(&mut samples).map_err(error)?;
    samples.truncate(frame.buffer_size());
    let data = match frame.color_type {
        ColorType::Grayscale => grey_to_rgb(&samples),
        ColorType::GrayscaleAlpha => grey_alpha_to_rgb(&samples),
        ColorType::Rgb => samples,
        ColorType::Rgba => rgba_to_rgb(samples),
        ColorType::Indexed => {
            return Err(undecodable("the palette was not expanded"));
        }
    };
    Ok(Decoded {
        image: RgbImage::from_raw(width, height, data)
            .map_err(|error| undecodable(error.to_string()))?,
        orientation: exif_chunk(bytes).map_or(Orientation::Upright, Orientation::from_exif),
    })
}

/// The content of the `eXIf` chunk, which may stand before or after the pixels.
fn exif_chunk(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(SIGNATURE..)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_first_chunk::<4>()?;
        let (content, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        match name {
            b"eXIf" => return Some(content),
            b"IEND" => return None,
            // Behind the content stands a checksum of four bytes.
            _ => rest = after.get(4..)?,
        }
    }
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
    PixelsError::undecodable(Format::Png, reason.as_ref())
}
