//! Decode, resize and patches of a 1000x750 photo-like picture.
//!
//!     cargo bench -p pixels
//!
//! The comparison with other libraries is in `benches/pixels`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use pixels::{
    Filter, Isa, Limits, PassOrder, Preprocessor, Resizer, RgbImage, decode, patch_count,
    write_patches,
};

const WIDTH: u32 = 1000;
const HEIGHT: u32 = 750;
const SIDE: u32 = 256;

/// Slow waves with fine grain on them: what a photo looks like to a codec.
fn photo_like() -> RgbImage {
    let mut grain = 0x9e37_79b9_u32;
    let mut samples = Vec::new();
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let (x, y) = (f64::from(x) / 1000.0, f64::from(y) / 750.0);
            for phase in [0.0, 1.3, 2.9] {
                grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let wave = 70.0 * (9.0 * x + 5.0 * y * y + phase).sin()
                    + 30.0 * (61.0 * x * y + phase).sin();
                let sample = 128.0 + wave + f64::from(grain >> 27) - 16.0;
                samples.push(sample.clamp(0.0, 255.0) as u8);
            }
        }
    }
    RgbImage::from_raw(WIDTH, HEIGHT, samples).expect("the shape is that of the loops")
}

fn as_png(image: &RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, image.width(), image.height());
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header goes into memory");
    writer.write_image_data(image.data()).expect("rows go into memory");
    drop(writer);
    file
}

fn as_jpeg(image: &RgbImage) -> Vec<u8> {
    const QUALITY: u8 = 90;
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder
        .encode(image.data(), image.width() as u16, image.height() as u16, ColorType::Rgb)
        .expect("blocks go into memory");
    file
}

fn pixels(criterion: &mut Criterion) {
    let image = photo_like();
    let limits = Limits::default();
    for (name, file) in [("png", as_png(&image)), ("jpeg", as_jpeg(&image))] {
        criterion.bench_function(&format!("decode {name} 1000x750"), |bencher| {
            bencher.iter(|| decode(black_box(&file), &limits).expect("it is a picture"));
        });
    }
    for isa in Isa::available() {
        for (name, filter) in [("bicubic", Filter::Bicubic), ("bilinear", Filter::Bilinear)] {
            let mut resizer = Resizer::new(isa);
            criterion.bench_function(&format!("resize {name} 1000x750 to 256 {isa}"), |bencher| {
                bencher.iter(|| {
                    resizer.resize(black_box(&image), SIDE, SIDE, filter, PassOrder::Pillow13)
                });
            });
        }
    }
    let small = Preprocessor::new(SIDE, SIDE).resize(&image);
    let mut patches = vec![0.0; patch_count(&small, 16) * 3 * 16 * 16];
    criterion.bench_function("patches 256x256 by 16", |bencher| {
        bencher.iter(|| {
            write_patches(black_box(&small), 16, 0, [0.5; 3], [0.5; 3], black_box(&mut patches));
        });
    });
}

criterion_group!(benches, pixels);
criterion_main!(benches);
