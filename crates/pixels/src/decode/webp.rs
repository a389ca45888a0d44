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
        limits.admit(Promise { format: Format::WebP, width, height, bytes_per_pixel: 8 })?;
    }
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(error)?;
    let (width, height) = decoder.dimensions();
    // Lossless needs RGBA beside the result; alpha adds its own plane; an animation its canvas.
    let layered = decoder.has_alpha() || decoder.is_animated();
    let bytes_per_pixel = if layered { 12 } else { 8 };
    limits.admit(Promise { format: Format::WebP, width, height, bytes_per_pixel })?;
    check_bitstreams(bytes, width, height)?;
    decoder.set_memory_limit(EXIF_LIMIT);
    let exif = decoder.exif_metadata().unwrap_or(None);

    let length = decoder.output_buffer_size().ok_or_else(|| error(DecodingError::ImageTooLarge))?;
    let mut samples = vec![0; length];
    decoder.read_image(&mut samples).map_err(error)?;
    let data = if decoder.has_alpha() { rgba_to_rgb(samples) } else { samples };
    Ok(Decoded {
        image: RgbImage::from_raw(width, height, data)
            .map_err(|error| undecodable(error.to_string()))?,
        orientation: exif.as_deref().map_or(Orientation::Upright, Orientation::from_exif),
    })
}

/// Width and height in the header of an extended file: 24 bits each, less one.
fn canvas(bytes: &[u8]) -> Option<[u32; 2]> {
    let header = bytes.get(12..30)?;
    let side = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]) + 1;
    header.starts_with(b"VP8X").then(|| [side(12), side(15)])
}

/// Refuses a lossy bitstream that is larger than the canvas: the codec would take memory for it
/// before it notices.
fn check_bitstreams(bytes: &[u8], width: u32, height: u32) -> Result<(), PixelsError> {
    /// Position, size, duration and flags of an animation frame, in front of its own chunks.
    const FRAME_HEADER: usize = 16;
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some(chunk) = Chunk::first(rest) {
        let frame = match &chunk.name {
            b"ANMF" => {
                // An alpha chunk may stand in front of the bitstream.
                let first = chunk.content.get(FRAME_HEADER..).and_then(Chunk::first);
                match first {
                    Some(alpha) if &alpha.name == b"ALPH" => Chunk::first(alpha.after),
                    first => first,
                }
            }
            _ => Some(chunk),
        };
        if let Some([wide, high]) = frame.and_then(|frame| frame.lossy_size())
            && (wide > width || high > height)
        {
            return Err(undecodable(format!(
                "a frame of {wide}x{high} pixels on a canvas of {width}x{height}"
            )));
        }
        rest = chunk.after;
    }
    Ok(())
}

/// A RIFF chunk. Its content runs on to the end of the file: the codec does not stop at the length
/// either, and here only the first bytes are read.
#[derive(Clone, Copy)]
struct Chunk<'bytes> {
    name: [u8; 4],
    content: &'bytes [u8],
    /// From the next chunk on.
    after: &'bytes [u8],
}

impl<'bytes> Chunk<'bytes> {
    fn first(bytes: &'bytes [u8]) -> Option<Self> {
        let (name, rest) = bytes.split_first_chunk::<4>()?;
        let (length, content) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        // Chunks begin at even places.
        let after = content.get(length.saturating_add(length % 2)..).unwrap_or_default();
        Some(Self { name: *name, content, after })
    }

    /// Width and height of a lossy bitstream: 14 bits each behind a tag and a start code.
    fn lossy_size(&self) -> Option<[u32; 2]> {
        let sides = self.content.get(6..10).filter(|_| &self.name == b"VP8 ")?;
        let side = |at: usize| u32::from(u16::from_le_bytes([sides[at], sides[at + 1]]) & 0x3fff);
        Some([side(0), side(2)])
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
    PixelsError::undecodable(Format::WebP, reason.as_ref())
}
