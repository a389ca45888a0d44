//! One drawing of one pictogram, kept at a few sizes so that it can be drawn small without flicker.

/// A square of four bytes a pixel.
#[derive(Clone)]
pub(crate) struct Level {
    pub(crate) side: usize,
    /// `[side * side]`: premultiplied RGBA, or for ink: inside, 0, 0, ink.
    pub(crate) pixels: Vec<[u8; 4]>,
}

/// What the bytes of a piece say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Premultiplied red, green, blue and alpha.
    Coloured,
    /// A drawing in black: how much ink lies on a pixel, and whether the pixel is enclosed by ink (then it can be
    /// filled with a colour, as outlined artwork is).
    Ink,
}

/// One drawing.
pub(crate) struct Piece {
    pub(crate) kind: Kind,
    /// Each half the side of the one before.
    pub(crate) levels: Vec<Level>,
    /// Mean luminance of what is drawn, 0 to 1.
    pub(crate) luminance: f32,
}

/// Below this side a level is of no use.
const SMALLEST: usize = 16;

impl Piece {
    /// A piece from straight RGBA of `[side, side, 4]`, kept at `kept` pixels a side.
    pub(crate) fn new(side: usize, rgba: &[u8], kept: usize) -> Self {
        let mut premultiplied: Vec<f32> = Vec::with_capacity(rgba.len());
        for pixel in rgba.as_chunks::<4>().0 {
            let alpha = f32::from(pixel[3]) / 255.0;
            premultiplied.extend(pixel[..3].iter().map(|&value| f32::from(value) * alpha));
            premultiplied.push(f32::from(pixel[3]));
        }
        let base = reduce(&premultiplied, side, kept);
        let kind = if is_black(&base) { Kind::Ink } else { Kind::Coloured };
        let luminance = luminance(&base);
        let mut first = Level { side: kept, pixels: base };
        if kind == Kind::Ink {
            mark_inside(&mut first);
        }
        let mut levels = vec![first];
        while let Some(last) = levels.last().filter(|last| last.side / 2 >= SMALLEST) {
            let half = last.side / 2;
            let values: Vec<f32> =
                last.pixels.as_flattened().iter().map(|&value| f32::from(value)).collect();
            levels.push(Level { side: half, pixels: reduce(&values, last.side, half) });
        }
        Self { kind, levels, luminance }
    }

    /// The level to draw from when the whole piece is to be `side` pixels wide: the smallest that is still larger.
    pub(crate) fn level(&self, side: f32) -> &Level {
        let fits = |level: &&Level| level.side as f32 >= 0.8 * side;
        self.levels.iter().rev().find(fits).unwrap_or(&self.levels[0])
    }
}

/// Box filter from `from` to `to` pixels a side, four channels; shares of border pixels are exact.
fn reduce(values: &[f32], from: usize, to: usize) -> Vec<[u8; 4]> {
    let spans: Vec<Vec<(usize, f32)>> = (0..to).map(|place| shares(place, from, to)).collect();
    let mut rows = vec![0.0; from * to * 4];
    for y in 0..from {
        for (x, span) in spans.iter().enumerate() {
            for &(source, share) in span {
                for c in 0..4 {
                    rows[(y * to + x) * 4 + c] += share * values[(y * from + source) * 4 + c];
                }
            }
        }
    }
    let mut reduced = vec![0_u8; to * to * 4];
    for (y, span) in spans.iter().enumerate() {
        for x in 0..to * 4 {
            let sum: f32 =
                span.iter().map(|&(source, share)| share * rows[source * to * 4 + x]).sum();
            reduced[y * to * 4 + x] = (sum + 0.5) as u8;
        }
    }
    reduced.as_chunks::<4>().0.to_vec()
}

/// The source pixels that target pixel `place` covers, with their shares, which sum to 1.
fn shares(place: usize, from: usize, to: usize) -> Vec<(usize, f32)> {
    let scale = from as f32 / to as f32;
    if scale < 1.0 {
        // Enlarging: the nearest pixel is enough, artwork is prepared larger than it is kept.
        return vec![(((place as f32 + 0.5) * scale) as usize, 1.0)];
    }
    let start = place as f32 * scale;
    let end = (start + scale).min(from as f32);
    let covered = |source: usize| {
        let low = (source as f32).max(start);
        let high = ((source + 1) as f32).min(end);
        (source, (high - low) / (end - start))
    };
    let last = (end.ceil() as usize).min(from);
    (start as usize..last).map(covered).filter(|(_, share)| *share > 0.0).collect()
}

