//! Draws a scene's meaning as a picture.

use pixels::RgbImage;

use crate::background;
use crate::canvas::{Canvas, Rgb, WHITE, between, from_hsv, luminance};
use crate::combination::{Colour, Position, Relation, Shape, Size, Texture};
use crate::random::{Random, SineCosine, sine_cosine};
use crate::scene::{Group, Scene};
use crate::shapes::distance;

/// One thing of a scene, lengths in shares of the picture's side.
struct Thing {
    shape: Shape,
    colour: Rgb,
    texture: Option<Texture>,
    x: f32,
    y: f32,
    radius: f32,
    turn: SineCosine,
    /// Upright shapes of unequal sides may lie instead.
    lies: bool,
    /// A contour of this colour.
    contour: Option<Rgb>,
}

/// A part of the picture, in shares of its side.
#[derive(Clone, Copy)]
struct Region {
    left: f32,
    top: f32,
    right: f32,
    bottom: f32,
}

const WHOLE: Region = Region { left: 0.02, top: 0.02, right: 0.98, bottom: 0.98 };

/// A radius below which stripes and dots are not seen.
const TEXTURED: f32 = 0.13;

/// A random drawing of `scene`.
pub(crate) fn random(scene: &Scene, side: usize, random: &mut Random) -> Canvas {
    let mut things = Vec::new();
    match scene {
        Scene::Group { group, position } => {
            scatter(*group, position.map_or(WHOLE, Region::of), random, &mut things);
        }
        Scene::Pair { first, second, relation } => {
            let (one, two) = match relation {
                Relation::Beside => (Region::of(Position::Left), Region::of(Position::Right)),
                Relation::Above => (Region::of(Position::Top), Region::of(Position::Bottom)),
            };
            scatter(*first, one.aligned(*relation), random, &mut things);
            scatter(*second, two.aligned(*relation), random, &mut things);
        }
    }
    let far = |colour: Rgb| {
        things.iter().all(|thing| {
            let apart: f32 = (0..3).map(|c| (colour[c] - thing.colour[c]).powi(2)).sum();
            apart > 0.2 && (luminance(colour) - luminance(thing.colour)).abs() > 0.08
        })
    };
    let mut canvas = background::random(side, random, far);
    for thing in &things {
        thing.draw(&mut canvas);
    }
    canvas
}

/// The plainest drawing of one group: in the middle of white, or of grey where the things are white.
pub fn draw_plain(group: &Group, side: u32) -> RgbImage {
    let ground = if group.combination.colour == Colour::White { [0.4; 3] } else { WHITE };
    let mut canvas = Canvas::filled(side as usize, ground);
    let colour = plain_colour(group.combination.colour);
    let count = usize::from(group.combination.count);
    let radius = [0.38, 0.22, 0.15, 0.2, 0.15][count - 1];
    let rows: &[&[f32]] = match count {
        1 => &[&[0.5]],
        2 => &[&[0.26, 0.74]],
        3 => &[&[0.18, 0.5, 0.82]],
        4 => &[&[0.27, 0.73], &[0.27, 0.73]],
        _ => &[&[0.18, 0.5, 0.82], &[0.34, 0.66]],
    };
    for (row, places) in rows.iter().enumerate() {
        let y = if rows.len() == 1 { 0.5 } else { 0.27 + 0.46 * row as f32 };
        for &x in *places {
            let thing = Thing {
                shape: group.combination.shape,
                colour,
                texture: group.texture,
                x,
                y,
                radius,
                turn: sine_cosine(0.0),
                lies: true,
                contour: None,
            };
            thing.draw(&mut canvas);
        }
    }
    canvas.picture()
}

impl Region {
    fn of(position: Position) -> Self {
        match position {
            Position::Left => Self { right: 0.46, ..WHOLE },
            Position::Right => Self { left: 0.54, ..WHOLE },
            Position::Top => Self { bottom: 0.46, ..WHOLE },
            Position::Bottom => Self { top: 0.54, ..WHOLE },
        }
    }

