//! Tiny pictures of every format and mode against Pillow's `exif_transpose` and transformers'
//! `convert_to_rgb`.

use pixels::{Limits, RgbImage, decode};

use crate::goldens::{bytes, cases, noise, number, sha256, text};

#[test]
fn every_lossless_picture_equals_the_reference_to_the_bit() {
    let mut wrong = Vec::new();
    for case in cases("conversions.json") {
        let Some(expected) = case["sha256"].as_str() else {
            continue;
        };
        let name = text(&case["name"]);
        match decode(&bytes(&format!("conversions/{name}")), &Limits::default()) {
            Ok(image) => {
                if (image.width(), image.height())
                    != (number(&case["width"]), number(&case["height"]))
                    || sha256(image.data()) != expected
                {
                    wrong.push(format!("{name}: other pixels, {image:?}"));
                }
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Measured with zune-jpeg 0.5.15 against libjpeg-turbo 3.2.0 and image 0.25.10 against Pillow
/// 13.0.0 on the committed pictures; the limits leave the mean a quarter of slack and the largest
/// difference one level.
#[test]
fn every_lossy_picture_is_within_the_measured_distance_of_the_reference() {
    let mut wrong = Vec::new();
    for case in cases("conversions.json").iter().filter(|case| case["sha256"].is_null()) {
        let name = text(&case["name"]);
        let image = decode(&bytes(&format!("conversions/{name}")), &Limits::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = RgbImage::from_raw(
            number(&case["width"]),
            number(&case["height"]),
            bytes(&format!("conversions/{name}.rgb")),
        )
        .unwrap();
        let distance = Distance::between(&image, &expected);
        let limit = allowed(name);
        if distance.largest > limit.largest || distance.mean > limit.mean {
            wrong.push(format!("{name}: {distance:?}, allowed {limit:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn allowed(name: &str) -> Distance {
    match name {
        // Measured: 0 and 0.
        "rgb_lossy.webp" | "rgba_lossy.webp" => Distance { largest: 0, mean: 0.0 },
        // Measured: 1 and 0.502 (a cut against a rounding).
        "rgb555.bmp" | "rgb565.bmp" => Distance { largest: 1, mean: 0.63 },
        // Measured: 3 and 0.382 (the chroma is interpolated in another way).
        "rgb_420.jpeg" | "rgb_420_progressive.jpeg" | "rgb_restart.jpeg" => {
            Distance { largest: 4, mean: 0.48 }
        }
        // Measured: 3 and 0.181.
        "rgb_422.jpeg" | "rgb_422_progressive.jpeg" => Distance { largest: 4, mean: 0.23 },
        // Measured: at most 2 and 0.0101 (the inverse transform and the colour conversion).
        _ => Distance { largest: 3, mean: 0.0126 },
    }
}

#[derive(Debug)]
struct Distance {
    largest: u8,
    mean: f64,
}

impl Distance {
    fn between(one: &RgbImage, other: &RgbImage) -> Self {
        assert_eq!((one.width(), one.height()), (other.width(), other.height()));
        let differences = one.data().iter().zip(other.data()).map(|(a, b)| a.abs_diff(*b));
        let sum: f64 = differences.clone().map(f64::from).sum();
        Self {
            largest: differences.max().expect("a picture has samples"),
            mean: sum / one.data().len() as f64,
        }
    }
}

#[test]
fn the_second_frame_of_an_animation_does_not_show() {
    let limits = Limits::default();
    let still = decode(&bytes("conversions/rgb.png"), &limits).unwrap();
    for name in ["animated.png", "animated.webp", "two_pages.tiff"] {
        let first = decode(&bytes(&format!("conversions/{name}")), &limits).unwrap();
        assert_eq!(first.data(), still.data(), "{name}");
    }
}

#[test]
fn of_16_bit_grey_the_high_byte_is_kept() {
    // Pillow clips these to white; docs/NUMERICS.md states the deviation.
    let image = decode(&grey16_png(), &Limits::default()).unwrap();
    let expected: Vec<u8> =
        noise(23, 17, 2).chunks_exact(2).flat_map(|sample| [sample[0]; 3]).collect();
    assert_eq!(image.data(), expected);
}

fn grey16_png() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 23, 17);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Sixteen);
    encoder.write_header().unwrap().write_image_data(&noise(23, 17, 2)).unwrap();
    file
}

/// All pairs of a sample and an alpha, or a black, go through the decoder at once.
#[test]
fn alpha_and_ink_arithmetic_equals_pillow_for_every_pair_of_values() {
    for case in cases("colour.json") {
        let image = decode(&all_pairs(text(&case["mode"])), &Limits::default()).unwrap();
        assert_eq!(sha256(image.data()), text(&case["sha256"]), "{}", case["mode"]);
    }
}

fn all_pairs(mode: &str) -> Vec<u8> {
    let pairs = (0..=255_u8).flat_map(|sample| (0..=255_u8).map(move |other| (sample, other)));
    let four = |(sample, other): (u8, u8)| [sample, 255 - sample, sample ^ 0x55, other];
    let (colour, samples): (png::ColorType, Vec<u8>) = match mode {
        "LA" => (
            png::ColorType::GrayscaleAlpha,
            pairs.flat_map(|(sample, alpha)| [sample, alpha]).collect(),
        ),
        "RGBA" => (png::ColorType::Rgba, pairs.flat_map(four).collect()),
        "CMYK" => {
            let mut file = std::io::Cursor::new(Vec::new());
            let samples: Vec<u8> = pairs.flat_map(four).collect();
            tiff::encoder::TiffEncoder::new(&mut file)
                .unwrap()
                .write_image::<tiff::encoder::colortype::CMYK8>(256, 256, &samples)
                .unwrap();
            return file.into_inner();
        }
        other => panic!("unknown mode {other}"),
    };
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 256, 256);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&samples).unwrap();
    file
}
