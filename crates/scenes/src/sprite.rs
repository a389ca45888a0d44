//! Puts a drawing onto a layer: turned, sheared, scaled, with its colours changed.

use crate::canvas::{Canvas, Rgb};
use crate::piece::{Kind, Level, Piece};
use crate::random::sine_cosine;

/// Premultiplied RGBA from 0 to 1, as large as the canvas, with the rectangle that is in use.
pub(crate) struct Layer {
    pub(crate) side: usize,
    pub(crate) pixels: Vec<[f32; 4]>,
    pub(crate) bounds: Bounds,
}

/// A rectangle of pixels, ends excluded.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) right: usize,
    pub(crate) bottom: usize,
}

impl Bounds {
    /// The rectangle with `margin` more on each side, within a square of `side`.
    pub(crate) fn grown(self, margin: usize, side: usize) -> Self {
        Self {
            left: self.left.saturating_sub(margin),
            top: self.top.saturating_sub(margin),
            right: (self.right + margin).min(side),
            bottom: (self.bottom + margin).min(side),
        }
    }
}

/// Whether a drawing is seen in a mirror.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mirror {
    No,
    Yes,
}

/// Where and how a drawing stands.
pub(crate) struct Placement {
    /// In pixels.
    pub(crate) centre: [f32; 2],
    /// Pixels that the drawing's square is wide.
    pub(crate) side: f32,
    /// Radians.
    pub(crate) angle: f32,
    pub(crate) shear: f32,
    /// Square root of width over height.
    pub(crate) aspect: f32,
    pub(crate) mirror: Mirror,
}

/// How a drawing's bytes become colours.
pub(crate) struct Tint {
    /// Rows of a matrix on red, green, blue.
    pub(crate) matrix: [Rgb; 3],
    /// Added to each.
    pub(crate) offset: f32,
    /// The colour of ink.
    pub(crate) ink: Rgb,
    /// What ink encloses is filled with this.
    pub(crate) fill: Option<Rgb>,
}

impl Layer {
    pub(crate) fn new(side: usize) -> Self {
        let bounds = Bounds { left: 0, top: 0, right: 0, bottom: 0 };
        Self { side, pixels: vec![[0.0; 4]; side * side], bounds }
    }

    /// Draws `piece` onto the empty layer.
    pub(crate) fn draw(&mut self, piece: &Piece, placement: &Placement, tint: &Tint) {
        let level = piece.level(placement.side);
        let side = level.side as f32;
        let turn = sine_cosine(placement.angle);
        let across = placement.side * placement.aspect;
        let across = if placement.mirror == Mirror::Yes { -across } else { across };
        let along = placement.side / placement.aspect;
        // From the drawing's unit square to the layer: shear and scale, then turn.
        let lean = placement.shear * placement.side;
        let [a, b] = [turn.cosine * across, turn.cosine * lean - turn.sine * along];
        let [c, d] = [turn.sine * across, turn.sine * lean + turn.cosine * along];
        let scale = side / (a * d - b * c);
        let half_width = 0.5 * (a.abs() + b.abs()) + 1.0;
        let half_height = 0.5 * (c.abs() + d.abs()) + 1.0;
        let [x, y] = placement.centre;
        let limit = |value: f32| (value.max(0.0) as usize).min(self.side);
        self.bounds = Bounds {
            left: limit((x - half_width).floor()),
            top: limit((y - half_height).floor()),
            right: limit((x + half_width).ceil()),
            bottom: limit((y + half_height).ceil()),
        };
        let [du, dv] = [d * scale, -c * scale];
        for row in self.bounds.top..self.bounds.bottom {
            let dy = row as f32 + 0.5 - y;
            let dx = self.bounds.left as f32 + 0.5 - x;
            // Coordinates whose whole numbers are the centres of the level's pixels.
            let mut u = (d * dx - b * dy) * scale + 0.5 * side - 0.5;
            let mut v = (a * dy - c * dx) * scale + 0.5 * side - 0.5;
            let start = row * self.side;
            for pixel in &mut self.pixels[start + self.bounds.left..start + self.bounds.right] {
                if u > -1.0 && v > -1.0 && u < side && v < side {
                    let sample = sample(level, u, v);
                    if sample != [0.0; 4] {
                        *pixel = tint.apply(piece.kind, sample);
                    }
                }
                u += du;
                v += dv;
            }
        }
    }

    /// Lays the layer over the canvas.
    pub(crate) fn composite(&self, canvas: &mut Canvas) {
        for row in self.bounds.top..self.bounds.bottom {
            let span = row * self.side + self.bounds.left..row * self.side + self.bounds.right;
            for (pixel, over) in canvas.pixels[span.clone()].iter_mut().zip(&self.pixels[span]) {
                let rest = 1.0 - over[3];
                for c in 0..3 {
                    pixel[c] = pixel[c] * rest + over[c];
                }
            }
        }
    }
}

/// The level at (u, v), between its four nearest pixels; beyond the border there is nothing.
fn sample(level: &Level, u: f32, v: f32) -> [f32; 4] {
    let side = level.side as isize;
    // `u` and `v` are above -1, so that adding 1 makes truncation a floor.
    let (x, y) = ((u + 1.0) as isize - 1, (v + 1.0) as isize - 1);
    let (right, below) = (u - x as f32, v - y as f32);
    let weights = [
        (1.0 - right) * (1.0 - below),
        right * (1.0 - below),
        (1.0 - right) * below,
        right * below,
    ];
    let mut sum = [0.0; 4];
    if x >= 0 && y >= 0 && x + 1 < side && y + 1 < side {
        let at = (y * side + x) as usize * 4;
        let below = at + level.side * 4;
        let (upper, lower) = (&level.data[at..at + 8], &level.data[below..below + 8]);
        for c in 0..4 {
            let above = weights[0] * f32::from(upper[c]) + weights[1] * f32::from(upper[c + 4]);
            let under = weights[2] * f32::from(lower[c]) + weights[3] * f32::from(lower[c + 4]);
            sum[c] = (above + under) * (1.0 / 255.0);
        }
        return sum;
    }
    let places = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)];
    for ((x, y), weight) in places.into_iter().zip(weights) {
        if x >= 0 && y >= 0 && x < side && y < side {
            let at = (y * side + x) as usize * 4;
            let tap: &[u8] = &level.data[at..at + 4];
            for c in 0..4 {
                sum[c] += weight * f32::from(tap[c]);
            }
        }
    }
    sum.map(|value| value * (1.0 / 255.0))
}

impl Tint {
    fn apply(&self, kind: Kind, sample: [f32; 4]) -> [f32; 4] {
        let [r, g, b, alpha] = match kind {
            Kind::Coloured => sample,
            Kind::Ink => self.inked(sample[0], sample[3]),
        };
        let colour = [0, 1, 2].map(|row| {
            let [x, y, z] = self.matrix[row];
            (x * r + y * g + z * b + self.offset * alpha).clamp(0.0, alpha)
        });
        [colour[0], colour[1], colour[2], alpha]
    }

    fn inked(&self, inside: f32, ink: f32) -> [f32; 4] {
        let under = self.fill.map_or(0.0, |_| inside * (1.0 - ink));
        let fill = self.fill.unwrap_or_default();
        let colour = [0, 1, 2].map(|c| self.ink[c] * ink + fill[c] * under);
        [colour[0], colour[1], colour[2], (ink + under).min(1.0)]
    }
}
