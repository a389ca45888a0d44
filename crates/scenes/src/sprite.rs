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
        let columns = Columns::new(tint, piece.kind);
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
                    if sample[0] + sample[3] > 0.0 {
                        *pixel = columns.apply(sample);
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

/// The level at (u, v), between its four nearest pixels, from 0 to 1; beyond the border there is nothing.
#[inline]
fn sample(level: &Level, u: f32, v: f32) -> [f32; 4] {
    let side = level.side as i32;
    let (x, y) = (below_of(u), below_of(v));
    let (right, below) = (u - x as f32, v - y as f32);
    let (left, above) = ((1.0 - right) * (1.0 / 255.0), 1.0 - below);
    let right = right * (1.0 / 255.0);
    let weights = [left * above, right * above, left * below, right * below];
    if x >= 0 && y >= 0 && x + 1 < side && y + 1 < side {
        let place = (y * side + x) as usize;
        let under = place + level.side;
        let [a, b] =
            [level.pixels[place], level.pixels[place + 1]].map(|pixel| pixel.map(f32::from));
        let [c, d] =
            [level.pixels[under], level.pixels[under + 1]].map(|pixel| pixel.map(f32::from));
        let [first, second, third, fourth] = weights;
        return std::array::from_fn(|i| {
            (a[i] * first + b[i] * second) + (c[i] * third + d[i] * fourth)
        });
    }
    let mut sum = [0.0; 4];
    for ((x, y), weight) in
        [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].into_iter().zip(weights)
    {
        if x >= 0 && y >= 0 && x < side && y < side {
            let tap = level.pixels[(y * side + x) as usize].map(f32::from);
            sum = std::array::from_fn(|i| sum[i] + tap[i] * weight);
        }
    }
    sum
}

/// The whole number below `value`, which lies between -1 and 2^20; of a whole number itself, it or the one below, which
/// for an interpolation is the same. Added to 2^23 a number is rounded and stands in the lowest bits: faster than a
/// conversion, which checks.
#[inline]
fn below_of(value: f32) -> i32 {
    (value + 0.5 + 8_388_608.0).to_bits() as i32 - 0x4b00_0001
}

/// [`Tint`] as columns: what each channel of a sample adds to the four of the result.
struct Columns {
    columns: [[f32; 4]; 4],
    kind: Kind,
}

impl Columns {
    fn new(tint: &Tint, kind: Kind) -> Self {
        let column = |c: usize| [tint.matrix[0][c], tint.matrix[1][c], tint.matrix[2][c], 0.0];
        let coloured =
            [column(0), column(1), column(2), [tint.offset, tint.offset, tint.offset, 1.0]];
        // Ink: by inside, inside and ink, nothing, ink.
        let straight = |colour: Rgb| [colour[0], colour[1], colour[2], 1.0];
        let under = tint.fill.map_or([0.0; 4], straight);
        let covered = under.map(|value| -value);
        let columns = match kind {
            Kind::Coloured => coloured,
            Kind::Ink => [under, covered, [0.0; 4], straight(tint.ink)],
        };
        Self { columns, kind }
    }

    #[inline]
    fn apply(&self, sample: [f32; 4]) -> [f32; 4] {
        let [r, mut g, b, a] = sample;
        if self.kind == Kind::Ink {
            g = r * a;
        }
        let [first, second, third, fourth] = &self.columns;
        let sum: [f32; 4] = std::array::from_fn(|i| {
            (first[i] * r + second[i] * g) + (third[i] * b + fourth[i] * a)
        });
        let alpha = sum[3];
        // Premultiplied colours lie between nothing and alpha.
        sum.map(|value| {
            let value = if value > alpha { alpha } else { value };
            if value > 0.0 { value } else { 0.0 }
        })
    }
}
