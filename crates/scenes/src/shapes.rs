//! Plane shapes as signed distances: below zero inside, in units of the shape's radius, y pointing down.
//!
//! Where a distance is not exact it is close near the edge, which is all that smooth edges need.

use crate::combination::Shape;

/// The signed distance of the point (x, y) to the edge of a shape of radius 1.
pub(crate) fn distance(shape: Shape, x: f32, y: f32) -> f32 {
    match shape {
        Shape::Circle => length(x, y) - 0.9,
        Shape::Ring => (length(x, y) - 0.7).abs() - 0.21,
        Shape::Oval => oval(x, y),
        Shape::Square => x.abs().max(y.abs()) - 0.78,
        Shape::Rectangle => (x.abs() - 0.96).max(y.abs() - 0.52),
        // Half-diagonals 0.72 and 1; the last factor makes it a distance.
        Shape::Diamond => (x.abs() / 0.72 + y.abs() - 1.0) * 0.584,
        Shape::Cross => {
            let (x, y) = (x.abs(), y.abs());
            (x - 0.95).max(y - 0.3).min((x - 0.3).max(y - 0.95))
        }
        Shape::Heart => heart(x, y),
        Shape::Triangle => regular(&TRIANGLE, 0.5, x, y + 0.22),
        Shape::Pentagon => regular(&PENTAGON, 0.78, x, y),
        Shape::Hexagon => regular(&HEXAGON, 0.82, x, y),
        Shape::Star => star(x, y + 0.05),
    }
}

fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// A direction of length 1.
struct Direction {
    x: f32,
    y: f32,
}

const fn direction(x: f32, y: f32) -> Direction {
    Direction { x, y }
}

/// Outward normals of the sides of a triangle that stands on one of them.
const TRIANGLE: [Direction; 3] =
    [direction(0.0, 1.0), direction(0.866_025_4, -0.5), direction(-0.866_025_4, -0.5)];

/// Of a pentagon that stands on one side.
const PENTAGON: [Direction; 5] = [
    direction(0.0, 1.0),
    direction(0.951_056_5, 0.309_017),
    direction(0.587_785_25, -0.809_017),
    direction(-0.587_785_25, -0.809_017),
    direction(-0.951_056_5, 0.309_017),
];

/// Of a hexagon that stands on one side.
const HEXAGON: [Direction; 6] = [
    direction(0.0, 1.0),
    direction(0.0, -1.0),
    direction(0.866_025_4, 0.5),
    direction(0.866_025_4, -0.5),
    direction(-0.866_025_4, 0.5),
    direction(-0.866_025_4, -0.5),
];

/// A convex shape whose sides are `inner` away from its centre.
fn regular(normals: &[Direction], inner: f32, x: f32, y: f32) -> f32 {
    let farthest = |most: f32, normal: &Direction| most.max(normal.x * x + normal.y * y);
    normals.iter().fold(f32::MIN, farthest) - inner
}

/// Five lines cut the plane into a five-pointed star: a point is inside when at most one line has it on its far side. The
/// second largest distance is therefore the star's.
fn star(x: f32, y: f32) -> f32 {
    let (mut largest, mut second) = (f32::MIN, f32::MIN);
    for normal in &PENTAGON {
        let reach = normal.x * x + normal.y * y;
        if reach > largest {
            (largest, second) = (reach, largest);
        } else if reach > second {
            second = reach;
        }
    }
    // The points reach 1.05 from the centre, the lines pass at cos 72 degrees of that; a little more makes stout arms.
    (second - 0.36).max(largest - 0.9)
}

/// A square on its corner with a circle on each of its upper sides.
fn heart(x: f32, y: f32) -> f32 {
    const HALF: f32 = 0.52;
    const ROOT: f32 = 0.707_106_77;
    let y = y - 0.14;
    // Turned by 45 degrees: the upper sides face (1, 0) and (0, 1).
    let (u, v) = ((x - y) * ROOT, (-x - y) * ROOT);
    let square = u.abs().max(v.abs()) - HALF;
    let right = length(u - HALF, v) - HALF;
    let left = length(u, v - HALF) - HALF;
    square.min(right).min(left)
}

/// An ellipse of half-axes 0.96 and 0.62; the distance is scaled by its gradient.
fn oval(x: f32, y: f32) -> f32 {
    let (u, v) = (x / 0.96, y / 0.62);
    let value = length(u, v);
    let gradient = length(u / 0.96, v / 0.62);
    if gradient < 1e-6 { -0.62 } else { value * (value - 1.0) / gradient }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_its_middle_or_its_ring_inside_and_its_corners_outside() {
        for &shape in Shape::ALL {
            let inside = if shape == Shape::Ring { 0.7 } else { 0.0 };
            assert!(distance(shape, inside, 0.0) < -0.1, "{shape:?}");
            for (x, y) in [(1.1, 1.1), (-1.1, 1.1), (1.1, -1.1), (-1.1, -1.1)] {
                assert!(distance(shape, x, y) > 0.1, "{shape:?}");
            }
        }
        assert!(distance(Shape::Ring, 0.0, 0.0) > 0.1);
    }

    #[test]
    fn shapes_fill_a_good_part_of_their_square_and_differ() {
        let mut masks = Vec::new();
        for &shape in Shape::ALL {
            let place = |i: i32| (i as f32 + 0.5) / 20.0;
            let mask: Vec<bool> = (-20..20)
                .flat_map(|j| (-20..20).map(move |i| distance(shape, place(i), place(j)) < 0.0))
                .collect();
            let share = mask.iter().filter(|inside| **inside).count() as f32 / mask.len() as f32;
            assert!((0.2..0.75).contains(&share), "{shape:?} fills {share}");
            masks.push(mask);
        }
        for (i, first) in masks.iter().enumerate() {
            for (j, second) in masks.iter().enumerate().skip(i + 1) {
                let different = first.iter().zip(second).filter(|(a, b)| a != b).count();
                assert!(different > 60, "{:?} and {:?}", Shape::ALL[i], Shape::ALL[j]);
            }
        }
    }
}
