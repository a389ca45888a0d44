//! The first frame of a GIF, on the canvas that Pillow gives it.
//!
//! A first frame may be smaller than the canvas or reach beyond it. As in Pillow the canvas grows
//! to hold the frame, and what the frame leaves open has the transparent index, or index 0 when
//! there is none.

use std::io::Cursor;

use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use super::Decoded;
use super::colour::{palette_to_rgb, rgba_on_white};
use super::format::Format;
use super::orientation::Orientation;
use crate::error::PixelsError;
use crate::limits::{Limits, Promise};
use crate::rgb_image::RgbImage;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, PixelsError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // The canvas is admitted below, before any frame is decoded.
    options.set_memory_limit(MemoryLimit::Unlimited);
    let mut decoder = options.read_info(Cursor::new(bytes)).map_err(error)?;
    let canvas = (decoder.width(), decoder.height());
    let frame = decoder
        .next_frame_info()
        .map_err(error)?
        .ok_or_else(|| undecodable("there is no frame in it"))?;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let (frame_width, frame_height) = (usize::from(frame.width), usize::from(frame.height));
    let transparent = frame.transparent;
    let width = usize::from(canvas.0).max(left + frame_width);
    let height = usize::from(canvas.1).max(top + frame_height);
    if frame_width == 0 || frame_height == 0 {
        return Err(undecodable(format!("its frame has {frame_width}x{frame_height} pixels")));
    }
    // Indices of the frame, indices of the canvas, RGB.
    let promise = Promise {
        format: Format::Gif,
        width: width as u32,
        height: height as u32,
        bytes_per_pixel: 5,
    };
    limits.admit(promise)?;

    let mut indices = vec![0; frame_width * frame_height];
    decoder.read_into_buffer(&mut indices).map_err(error)?;
    let mut palette = decoder.palette().map_err(error)?.as_chunks::<3>().0.to_vec();
    if let Some(index) = transparent {
        // Whatever its colour: a fully transparent pixel is white.
        palette.resize(palette.len().max(usize::from(index) + 1), [0; 3]);
        palette[usize::from(index)] = rgba_on_white([0, 0, 0, 0]);
    }
    if (frame_width, frame_height) != (width, height) {
        let mut canvas = vec![transparent.unwrap_or(0); width * height];
        let rows = canvas.chunks_exact_mut(width).skip(top);
        for (target, source) in rows.zip(indices.chunks_exact(frame_width)) {
            target[left..left + frame_width].copy_from_slice(source);
        }
        indices = canvas;
    }
    Ok(Decoded {
        image: RgbImage::from_raw(width as u32, height as u32, palette_to_rgb(&indices, &palette))
            .map_err(|error| undecodable(error.to_string()))?,
        orientation: Orientation::Upright,
    })
}

fn error(error: DecodingError) -> PixelsError {
    undecodable(match error {
        DecodingError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the file is cut short".to_owned()
        }
        error => error.to_string(),
    })
}

fn undecodable(reason: impl AsRef<str>) -> PixelsError {
    PixelsError::undecodable(Format::Gif, reason.as_ref())
}
