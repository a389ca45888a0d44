//! Changes the manner of a drawing, so that a model learns what is drawn rather than who drew it.

use crate::augment::Augmentation;
use crate::canvas::{Rgb, from_hsv};
use crate::random::{Random, sine_cosine};
use crate::sprite::{Layer, Tint};

/// Whether a drawing may take other hues.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hues {
    /// A red heart stays red.
    Keep,
    Vary,
}

/// A contour in near-black, as many vendors draw.
#[derive(Clone, Copy)]
pub(crate) struct Contour {
    /// How strongly edges inside the drawing darken, 0 to 1.
    inner: f32,
    /// How many pixels the contour reaches out.
    reach: usize,
    colour: f32,
}

/// What is done to a drawing after it is sampled.
pub(crate) struct Finish {
    levels: Option<f32>,
    contour: Option<Contour>,
}

/// Random colours for one drawing. `behind` is the luminance of what lies behind it.
pub(crate) fn tint(
    hues: Hues,
    behind: f32,
    augmentation: &Augmentation,
    random: &mut Random,
) -> Tint {
    let strength = augmentation.strength;
    let mut saturation = 1.0;
    let mut hue = 0.0;
    if random.chance(0.7 * strength) {
        saturation = random.within(0.6, 1.5);
    }
    if hues == Hues::Vary {
        if random.chance(0.5 * strength) {
            hue = random.near_zero(0.5);
        }
        if random.chance(0.05 * strength) {
            hue = random.within(-3.1, 3.1);
        }
        if random.chance(augmentation.grey) {
            saturation = 0.0;
        }
    }
    let mut contrast = 1.0;
    let mut brightness = 0.0;
    if random.chance(0.6 * strength) {
        contrast = random.within(0.7, 1.35);
        brightness = random.near_zero(0.2);
    }
    // Ink stands out from what lies behind it, whatever that is.
    let dark_ink = random.chance(0.6);
    let fill = random.chance(0.55).then(|| fill_colour(random));
    let ground = if fill.is_some() { 1.0 } else { behind };
    let ink = match (ground > 0.45, dark_ink) {
        (true, true) => [random.within(0.0, 0.15); 3],
        (true, false) => {
            from_hsv(random.within(0.0, 360.0), random.within(0.2, 1.0), random.within(0.1, 0.45))
        }
        (false, _) => {
            from_hsv(random.within(0.0, 360.0), random.within(0.0, 0.3), random.within(0.85, 1.0))
        }
    };
    Tint {
        matrix: colour_matrix(hue, saturation).map(|row| row.map(|value| value * contrast)),
        offset: 0.5 - 0.5 * contrast + brightness,
        ink,
        fill,
    }
}

/// Bright enough for dark ink to be read on it.
fn fill_colour(random: &mut Random) -> Rgb {
    from_hsv(random.within(0.0, 360.0), random.within(0.0, 0.8), random.within(0.8, 1.0))
}

/// Turns hues by `hue` radians around the grey axis and scales the distance from it by `saturation`; luminance stays.
fn colour_matrix(hue: f32, saturation: f32) -> [Rgb; 3] {
    const GREY: Rgb = [0.3, 0.59, 0.11];
    let turn = sine_cosine(hue);
    let third = 1.0 / 3.0;
    let root = 0.577_350_26 * turn.sine;
    let on = turn.cosine + (1.0 - turn.cosine) * third;
    let next = (1.0 - turn.cosine) * third;
    let rotation = [
        [on, next - root, next + root],
        [next + root, on, next - root],
        [next - root, next + root, on],
    ];
    let grey = |column: usize| -> f32 { (0..3).map(|row| GREY[row] * rotation[row][column]).sum() };
    // Rotation, then back to the luminance that the colour had, then away from grey.
    [0, 1, 2].map(|row: usize| {
        [0, 1, 2]
            .map(|column: usize| GREY[column] + saturation * (rotation[row][column] - grey(column)))
    })
}

