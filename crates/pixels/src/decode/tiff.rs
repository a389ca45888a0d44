//! TIFF: the first page, with integer samples of up to 16 bits.
//!
//! Not read: floating-point and 32-bit samples (their range is unknown), `YCbCr` and Lab, 64-bit
//! files (`BigTIFF`: far larger than any limit here), and the JPEG compression inside TIFF, whose decoder takes memory by what the inner JPEG claims,
//! unchecked.

use std::io::Cursor;

use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::Decoded;
use super::colour::{
    cmyk_to_rgb, grey_alpha_to_rgb, grey_to_rgb, high_bytes, palette_to_rgb, rgba_to_rgb,
};
use super::directory::Directory;
use super::format::Format;
use super::orientation::Orientation;
use crate::error::PixelsError;
use crate::limits::{Limits, Promise};
use crate::rgb_image::RgbImage;

// Values of the tag `PhotometricInterpretation`.
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u16 = 3;
/// Value of the tag `ExtraSamples`: the colours are already multiplied by the alpha.
const ASSOCIATED_ALPHA: u16 = 1;
/// Bytes of the tables that the decoder may read for one tag.
const TAG_LIMIT: usize = 1 << 20;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, PixelsError> {
    let directory = Directory::first(bytes).ok_or_else(|| match bytes {
        [_, _, 43, _, ..] | [_, _, _, 43, ..] => unsupported("a 64-bit file (BigTIFF)"),
        _ => undecodable("the file is cut short"),
    })?;
    // The codec takes memory for the values of a tag by their claimed number.
    if let Some(tag) = directory.first_lie() {
        return Err(undecodable(format!("the tag {tag} claims more bytes than the file has")));
    }
    let mut decoder = open(bytes, limits)?;
    let photometric: Option<u16> =
        decoder.find_tag_unsigned(Tag::PhotometricInterpretation).map_err(error)?;
    let data = if photometric == Some(PALETTE) {
        let colours = palette(&mut decoder)?;
        let as_grey = with_photometric(bytes, &directory, BLACK_IS_ZERO)
            .ok_or_else(|| undecodable("its directory cannot be read"))?;
        let mut decoder = open(&as_grey, limits)?;
        let (samples, colour) = read(&mut decoder, limits, SmallDepths::Keep)?;
        match colour {
            ColorType::Gray(1..=8) => palette_to_rgb(&samples, &colours),
            other => return Err(unsupported(format!("a palette with {other:?} indices"))),
        }
    } else {
        let alpha = decoder
            .find_tag_unsigned_vec::<u16>(Tag::ExtraSamples)
            .map_err(error)?
            .and_then(|kinds| kinds.first().copied());
        let (mut samples, colour) = read(&mut decoder, limits, SmallDepths::Scale)?;
        if alpha == Some(ASSOCIATED_ALPHA) {
            divide_by_alpha(&mut samples, colour);
        }
        to_rgb(samples, colour)?
    };
    let (width, height) = decoder.dimensions().map_err(error)?;
    Ok(Decoded {
        image: RgbImage::from_raw(width, height, data)
            .map_err(|error| undecodable(error.to_string()))?,
        orientation: Orientation::from_exif(bytes),
    })
}

fn open<'bytes>(
    bytes: &'bytes [u8],
    limits: &Limits,
) -> Result<Decoder<Cursor<&'bytes [u8]>>, PixelsError> {
    let memory = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    let mut codec_limits = tiff::decoder::Limits::default();
    codec_limits.decoding_buffer_size = memory;
    codec_limits.intermediate_buffer_size = memory;
    codec_limits.ifd_value_size = TAG_LIMIT;
    Ok(Decoder::new(Cursor::new(bytes)).map_err(error)?.with_limits(codec_limits))
}

/// What becomes of samples with fewer than 8 bits.
#[derive(Clone, Copy)]
enum SmallDepths {
    /// The number as it is: an index.
    Keep,
    /// Stretched to 0..=255: a grey.
    Scale,
}

