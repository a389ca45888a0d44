//! Distinct pictures of one kind, made beforehand.
//!
//! All have the photo's size, quality and kind of detail, so decoding one costs what decoding the photo of
//! `polysight bench` costs. A server may keep embeddings of bytes that it has seen; so each file has a comment, and each
//! request writes its own number there: no two requests of a run have the same bytes.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fs_err as fs;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::path::Path;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::random::Random;

/// The quality that `crates/cli/assets/photo.jpg` was written in.
const QUALITY: u8 = 90;
/// The base64 characters that a request overwrites.
pub(crate) const STAMP: usize = 16;
/// The bytes that they stand for.
const STAMP_BYTES: usize = STAMP / 4 * 3;
/// Where the stamp begins in the file: after the start of the picture, the marker and the length of the comment.
const STAMP_OFFSET: usize = 6;

/// A JPEG as base64, cut where a stamp goes between.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
    /// The size of the file.
    pub(crate) bytes: usize,
}

/// `count` pictures that differ in brightness, place and noise.
///
/// # Errors
/// When the photo cannot be read, decoded or encoded.
pub(crate) fn make(photo: &Path, count: usize, seed: u64) -> anyhow::Result<Vec<Picture>> {
    let photo = Photo::read(photo)?;
    (0..count as u64)
        .map(|number| photo.variant(seed.wrapping_mul(0x1_0001).wrapping_add(number)))
        .collect()
}

struct Photo {
    samples: Vec<u8>,
    width: usize,
    height: usize,
}

impl Photo {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(fs::read(path)?), options);
        let samples = decoder.decode().context("the photo cannot be decoded")?;
        let info = decoder.info().context("the photo has no size")?;
        let (width, height) = (usize::from(info.width), usize::from(info.height));
        ensure!(samples.len() == 3 * width * height, "the photo has not three samples a pixel");
        Ok(Self { samples, width, height })
    }

    fn variant(&self, seed: u64) -> anyhow::Result<Picture> {
        let mut random = Random::new(seed);
        let brightness = random.below(41) as i16 - 20;
        let right = random.below(self.width as u64) as usize;
        let down = random.below(self.height as u64) as usize;
        let mut samples = Vec::with_capacity(self.samples.len());
        let mut noise = 0;
        for y in 0..self.height {
            let row = 3 * self.width * ((y + down) % self.height);
            let row = &self.samples[row..][..3 * self.width];
            let (left, rest) = row.split_at(3 * right);
            for (i, &sample) in rest.iter().chain(left).enumerate() {
                if i % 32 == 0 {
                    noise = random.next();
                }
                // One in four samples goes up by one: pixels differ everywhere, the file keeps its size.
                let up = i16::from(noise & 3 == 3);
                noise >>= 2;
                samples.push((i16::from(sample) + brightness + up).clamp(0, 255) as u8);
            }
        }
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, QUALITY);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode(&samples, self.width as u16, self.height as u16, ColorType::Rgb)?;
        Ok(Picture::from_file(&file))
    }
}

impl Picture {
    fn from_file(file: &[u8]) -> Self {
        const COMMENT: [u8; 4] = [0xff, 0xfe, 0, 2 + STAMP_BYTES as u8];
        let (start, rest) = file.split_at(STAMP_OFFSET - COMMENT.len());
        let commented = [start, &COMMENT, &[0; STAMP_BYTES], rest].concat();
        let text = STANDARD.encode(&commented).into_bytes();
        let stamp = STAMP_OFFSET / 3 * 4;
        Self {
            before: text[..stamp].to_vec(),
            after: text[stamp + STAMP..].to_vec(),
            bytes: commented.len(),
        }
    }
}

/// The characters of a request's number; they are base64 as they are.
pub(crate) fn stamp(number: u64) -> [u8; STAMP] {
    let mut text = [0; STAMP];
    for (i, digit) in text.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * (STAMP - 1 - i))) as usize & 15];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../crates/cli/assets/photo.jpg")
    }

    fn file(picture: &Picture, number: u64) -> Vec<u8> {
        let text = [&picture.before[..], &stamp(number), &picture.after].concat();
        STANDARD.decode(text).unwrap()
    }

    fn pixels(file: &[u8]) -> Vec<u8> {
        JpegDecoder::new(ZCursor::new(file)).decode().unwrap()
    }

    #[test]
    fn a_seed_gives_the_same_pictures_and_another_seed_others() {
        let of = |seed| make(&photo(), 2, seed).unwrap().into_iter().map(|picture| picture.after);
        assert!(of(1).eq(of(1)));
        let (first, other) = (of(1).collect::<Vec<_>>(), of(2).collect::<Vec<_>>());
        assert_ne!(first[0], first[1]);
        assert!(other.iter().all(|picture| !first.contains(picture)));
    }

    #[test]
    fn the_pictures_are_of_the_size_of_the_photo() {
        let original = fs::read(photo()).unwrap();
        for picture in make(&photo(), 4, 5).unwrap() {
            let ratio = picture.bytes as f64 / original.len() as f64;
            assert!((0.9..1.1).contains(&ratio), "{} bytes", picture.bytes);
            assert_eq!(pixels(&file(&picture, 9)).len(), 3 * 1000 * 750);
        }
    }

    #[test]
    fn a_stamp_changes_the_bytes_and_not_the_picture() {
        let picture = &make(&photo(), 1, 3).unwrap()[0];
        let (one, two) = (file(picture, 1), file(picture, u64::MAX));
        assert_ne!(one, two);
        assert_eq!(pixels(&one), pixels(&two));
    }
}