impl Finish {
    pub(crate) fn random(augmentation: &Augmentation, random: &mut Random) -> Self {
        let levels = random.chance(augmentation.posterise).then(|| 2.0 + random.below(4) as f32);
        let contour = random.chance(augmentation.contour).then(|| Contour {
            inner: if random.chance(0.7) { random.within(0.4, 1.0) } else { 0.0 },
            reach: 1 + random.below(2),
            colour: random.within(0.0, 0.15),
        });
        Self { levels, contour }
    }

    /// Does it to a layer.
    pub(crate) fn apply(&self, layer: &mut Layer) {
        if let Some(levels) = self.levels {
            posterise(layer, levels);
        }
        if let Some(contour) = self.contour {
            // Two pixels of a small picture are a thick line.
            let reach = if layer.side < 96 { 1 } else { contour.reach };
            if contour.inner > 0.0 {
                darken_edges(layer, contour.inner, contour.colour);
            }
            for _ in 0..reach {
                surround(layer, contour.colour);
            }
        }
    }
}

/// Leaves `levels + 1` values of each colour.
fn posterise(layer: &mut Layer, levels: f32) {
    for row in layer.bounds.top..layer.bounds.bottom {
        let start = row * layer.side;
        for pixel in &mut layer.pixels[start + layer.bounds.left..start + layer.bounds.right] {
            let alpha = pixel[3];
            if alpha > 0.0 {
                for value in &mut pixel[..3] {
                    *value = (*value / alpha * levels + 0.5).floor() / levels * alpha;
                }
            }
        }
    }
}

/// Darkens where the luminance changes from one pixel to the next.
fn darken_edges(layer: &mut Layer, strength: f32, colour: f32) {
    let light = |pixel: &[f32; 4]| 0.3 * pixel[0] + 0.59 * pixel[1] + 0.11 * pixel[2];
    let side = layer.side;
    let bounds = layer.bounds;
    // Pixels are changed in reading order, and each looks only at the two that are read after it.
    for y in bounds.top..bounds.bottom.min(side - 1) {
        for x in bounds.left..bounds.right.min(side - 1) {
            let place = y * side + x;
            let here = layer.pixels[place];
            let right = layer.pixels[place + 1];
            let below = layer.pixels[place + side];
            if here[3] < 0.5 || right[3] < 0.5 || below[3] < 0.5 {
                continue;
            }
            let change =
                (light(&here) - light(&right)).abs().max((light(&here) - light(&below)).abs());
            let share = (3.0 * (change - 0.08)).clamp(0.0, 1.0) * strength;
            if share > 0.0 {
                let pixel = &mut layer.pixels[place];
                for value in &mut pixel[..3] {
                    *value += (colour * here[3] - *value) * share;
                }
            }
        }
    }
}

/// Surrounds what is drawn by a line one pixel wide.
fn surround(layer: &mut Layer, colour: f32) {
    let side = layer.side;
    layer.bounds = layer.bounds.grown(1, side);
    let bounds = layer.bounds;
    let width = bounds.right - bounds.left;
    let alpha = |layer: &Layer, x: usize, y: usize| layer.pixels[y * side + x][3];
    // Largest alpha of three in a row, then of three rows.
    let mut rows = vec![0.0_f32; width * (bounds.bottom - bounds.top)];
    for y in bounds.top..bounds.bottom {
        for x in bounds.left..bounds.right {
            let left = alpha(layer, x.saturating_sub(1), y);
            let right = alpha(layer, (x + 1).min(side - 1), y);
            rows[(y - bounds.top) * width + x - bounds.left] =
                alpha(layer, x, y).max(left).max(right);
        }
    }
    let height = bounds.bottom - bounds.top;
    for y in 0..height {
        for x in 0..width {
            let above = rows[y.saturating_sub(1) * width + x];
            let below = rows[(y + 1).min(height - 1) * width + x];
            let most = rows[y * width + x].max(above).max(below);
            let pixel = &mut layer.pixels[(y + bounds.top) * side + x + bounds.left];
            let more = most - pixel[3];
            if more > 0.0 {
                for value in &mut pixel[..3] {
                    *value += colour * more;
                }
                pixel[3] = most;
            }
        }
    }
}