/// The first page as interleaved 8-bit samples.
fn read(
    decoder: &mut Decoder<Cursor<&[u8]>>,
    limits: &Limits,
    small: SmallDepths,
) -> Result<(Vec<u8>, ColorType), PixelsError> {
    let (width, height) = decoder.dimensions().map_err(error)?;
    let colour = decoder.colortype().map_err(error)?;
    let channels = u64::from(colour.num_samples());
    let depth = u64::from(colour.bit_depth());
    // As stored; interleaved or cut to 8 bits beside it; RGB.
    let bytes_per_pixel = 2 * channels * depth.div_ceil(8) + 3;
    let format = Format::Tiff;
    limits.admit(Promise { format, width, height, bytes_per_pixel })?;
    // A strip or tile is decoded row by row, and its rows may be wider than the picture.
    let (chunk_width, _) = decoder.chunk_dimensions();
    limits.admit(Promise { format, width: chunk_width, height: 1, bytes_per_pixel })?;

    let mut stored = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut stored).map_err(error)?;
    let samples = match stored {
        DecodingResult::U8(samples) => samples,
        DecodingResult::U16(samples) => high_bytes(&samples),
        _ => return Err(unsupported("samples that are no integers of up to 16 bits")),
    };
    let samples = match (colour, layout.row_stride) {
        (ColorType::Gray(bits @ (1 | 2 | 4)), Some(stride)) => {
            unpack(&samples, stride.get(), width as usize, bits, small)
        }
        (colour, _) if colour.bit_depth() < 8 => {
            return Err(unsupported(format!("{colour:?} samples")));
        }
        _ if layout.planes > 1 => interleave(&samples, layout.planes),
        _ => samples,
    };
    Ok((samples, colour))
}

fn to_rgb(samples: Vec<u8>, colour: ColorType) -> Result<Vec<u8>, PixelsError> {
    Ok(match colour {
        ColorType::Gray(_) => grey_to_rgb(&samples),
        ColorType::GrayA(_) | ColorType::Multiband { num_samples: 2, .. } => {
            grey_alpha_to_rgb(&samples)
        }
        ColorType::RGB(_) => samples,
        ColorType::RGBA(_) => rgba_to_rgb(samples),
        ColorType::CMYK(_) => cmyk_to_rgb(&samples),
        other => return Err(unsupported(format!("{other:?} samples"))),
    })
}

/// Rows of packed 1-, 2- or 4-bit samples to one byte each.
fn unpack(rows: &[u8], stride: usize, width: usize, bits: u8, small: SmallDepths) -> Vec<u8> {
    let per_byte = usize::from(8 / bits);
    let most = (1_u8 << bits) - 1;
    let factor = match small {
        SmallDepths::Keep => 1,
        SmallDepths::Scale => 255 / most,
    };
    rows.chunks_exact(stride)
        .flat_map(|row| {
            (0..width).map(move |x| {
                let shift = 8 - bits - bits * (x % per_byte) as u8;
                ((row[x / per_byte] >> shift) & most) * factor
            })
        })
        .collect()
}

/// Planes one after another to interleaved samples.
fn interleave(samples: &[u8], planes: usize) -> Vec<u8> {
    let area = samples.len() / planes;
    (0..area * planes).map(|index| samples[(index % planes) * area + index / planes]).collect()
}

/// Undoes the multiplication by alpha as Pillow's unpacker of premultiplied modes does.
fn divide_by_alpha(samples: &mut [u8], colour: ColorType) {
    let channels = usize::from(colour.num_samples());
    if ![2, 4].contains(&channels) || matches!(colour, ColorType::CMYK(_)) {
        return;
    }
    for pixel in samples.chunks_exact_mut(channels) {
        let (alpha, colours) = pixel.split_last_mut().expect("a pixel has two or four samples");
        for sample in colours {
            let divided = (u32::from(*sample) * 255).checked_div(u32::from(*alpha));
            *sample = divided.unwrap_or(0).min(255) as u8;
        }
    }
}

/// The colour map: all reds, all greens, all blues, 16 bits each, of which the high byte counts.
fn palette(decoder: &mut Decoder<Cursor<&[u8]>>) -> Result<Vec<[u8; 3]>, PixelsError> {
    let map = high_bytes(&decoder.get_tag_u16_vec(Tag::ColorMap).map_err(error)?);
    let size = map.len() / 3;
    Ok((0..size).map(|index| [0, 1, 2].map(|channel| map[channel * size + index])).collect())
}

/// A copy of the file with another `PhotometricInterpretation`: the codec does not read palette
/// pictures, but it reads the indices when they are called grey.
fn with_photometric(bytes: &[u8], directory: &Directory<'_>, photometric: u16) -> Option<Vec<u8>> {
    let at = directory.value_position(Tag::PhotometricInterpretation.to_u16())?;
    let mut copy = bytes.to_vec();
    copy.get_mut(at..at + 2)?.copy_from_slice(&directory.short_bytes(photometric));
    Some(copy)
}

fn error(error: TiffError) -> PixelsError {
    match error {
        TiffError::UnsupportedError(error) => unsupported(error.to_string()),
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            undecodable("the file is cut short")
        }
        error => undecodable(error.to_string()),
    }
}

fn unsupported(what: impl AsRef<str>) -> PixelsError {
    PixelsError::unsupported(Format::Tiff, what.as_ref())
}

fn undecodable(reason: impl AsRef<str>) -> PixelsError {
    PixelsError::undecodable(Format::Tiff, reason.as_ref())
}
