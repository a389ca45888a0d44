//! Lines over steps: how a training went.

use super::drawing::{Anchor, Drawing, at};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 48.0;
/// Between two panels, with the steps below each.
const GAP: f64 = 88.0;
/// More points than these would stand on the same pixels: they are averaged.
const MOST_POINTS: usize = 360;

/// A panel with one or more lines.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What its numbers are.
    pub title: String,
    /// At most three.
    pub lines: Vec<Curve>,
}

/// Numbers in the order of the steps.
#[derive(Clone, Debug)]
pub struct Curve {
    /// For the legend; empty where there is one line only.
    pub name: String,
    /// Step and number, the steps rising.
    pub points: Vec<CurvePoint>,
}

/// One point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Counted from 1.
    pub step: f64,
    /// Finite; others are left out.
    pub value: f64,
}

/// Panels below each other over the same steps, as SVG.
pub fn curves(title: &str, panels: &[Panel]) -> String {
    let mut drawing = Drawing::new(title);
    drawing.text("title", at(16.0, 28.0), Anchor::Start, title);
    let all = panels.iter().flat_map(|panel| &panel.lines).flat_map(|line| &line.points);
    let last = all.map(|point| point.step).fold(1.0, f64::max);
    for (index, panel) in panels.iter().enumerate() {
        let top = TOP + 24.0 + index as f64 * (HEIGHT + GAP);
        draw(&mut drawing, top, last, panel);
    }
    drawing.finish(LEFT + WIDTH + 24.0, TOP + panels.len() as f64 * (HEIGHT + GAP))
}

fn draw(drawing: &mut Drawing, top: f64, last: f64, panel: &Panel) {
    drawing.text("bold", at(LEFT, top - 10.0), Anchor::Start, &panel.title);
    let lines = panel.lines.iter().map(|line| averaged(&line.points)).collect::<Vec<_>>();
    let values = || lines.iter().flatten().map(|point| point.value);
    let (low, high) =
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        drawing.text("small", at(LEFT, top + 20.0), Anchor::Start, "nothing yet");
        return;
    }
    let spread = if high > low { high - low } else { 1.0 };
    let y = |value: f64| top + HEIGHT * (1.0 - (value - low) / spread);
    let x = |step: f64| LEFT + WIDTH * step / last;
    for quarter in 0..=4 {
        let value = low + spread * f64::from(quarter) / 4.0;
        drawing.line("line", at(LEFT, y(value)), at(LEFT + WIDTH, y(value)));
        drawing.text("small", at(LEFT - 6.0, y(value) + 4.0), Anchor::End, &short(value));
        let step = last * f64::from(quarter) / 4.0;
        drawing.text(
            "small",
            at(x(step), top + HEIGHT + 16.0),
            Anchor::Middle,
            &format!("{step:.0}"),
        );
    }
    let mut legend = LEFT + WIDTH;
    for (index, points) in lines.iter().enumerate() {
        let colour = ["accent-line", "second-line", "ours-line"][index % 3];
        for pair in points.windows(2) {
            let place = |point: &CurvePoint| at(x(point.step), y(point.value));
            drawing.line(colour, place(&pair[0]), place(&pair[1]));
        }
        let name = &panel.lines[index].name;
        if !name.is_empty() {
            drawing.text("small", at(legend, top - 10.0), Anchor::End, name);
            legend -= super::drawing::width_of(name, 11.0) + 6.0;
            drawing.line(colour, at(legend - 18.0, top - 14.0), at(legend, top - 14.0));
            legend -= 30.0;
        }
    }
}

/// At most so many points, each the mean of its neighbours.
fn averaged(points: &[CurvePoint]) -> Vec<CurvePoint> {
    let points = points.iter().copied().filter(|point| point.value.is_finite());
    let points = points.collect::<Vec<_>>();
    let together = points.len().div_ceil(MOST_POINTS).max(1);
    let mean = |some: &[CurvePoint]| CurvePoint {
        step: some.iter().map(|point| point.step).sum::<f64>() / some.len() as f64,
        value: some.iter().map(|point| point.value).sum::<f64>() / some.len() as f64,
    };
    points.chunks(together).map(mean).collect()
}

/// Three digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        large if large >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(count: usize) -> Curve {
        let point = |i| CurvePoint { step: f64::from(i), value: 1.0 / f64::from(i) };
        Curve { name: String::new(), points: (1..=count as u32).map(point).collect() }
    }

    #[test]
    fn many_points_are_averaged_and_none_is_lost() {
        let many = averaged(&curve(10_000).points);
        assert!(many.len() <= MOST_POINTS);
        let mean = |points: &[CurvePoint]| {
            points.iter().map(|point| point.step).sum::<f64>() / points.len() as f64
        };
        assert!((mean(&many) - 5000.5).abs() < 20.0);
        assert_eq!(averaged(&curve(7).points), curve(7).points);
    }

    #[test]
    fn numbers_that_are_none_leave_a_chart_that_can_be_drawn() {
        let mut broken = curve(3);
        broken.points[1].value = f64::NAN;
        let panel = |lines| Panel { title: "loss".to_owned(), lines };
        let svg = curves("a run", &[panel(vec![broken]), panel(vec![]), panel(vec![curve(1)])]);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(svg.matches("nothing yet").count(), 1);
    }
}
