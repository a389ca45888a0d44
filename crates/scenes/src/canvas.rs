//! The picture while it is made: linear arithmetic on gamma-coded values from 0 to 1, as browsers composite.

use pixels::RgbImage;

use crate::random::Random;

/// Red, green, blue from 0 to 1.
pub(crate) type Rgb = [f32; 3];

pub(crate) const WHITE: Rgb = [1.0, 1.0, 1.0];

/// A square picture.
pub(crate) struct Canvas {
    pub(crate) side: usize,
    /// `[side * side]`.
    pub(crate) pixels: Vec<Rgb>,
}

/// Luminance of a colour, 0 to 1.
pub(crate) fn luminance(colour: Rgb) -> f32 {
    0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]
}

/// `share` of the way from `from` to `to`.
pub(crate) fn between(from: Rgb, to: Rgb, share: f32) -> Rgb {
    [0, 1, 2].map(|c| from[c] + (to[c] - from[c]) * share)
}

/// A colour from hue in degrees from 0 to 360, saturation and value from 0 to 1.
pub(crate) fn from_hsv(hue: f32, saturation: f32, value: f32) -> Rgb {
    [5.0, 3.0, 1.0].map(|n: f32| {
        let place = n + hue / 60.0;
        let k = place - 6.0 * (place / 6.0).floor();
        value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0)
    })
}

/// Any colour, saturated ones as often as pale ones.
pub(crate) fn any_colour(random: &mut Random) -> Rgb {
    from_hsv(random.within(0.0, 360.0), random.unit(), random.within(0.1, 1.0))
}

impl Canvas {
    pub(crate) fn filled(side: usize, colour: Rgb) -> Self {
        Self { side, pixels: vec![colour; side * side] }
    }

    /// The mean colour.
    pub(crate) fn mean(&self) -> Rgb {
        let mut sum = [0.0; 3];
        for pixel in &self.pixels {
            for c in 0..3 {
                sum[c] += pixel[c];
            }
        }
        sum.map(|value| value / self.pixels.len() as f32)
    }

    /// The picture in 8 bits.
    ///
    /// # Panics
    /// Never: the side is above zero.
    pub(crate) fn picture(&self) -> RgbImage {
        // Added to 2^23 a number is rounded, and stands in the lowest bits: faster than a conversion, which checks.
        let coded = |value: &f32| (value.clamp(0.0, 1.0) * 255.0 + 8_388_608.0).to_bits() as u8;
        let data = self.pixels.as_flattened().iter().map(coded).collect();
        let side = self.side as u32;
        RgbImage::from_raw(side, side, data).expect("a square of the canvas's pixels")
    }
}