/// Whether all that is visible is black.
fn is_black(pixels: &[[u8; 4]]) -> bool {
    pixels.iter().all(|pixel| pixel[0].max(pixel[1]).max(pixel[2]) <= pixel[3] / 6 + 2)
}

fn luminance(pixels: &[[u8; 4]]) -> f32 {
    let mut light = 0.0;
    let mut alpha = 1e-3;
    for pixel in pixels {
        let [r, g, b, a] = pixel.map(f32::from);
        light += 0.3 * r + 0.59 * g + 0.11 * b;
        alpha += a;
    }
    light / alpha
}

/// Writes into the first channel whether a pixel cannot be reached from the border without crossing ink; ink counts as
/// inside.
fn mark_inside(level: &mut Level) {
    let side = level.side;
    let open = |pixels: &[[u8; 4]], place: usize| pixels[place][3] < 96;
    let mut outside = vec![false; side * side];
    let border = (0..side).flat_map(|i| [i, (side - 1) * side + i, i * side, i * side + side - 1]);
    let mut waiting: Vec<usize> = border.filter(|&place| open(&level.pixels, place)).collect();
    for &place in &waiting {
        outside[place] = true;
    }
    while let Some(place) = waiting.pop() {
        let (x, y) = (place % side, place / side);
        let left = (x > 0).then(|| place - 1);
        let right = (x + 1 < side).then(|| place + 1);
        let up = (y > 0).then(|| place - side);
        let down = (y + 1 < side).then(|| place + side);
        for next in [left, right, up, down].into_iter().flatten() {
            if !outside[next] && open(&level.pixels, next) {
                outside[next] = true;
                waiting.push(next);
            }
        }
    }
    for (place, pixel) in level.pixels.iter_mut().enumerate() {
        *pixel = [if outside[place] { 0 } else { 255 }, 0, 0, pixel[3]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A black ring with a hole, on a transparent square.
    fn ring(side: usize) -> Vec<u8> {
        let centre = side as f32 / 2.0;
        let pixel = |place: usize| {
            let x = (place % side) as f32 + 0.5 - centre;
            let y = (place / side) as f32 + 0.5 - centre;
            let distance = (x * x + y * y).sqrt() / centre;
            [0, 0, 0, if (0.6..0.9).contains(&distance) { 255 } else { 0 }]
        };
        (0..side * side).flat_map(pixel).collect()
    }

    #[test]
    fn a_black_drawing_is_ink_and_its_hole_is_inside() {
        let piece = Piece::new(128, &ring(128), 64);
        assert_eq!(piece.kind, Kind::Ink);
        let level = &piece.levels[0];
        let pixel = |x: usize, y: usize| level.pixels[y * 64 + x];
        assert_eq!(pixel(32, 32), [255, 0, 0, 0], "the hole has no ink and is inside");
        assert_eq!(pixel(1, 1), [0, 0, 0, 0], "the corner is outside");
        assert_eq!(pixel(32, 8), [255, 0, 0, 255], "the ring itself is ink");
    }

    #[test]
    fn reducing_keeps_the_mean() {
        let rgba: Vec<u8> =
            (0..100 * 100).flat_map(|i: usize| [(i % 251) as u8, 200, 0, 255]).collect();
        let piece = Piece::new(100, &rgba, 72);
        assert_eq!(piece.kind, Kind::Coloured);
        let mean = |pixels: &[[u8; 4]], c: usize| {
            let values = pixels.iter().map(|pixel| f64::from(pixel[c]));
            values.sum::<f64>() / pixels.len() as f64
        };
        for level in &piece.levels {
            assert!(
                (mean(&level.pixels, 0) - mean(rgba.as_chunks().0, 0)).abs() < 1.0,
                "side {}",
                level.side
            );
            assert_eq!(level.pixels[0][1], 200);
        }
        let sides: Vec<usize> = piece.levels.iter().map(|level| level.side).collect();
        assert_eq!(sides, [72, 36, 18]);
    }

    #[test]
    fn the_level_is_never_much_smaller_than_what_is_drawn() {
        let piece = Piece::new(72, &vec![255; 72 * 72 * 4], 72);
        for side in [8.0, 20.0, 36.0, 50.0, 72.0] {
            assert!(piece.level(side).side as f32 >= 0.8 * side, "{side}");
        }
        assert_eq!(piece.level(20.0).side, 18);
        assert_eq!(piece.level(500.0).side, 72);
    }
}
