//! What happens to a whole picture, and how much of everything happens.

use crate::canvas::{Canvas, any_colour, between};
use crate::random::Random;

/// How strongly pictures are varied. Shares are probabilities from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Augmentation {
    /// Scales turns, shears, places and colours; 0 leaves drawings as they are, 1 is the default.
    pub strength: f32,
    /// Share of pictograms on a ground of colours, gradients and patterns; the others are on white.
    pub ground: f32,
    /// Share of drawings without colour (where the name has none).
    pub grey: f32,
    /// Share of drawings with few colours.
    pub posterise: f32,
    /// Share of drawings with a dark contour.
    pub contour: f32,
    /// Share of mirrored drawings among those that a mirror leaves their meaning.
    pub flip: f32,
    /// Share of blurred pictures.
    pub blur: f32,
    /// Share of pictures in coarse pixels.
    pub coarse: f32,
    /// Share of pictures with a rectangle missing.
    pub cutout: f32,
    /// Share of noisy pictures.
    pub noise: f32,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            strength: 1.0,
            ground: 1.0,
            grey: 0.08,
            posterise: 0.15,
            contour: 0.25,
            flip: 0.0,
            blur: 0.12,
            coarse: 0.06,
            cutout: 0.12,
            noise: 0.2,
        }
    }
}

impl Augmentation {
    /// Drawings as they are, in the middle of the picture.
    pub fn none() -> Self {
        Self {
            strength: 0.0,
            ground: 0.0,
            grey: 0.0,
            posterise: 0.0,
            contour: 0.0,
            flip: 0.0,
            blur: 0.0,
            coarse: 0.0,
            cutout: 0.0,
            noise: 0.0,
        }
    }

    /// The strength and every share of the default, times `factor`.
    pub fn times(factor: f32) -> Self {
        let Self { strength, ground, grey, posterise, contour, flip, blur, coarse, cutout, noise } =
            Self::default();
        Self {
            strength: strength * factor,
            ground: ground * factor,
            grey: grey * factor,
            posterise: posterise * factor,
            contour: contour * factor,
            flip: flip * factor,
            blur: blur * factor,
            coarse: coarse * factor,
            cutout: cutout * factor,
            noise: noise * factor,
        }
    }

    /// Every share and the strength with its name.
    pub(crate) fn shares(&self) -> [Share; 10] {
        let share = |name, value| Share { name, value };
        [
            share("strength", self.strength),
            share("ground", self.ground),
            share("grey", self.grey),
            share("posterise", self.posterise),
            share("contour", self.contour),
            share("flip", self.flip),
            share("blur", self.blur),
            share("coarse", self.coarse),
            share("cutout", self.cutout),
            share("noise", self.noise),
        ]
    }

    /// Does to a finished picture what lenses and sensors do.
    pub(crate) fn apply(&self, canvas: &mut Canvas, random: &mut Random) {
        if random.chance(self.cutout) {
            cut_out(canvas, random);
        }
        if random.chance(self.blur) {
            for _ in 0..=random.below(2) {
                blur(canvas);
            }
        }
        if random.chance(self.coarse) {
            coarsen(canvas);
        }
        if random.chance(self.noise) {
            let most = random.within(0.01, 0.08);
            add_noise(canvas, most, random);
        }
    }
}

/// A named number from 0 to 1.
pub(crate) struct Share {
    pub(crate) name: &'static str,
    pub(crate) value: f32,
}

/// Covers a rectangle of up to a third of the side.
fn cut_out(canvas: &mut Canvas, random: &mut Random) {
    let side = canvas.side;
    let length = |random: &mut Random| ((random.within(0.1, 0.33) * side as f32) as usize).max(1);
    let (width, height) = (length(random), length(random));
    let (left, top) = (random.below(side - width + 1), random.below(side - height + 1));
    let colour = between(canvas.mean(), any_colour(random), 0.5);
    for y in top..top + height {
        canvas.pixels[y * side + left..][..width].fill(colour);
    }
}

/// Mixes each pixel with its neighbours, one quarter, one half, one quarter, both ways.
fn blur(canvas: &mut Canvas) {
    let side = canvas.side;
    let mix = |before: [f32; 3], here: [f32; 3], after: [f32; 3]| {
        [0, 1, 2].map(|c| 0.25 * before[c] + 0.5 * here[c] + 0.25 * after[c])
    };
    for row in canvas.pixels.chunks_exact_mut(side) {
        let mut before = row[0];
        for x in 0..side {
            let here = row[x];
            row[x] = mix(before, here, row[(x + 1).min(side - 1)]);
            before = here;
        }
    }
    let mut above = canvas.pixels[..side].to_vec();
    for y in 0..side {
        for (x, above) in above.iter_mut().enumerate() {
            let here = canvas.pixels[y * side + x];
            let below = canvas.pixels[(y + 1).min(side - 1) * side + x];
            canvas.pixels[y * side + x] = mix(*above, here, below);
            *above = here;
        }
    }
}

/// Gives each block of two by two pixels its mean.
fn coarsen(canvas: &mut Canvas) {
    let side = canvas.side;
    for y in (0..side - 1).step_by(2) {
        for x in (0..side - 1).step_by(2) {
            let places =
                [y * side + x, y * side + x + 1, (y + 1) * side + x, (y + 1) * side + x + 1];
            let mean = [0, 1, 2]
                .map(|c| places.iter().map(|&place| canvas.pixels[place][c]).sum::<f32>() / 4.0);
            for place in places {
                canvas.pixels[place] = mean;
            }
        }
    }
}

/// Adds noise of at most `most` to each channel.
fn add_noise(canvas: &mut Canvas, most: f32, random: &mut Random) {
    let scale = most / 1_048_576.0;
    for pixel in &mut canvas.pixels {
        let mut bits = random.bits();
        for value in pixel {
            *value += ((bits & 0x1f_ffff) as f32 - 1_048_576.0) * scale;
            bits >>= 21;
        }
    }
}