    /// The region narrowed along the other axis, so that two things stand beside or above each other and not across.
    fn aligned(self, relation: Relation) -> Self {
        match relation {
            Relation::Beside => Self { top: 0.16, bottom: 0.84, ..self },
            Relation::Above => Self { left: 0.16, right: 0.84, ..self },
        }
    }

    fn least_side(self) -> f32 {
        (self.right - self.left).min(self.bottom - self.top)
    }
}

/// Puts a group's things into a region without overlap.
fn scatter(group: Group, region: Region, random: &mut Random, things: &mut Vec<Thing>) {
    let count = usize::from(group.combination.count);
    let most = 0.48 * region.least_side() * [1.0, 0.56, 0.5, 0.45, 0.4][count - 1];
    let least = if group.texture.is_some() { TEXTURED } else { 0.075 };
    let range = match group.size {
        Some(Size::Small) => [least.min(0.1), 0.105],
        Some(Size::Large) => [0.85 * most, most],
        None => [least, most],
    };
    // A textured small thing is as large as its texture needs.
    let least = if group.texture.is_some() { TEXTURED.min(most) } else { 0.0 };
    let mut radius = random.within(range[0].min(most), range[1].min(most)).max(least);
    let mut places: Vec<[f32; 2]> = Vec::with_capacity(count);
    let mut tries = 0;
    while places.len() < count {
        let x =
            random.within(region.left + radius, (region.right - radius).max(region.left + radius));
        let y =
            random.within(region.top + radius, (region.bottom - radius).max(region.top + radius));
        let apart = 2.15 * radius;
        if places.iter().all(|[a, b]| (a - x) * (a - x) + (b - y) * (b - y) > apart * apart) {
            places.push([x, y]);
        }
        tries += 1;
        if tries % 40 == 0 {
            // No room: start again a little smaller.
            radius *= 0.93;
            places.clear();
        }
    }
    let colour = varied_colour(group.combination.colour, random);
    let contour = random.chance(0.25).then(|| between(colour, [0.0; 3], random.within(0.5, 1.0)));
    let contour = contour.filter(|_| group.combination.colour != Colour::Black);
    let lies = random.chance(0.65);
    for [x, y] in places {
        things.push(Thing {
            shape: group.combination.shape,
            colour,
            texture: group.texture,
            x,
            y,
            radius: radius * random.within(0.92, 1.0),
            turn: sine_cosine(random.near_zero(0.24)),
            lies,
            contour,
        });
    }
}

/// The range of a colour: where its name is beyond doubt.
fn varied_colour(colour: Colour, random: &mut Random) -> Rgb {
    let mut hsv = |hue: [f32; 2], saturation: [f32; 2], value: [f32; 2]| {
        let hue = random.within(hue[0], hue[1]);
        let hue = if hue < 0.0 { hue + 360.0 } else { hue };
        let saturation = random.within(saturation[0], saturation[1]);
        from_hsv(hue, saturation, random.within(value[0], value[1]))
    };
    match colour {
        Colour::Red => hsv([-7.0, 5.0], [0.8, 1.0], [0.7, 1.0]),
        Colour::Orange => hsv([24.0, 36.0], [0.85, 1.0], [0.9, 1.0]),
        Colour::Yellow => hsv([49.0, 58.0], [0.75, 1.0], [0.92, 1.0]),
        Colour::Green => hsv([100.0, 145.0], [0.6, 1.0], [0.45, 0.85]),
        Colour::Blue => hsv([207.0, 238.0], [0.7, 1.0], [0.55, 1.0]),
        Colour::Purple => hsv([270.0, 288.0], [0.55, 0.95], [0.45, 0.8]),
        Colour::Pink => hsv([325.0, 345.0], [0.3, 0.6], [0.95, 1.0]),
        Colour::Brown => hsv([18.0, 28.0], [0.6, 0.85], [0.35, 0.52]),
        Colour::Black => hsv([0.0, 360.0], [0.0, 0.1], [0.0, 0.1]),
        Colour::White => hsv([0.0, 360.0], [0.0, 0.02], [0.95, 1.0]),
        Colour::Grey => hsv([0.0, 360.0], [0.0, 0.05], [0.42, 0.65]),
    }
}

