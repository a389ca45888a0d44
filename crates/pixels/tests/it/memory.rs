//! Decoding takes no more memory than its estimate, which is what `Limits::memory` is held against.

use pixels::{Limits, PixelsError, decode};
use tiff::encoder::{TiffEncoder, colortype};

use crate::allocation::{Measured, measured};
use crate::goldens::noise;

const SIDE: u32 = 700;
/// Decoder state that does not grow with the picture: windows, tables, a few rows.
const STATE: usize = 1 << 20;

#[test]
fn no_decoder_takes_more_memory_than_it_estimates() {
    let mut wrong = Vec::new();
    for (name, file) in files() {
        let refused = decode(&file, &Limits::default().with_memory(0)).unwrap_err();
        let PixelsError::TooMuchMemory { needed, .. } = refused else {
            panic!("{name}: {refused}");
        };
        let limits = Limits::default().with_memory(needed);
        let Measured { result, peak } = measured(|| decode(&file, &limits));
        let image = result.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((image.width(), image.height()), (SIDE, SIDE), "{name}");
        if peak > needed as usize + STATE {
            wrong.push(format!("{name} took {peak} bytes, {needed} were estimated"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Noise does not compress: the pictures are as large as their formats allow.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    use png::{BitDepth, ColorType};
    vec![
        ("grey png", png_file(ColorType::Grayscale, BitDepth::Eight, 1)),
        ("grey and alpha png", png_file(ColorType::GrayscaleAlpha, BitDepth::Eight, 2)),
        ("rgb png", png_file(ColorType::Rgb, BitDepth::Eight, 3)),
        ("rgba png", png_file(ColorType::Rgba, BitDepth::Eight, 4)),
        ("16-bit rgba png", png_file(ColorType::Rgba, BitDepth::Sixteen, 8)),
        ("sequential jpeg", jpeg_file(jpeg_encoder::ColorType::Rgb, 3, Scans::One)),
        ("progressive jpeg", jpeg_file(jpeg_encoder::ColorType::Rgb, 3, Scans::Progressive)),
        ("cmyk jpeg", jpeg_file(jpeg_encoder::ColorType::Cmyk, 4, Scans::One)),
        ("ycck jpeg", jpeg_file(jpeg_encoder::ColorType::CmykAsYcck, 4, Scans::Progressive)),
        ("rgb webp", webp_file(image_webp::ColorType::Rgb8, 3)),
        ("rgba webp", webp_file(image_webp::ColorType::Rgba8, 4)),
        ("grey tiff", tiff_file::<colortype::Gray8>(&noise(SIDE, SIDE, 1))),
        ("16-bit grey tiff", tiff_file::<colortype::Gray16>(&noise16(1))),
        ("16-bit rgb tiff", tiff_file::<colortype::RGB16>(&noise16(3))),
        ("rgba tiff", tiff_file::<colortype::RGBA8>(&noise(SIDE, SIDE, 4))),
        ("cmyk tiff", tiff_file::<colortype::CMYK8>(&noise(SIDE, SIDE, 4))),
        ("gif", gif_file()),
        ("bmp", bmp_file()),
    ]
}

fn noise16(channels: u64) -> Vec<u16> {
    noise(SIDE, SIDE, channels * 2)
        .as_chunks::<2>()
        .0
        .iter()
        .map(|bytes| u16::from_ne_bytes(*bytes))
        .collect()
}

fn png_file(colour: png::ColorType, depth: png::BitDepth, bytes_per_pixel: u64) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE, SIDE);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    let samples = noise(SIDE, SIDE, bytes_per_pixel);
    encoder.write_header().unwrap().write_image_data(&samples).unwrap();
    file
}

#[derive(Clone, Copy)]
enum Scans {
    One,
    Progressive,
}

fn jpeg_file(colour: jpeg_encoder::ColorType, channels: u64, scans: Scans) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
    encoder.set_progressive(matches!(scans, Scans::Progressive));
    let samples = noise(SIDE, SIDE, channels);
    encoder.encode(&samples, SIDE as u16, SIDE as u16, colour).unwrap();
    file
}

fn webp_file(colour: image_webp::ColorType, channels: u64) -> Vec<u8> {
    let mut file = Vec::new();
    image_webp::WebPEncoder::new(&mut file)
        .encode(&noise(SIDE, SIDE, channels), SIDE, SIDE, colour)
        .unwrap();
    file
}

fn tiff_file<C: colortype::ColorType>(samples: &[C::Inner]) -> Vec<u8>
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut file = std::io::Cursor::new(Vec::new());
    TiffEncoder::new(&mut file).unwrap().write_image::<C>(SIDE, SIDE, samples).unwrap();
    file.into_inner()
}

fn gif_file() -> Vec<u8> {
    let mut file = Vec::new();
    let side = SIDE as u16;
    let palette = noise(256, 1, 3);
    let mut encoder = gif::Encoder::new(&mut file, side, side, &palette).unwrap();
    let indices = noise(SIDE, SIDE, 1);
    encoder.write_frame(&gif::Frame::from_indexed_pixels(side, side, indices, None)).unwrap();
    drop(encoder);
    file
}

/// 32 bits a pixel, no compression.
fn bmp_file() -> Vec<u8> {
    let mut file = b"BM".to_vec();
    let samples = noise(SIDE, SIDE, 4);
    file.extend((54 + samples.len() as u32).to_le_bytes());
    file.extend([0_u32, 54, 40, SIDE, SIDE, 1 | 32 << 16, 0].map(u32::to_le_bytes).as_flattened());
    file.extend([samples.len() as u32, 0, 0, 0, 0].map(u32::to_le_bytes).as_flattened());
    file.extend(samples);
    file
}
