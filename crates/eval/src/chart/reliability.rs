//! The reliability diagram: what was said beside what came true.

use super::drawing::{Anchor, Area, Drawing, at};
use super::{Chart, file_name};
use crate::report::{Calibration, Reliability};

const SIDE: f64 = 280.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 84.0;
/// Of the strip that shows how many there are.
const STRIP: f64 = 56.0;
const GAP: f64 = 84.0;

pub(super) fn diagram(language: Option<&str>, calibration: &Calibration) -> Chart {
    let title = match language {
        Some(language) => format!("Reliability of the probabilities, {language}"),
        None => "Reliability of the probabilities".to_owned(),
    };
    let mut drawing = Drawing::new(&title);
    drawing.text("title", at(16.0, 28.0), Anchor::Start, &title);
    panel(&mut drawing, LEFT, "the best answer of each picture", &calibration.best);
    panel(&mut drawing, LEFT + SIDE + GAP, "every pair", &calibration.pairs);
    let width = LEFT + 2.0 * SIDE + GAP + 24.0;
    let height = TOP + SIDE + STRIP + 76.0;
    Chart { file: file_name("reliability", language), svg: drawing.finish(width, height), title }
}

fn panel(drawing: &mut Drawing, left: f64, name: &str, reliability: &Reliability) {
    let error = 100.0 * reliability.expected_calibration_error;
    drawing.text("bold", at(left, 54.0), Anchor::Start, name);
    let summary = format!("{} probabilities, expected error {error:.2} points", reliability.count);
    drawing.text("small", at(left, 71.0), Anchor::Start, &summary);
    let bottom = TOP + SIDE;
    for quarter in 0..=4 {
        let share = f64::from(quarter) / 4.0;
        let y = bottom - SIDE * share;
        drawing.line("line", at(left, y), at(left + SIDE, y));
        let percent = format!("{:.0}", 100.0 * share);
        drawing.text("small", at(left - 6.0, y + 4.0), Anchor::End, &percent);
    }
    let most = reliability.bins.iter().map(|bin| bin.count).max().unwrap_or(0);
    // A logarithm, since most pairs do not belong together.
    let height_of = |count: u64| (1.0 + count as f64).ln() / (1.0 + most as f64).ln().max(1e-9);
    for bin in &reliability.bins {
        let (x, width) = (left + SIDE * bin.from + 1.0, SIDE * (bin.to - bin.from) - 2.0);
        let tip = format!(
            "{:.0} to {:.0} %: {} probabilities, said {:.1} %, came true {:.1} %",
            100.0 * bin.from,
            100.0 * bin.to,
            bin.count,
            100.0 * bin.mean_probability,
            100.0 * bin.share_right
        );
        if bin.count > 0 {
            let height = SIDE * bin.share_right;
            drawing.bar("accent", Area { x, y: bottom - height, width, height }, &tip);
        }
        let height = STRIP * height_of(bin.count);
        let y = bottom + 24.0 + STRIP - height;
        drawing.bar("other", Area { x, y, width, height }, &tip);
    }
    drawing.line("dashed", at(left, bottom), at(left + SIDE, TOP));
    let middle = left + SIDE / 2.0;
    let below = bottom + 24.0 + STRIP;
    drawing.text(
        "small",
        at(middle, bottom + 15.0),
        Anchor::Middle,
        "said, % (height: came true, %)",
    );
    drawing.text("small", at(left, bottom + 15.0), Anchor::Start, "0");
    drawing.text("small", at(left + SIDE, bottom + 15.0), Anchor::End, "100");
    drawing.line("line", at(left, below), at(left + SIDE, below));
    drawing.text("small", at(middle, below + 16.0), Anchor::Middle, "how many, logarithmic");
}
