//! What lies behind: plain, gradients, clouds, patterns.

use crate::canvas::{Canvas, Rgb, WHITE, any_colour, between, from_hsv};
use crate::random::{Random, sine_cosine};

/// The kinds of background and how often each is taken.
#[derive(Clone, Copy)]
enum Kind {
    White,
    Light,
    Any,
    Gradient,
    Radial,
    Clouds,
    Stripes,
    Checks,
}

const KINDS: &[Kind] = &[
    Kind::White,
    Kind::Light,
    Kind::Any,
    Kind::Gradient,
    Kind::Radial,
    Kind::Clouds,
    Kind::Stripes,
    Kind::Checks,
];
const WEIGHTS: &[f32] = &[0.32, 0.13, 0.13, 0.12, 0.06, 0.12, 0.06, 0.06];

/// A random background in colours that `acceptable` lets pass; where none of several tries passes, a plain one in
/// white, black or grey.
pub(crate) fn random(side: usize, random: &mut Random, acceptable: impl Fn(Rgb) -> bool) -> Canvas {
    for _ in 0..6 {
        let kind = KINDS[random.weighted(WEIGHTS)];
        let first = match kind {
            Kind::White => WHITE,
            Kind::Light => light(random),
            _ => any_colour(random),
        };
        // Nearby colours: a background is calmer than what stands on it.
        let second = between(first, any_colour(random), random.within(0.15, 0.6));
        if acceptable(first)
            && (matches!(kind, Kind::White | Kind::Light | Kind::Any) || acceptable(second))
        {
            return paint(kind, side, first, second, random);
        }
    }
    let plain = [WHITE, [0.05; 3], [0.5; 3], from_hsv(200.0, 0.3, 0.9), from_hsv(60.0, 0.3, 0.9)];
    let colour = plain.into_iter().find(|&colour| acceptable(colour)).unwrap_or(WHITE);
    Canvas::filled(side, colour)
}

fn light(random: &mut Random) -> Rgb {
    from_hsv(random.within(0.0, 360.0), random.within(0.0, 0.25), random.within(0.85, 1.0))
}

fn paint(kind: Kind, side: usize, first: Rgb, second: Rgb, random: &mut Random) -> Canvas {
    let mut canvas = Canvas::filled(side, first);
    match kind {
        Kind::White | Kind::Light | Kind::Any => {}
        Kind::Clouds => clouds(&mut canvas, first, second, random),
        Kind::Gradient => {
            let ramp = Ramp::random(side, random);
            shade(&mut canvas, |x, y| between(first, second, ramp.at(x, y) + 0.5));
        }
        Kind::Radial => {
            let (cx, cy) = (random.within(0.2, 0.8), random.within(0.2, 0.8));
            let scale = 1.0 / side as f32;
            shade(&mut canvas, |x, y| {
                let (dx, dy) = (x * scale - cx, y * scale - cy);
                between(first, second, (1.6 * (dx * dx + dy * dy).sqrt()).min(1.0))
            });
        }
        Kind::Stripes => {
            let ramp = Ramp::random(side, random);
            let count = random.within(3.0, 9.0);
            shade(&mut canvas, |x, y| between(first, second, wave(ramp.at(x, y) * count)));
        }
        Kind::Checks => {
            let ramp = Ramp::random(side, random);
            let count = random.within(2.0, 6.0);
            shade(&mut canvas, |x, y| {
                let across = wave(ramp.at(x, y) * count) - 0.5;
                let along = wave(ramp.across(x, y) * count) - 0.5;
                between(first, second, 2.0 * across * along + 0.5)
            });
        }
    }
    canvas
}

/// A steady rise over the picture in some direction, from about -0.5 to 0.5.
struct Ramp {
    dx: f32,
    dy: f32,
    half: f32,
}

impl Ramp {
    fn random(side: usize, random: &mut Random) -> Self {
        let turn = sine_cosine(random.within(-3.1, 3.1));
        let scale = 1.0 / side as f32;
        Self { dx: turn.cosine * scale, dy: turn.sine * scale, half: 0.5 * side as f32 }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        (x - self.half) * self.dx + (y - self.half) * self.dy
    }

    fn across(&self, x: f32, y: f32) -> f32 {
        (y - self.half) * self.dx - (x - self.half) * self.dy
    }
}

/// A square wave of period 1 with soft edges, from 0 to 1.
fn wave(place: f32) -> f32 {
    let phase = place - place.floor();
    let triangle = (2.0 * phase - 1.0).abs();
    (6.0 * (triangle - 0.5) + 0.5).clamp(0.0, 1.0)
}

fn shade(canvas: &mut Canvas, colour: impl Fn(f32, f32) -> Rgb) {
    let side = canvas.side;
    for (y, row) in canvas.pixels.chunks_exact_mut(side).enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            *pixel = colour(x as f32 + 0.5, y as f32 + 0.5);
        }
    }
}

/// Value noise: random points of a coarse grid, with straight lines between them.
fn clouds(canvas: &mut Canvas, first: Rgb, second: Rgb, random: &mut Random) {
    let cells = 2 + random.below(9);
    let points: Vec<Rgb> = (0..(cells + 1) * (cells + 1))
        .map(|_| {
            let tint = between(first, second, random.unit());
            tint.map(|value| value + random.near_zero(0.08))
        })
        .collect();
    let scale = cells as f32 / canvas.side as f32;
    shade(canvas, |x, y| {
        let (u, v) = (x * scale, y * scale);
        let (i, j) = ((u as usize).min(cells - 1), (v as usize).min(cells - 1));
        let (u, v) = (u - i as f32, v - j as f32);
        let corner = |i: usize, j: usize| points[j * (cells + 1) + i];
        let top = between(corner(i, j), corner(i + 1, j), u);
        let bottom = between(corner(i, j + 1), corner(i + 1, j + 1), u);
        between(top, bottom, v)
    });
}