/// The middle of a colour's range.
fn plain_colour(colour: Colour) -> Rgb {
    match colour {
        Colour::Red => [0.89, 0.1, 0.11],
        Colour::Orange => from_hsv(30.0, 0.95, 0.97),
        Colour::Yellow => from_hsv(52.0, 0.9, 0.98),
        Colour::Green => from_hsv(125.0, 0.75, 0.62),
        Colour::Blue => from_hsv(222.0, 0.85, 0.85),
        Colour::Purple => from_hsv(280.0, 0.75, 0.62),
        Colour::Pink => from_hsv(335.0, 0.45, 0.98),
        Colour::Brown => from_hsv(23.0, 0.72, 0.44),
        Colour::Black => [0.04; 3],
        Colour::White => WHITE,
        Colour::Grey => [0.53; 3],
    }
}

impl Thing {
    fn draw(&self, canvas: &mut Canvas) {
        let side = canvas.side as f32;
        let radius = self.radius * side;
        let (cx, cy) = (self.x * side, self.y * side);
        let reach = 1.3 * radius + 1.0;
        let limit = |value: f32| (value.max(0.0) as usize).min(canvas.side);
        let (left, right) = (limit(cx - reach), limit((cx + reach).ceil()));
        let (top, bottom) = (limit(cy - reach), limit((cy + reach).ceil()));
        let scale = 1.0 / radius;
        for row in top..bottom {
            for column in left..right {
                let dx = (column as f32 + 0.5 - cx) * scale;
                let dy = (row as f32 + 0.5 - cy) * scale;
                let x = self.turn.cosine * dx + self.turn.sine * dy;
                let y = self.turn.cosine * dy - self.turn.sine * dx;
                let (x, y) = if self.lies || !self.may_stand() { (x, y) } else { (y, x) };
                let edge = distance(self.shape, x, y);
                let coverage = (0.5 - edge * radius).clamp(0.0, 1.0);
                if coverage > 0.0 {
                    let pixel = &mut canvas.pixels[row * canvas.side + column];
                    *pixel = between(*pixel, self.colour_at(x, y, edge, radius), coverage);
                }
            }
        }
    }

    fn may_stand(&self) -> bool {
        matches!(self.shape, Shape::Oval | Shape::Rectangle)
    }

    fn colour_at(&self, x: f32, y: f32, edge: f32, radius: f32) -> Rgb {
        let mut colour = self.colour;
        if let Some(texture) = self.texture {
            let light = luminance(colour) > 0.75;
            let other = between(colour, if light { [0.2; 3] } else { WHITE }, 0.8);
            let inside = match texture {
                Texture::Striped => stripe(x + y),
                Texture::Dotted => dot(x, y),
            };
            colour = between(colour, other, (inside * radius + 0.5).clamp(0.0, 1.0));
        }
        match self.contour {
            Some(contour) => {
                between(colour, contour, ((edge + 0.1) * radius + 0.5).clamp(0.0, 1.0))
            }
            None => colour,
        }
    }
}

/// Above zero on the light stripes, which are as wide as the dark ones.
fn stripe(place: f32) -> f32 {
    const PERIOD: f32 = 0.72;
    let phase = place / PERIOD - (place / PERIOD).floor();
    ((2.0 * phase - 1.0).abs() - 0.5) * 0.35
}

/// Above zero on dots in a square grid.
fn dot(x: f32, y: f32) -> f32 {
    const PERIOD: f32 = 0.56;
    let near = |value: f32| value - (value / PERIOD + 0.5).floor() * PERIOD;
    let (x, y) = (near(x), near(y));
    0.17 - (x * x + y * y).sqrt()
}
