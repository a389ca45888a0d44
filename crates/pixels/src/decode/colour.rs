//! Samples of any kind to RGB, with Pillow's integer arithmetic.
//!
//! What it does not do: ICC profiles and gamma. The reference ignores them.

/// Grey to RGB: three times the same.
pub(super) fn grey_to_rgb(grey: &[u8]) -> Vec<u8> {
    grey.iter().flat_map(|&level| [level; 3]).collect()
}

/// Grey and alpha, interleaved, to RGB on white.
pub(super) fn grey_alpha_to_rgb(samples: &[u8]) -> Vec<u8> {
    samples
        .as_chunks::<2>()
        .0
        .iter()
        .flat_map(|&[grey, alpha]| [sample_on_white(grey, alpha); 3])
        .collect()
}

/// RGBA, interleaved, to RGB on white, in the same memory (which stays a third too large rather than
/// being copied).
pub(super) fn rgba_to_rgb(mut samples: Vec<u8>) -> Vec<u8> {
    let pixels = samples.len() / 4;
    for pixel in 0..pixels {
        let [red, green, blue, alpha] =
            *samples[pixel * 4..].first_chunk().expect("pixel < length / 4");
        let rgb = rgba_on_white([red, green, blue, alpha]);
        samples[pixel * 3..pixel * 3 + 3].copy_from_slice(&rgb);
    }
    samples.truncate(pixels * 3);
    samples
}

/// One RGBA pixel on white.
pub(super) fn rgba_on_white([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    [red, green, blue].map(|sample| sample_on_white(sample, alpha))
}

/// Pillow's `alpha_composite` over an opaque white pixel, which is what transformers 5.23
/// `convert_to_rgb` makes of any transparency.
///
/// Pillow weighs with 7 fraction bits: source by `alpha * 2^7`, white by the rest of `255 * 2^7`,
/// adds a half and divides by 255 with two shifts.
fn sample_on_white(sample: u8, alpha: u8) -> u8 {
    const FRACTION_BITS: u32 = 7;
    let source_weight = u32::from(alpha) << FRACTION_BITS;
    let white_weight = (255 << FRACTION_BITS) - source_weight;
    let sum = u32::from(sample) * source_weight + 255 * white_weight + (0x80 << FRACTION_BITS);
    ((((sum >> 8) + sum) >> 8) >> FRACTION_BITS) as u8
}

/// CMYK, interleaved, 255 = full ink, to RGB.
pub(super) fn cmyk_to_rgb(samples: &[u8]) -> Vec<u8> {
    samples.as_chunks::<4>().0.iter().flat_map(|&pixel| cmyk_pixel_to_rgb(pixel)).collect()
}

/// Pillow's `cmyk2rgb`: what the black lets through, less the share that the ink takes.
pub(super) fn cmyk_pixel_to_rgb([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let through = 255 - black;
    [cyan, magenta, yellow].map(|ink| through.saturating_sub(product_over_255(ink, through)))
}

/// `a * b / 255`, rounded, with Pillow's two shifts.
fn product_over_255(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    (((product >> 8) + product) >> 8) as u8
}

/// Palette indices to RGB through `palette`; an index past its end is black, as in Pillow.
pub(super) fn palette_to_rgb(indices: &[u8], palette: &[[u8; 3]]) -> Vec<u8> {
    let mut full = [[0; 3]; 256];
    for (entry, colour) in full.iter_mut().zip(palette) {
        *entry = *colour;
    }
    indices.iter().flat_map(|&index| full[usize::from(index)]).collect()
}

/// Keeps the high byte of each 16-bit sample.
pub(super) fn high_bytes(samples: &[u16]) -> Vec<u8> {
    samples.iter().map(|sample| (sample >> 8) as u8).collect()
}
