//! Our own figures beside those that others have published: a row for each model, a column for each benchmark.

use std::collections::BTreeSet;

use super::drawing::{Anchor, Area, Drawing, at, shortened};
use crate::comparison::{Comparison, Origin, Row};

const LEFT: f64 = 320.0;
const COLUMN: f64 = 136.0;
/// Of a bar that means 100 %.
const WHOLE: f64 = 88.0;
const STEP: f64 = 21.0;
const TOP: f64 = 84.0;

/// Draws the comparison; each bar names its source when a pointer rests on it, each row by number.
pub fn comparison(comparison: &Comparison) -> String {
    let title = "Zero-shot accuracy and retrieval, percent";
    let mut drawing = Drawing::new(title);
    drawing.text("title", at(16.0, 28.0), Anchor::Start, title);
    legend(&mut drawing);
    for (column, benchmark) in comparison.benchmarks.iter().enumerate() {
        let x = LEFT + COLUMN * column as f64;
        let name = shortened(&benchmark.title, 13.0, COLUMN - 8.0);
        drawing.text("bold", at(x, TOP - 22.0), Anchor::Start, &name);
        drawing.text("small", at(x, TOP - 7.0), Anchor::Start, benchmark.metric.title());
    }
    let sources = LEFT + COLUMN * comparison.benchmarks.len() as f64;
    drawing.text("small", at(sources, TOP - 7.0), Anchor::Start, "source");
    let mut y = TOP;
    let mut group = None;
    for row in &comparison.rows {
        if group != Some(&row.group) {
            group = Some(&row.group);
            y += 8.0;
            drawing.line("line", at(16.0, y), at(sources + 56.0, y));
            drawing.text("quiet", at(16.0, y + 17.0), Anchor::Start, &row.group);
            y += 24.0;
        }
        draw_row(&mut drawing, comparison, row, y);
        y += STEP;
    }
    y += 26.0;
    for (number, source) in comparison.sources.iter().enumerate() {
        let text = format!("[{}] {} ({})", number + 1, source.title, source.url);
        drawing.text("small", at(16.0, y), Anchor::Start, &text);
        y += 16.0;
    }
    drawing.finish((sources + 72.0).max(900.0), y + 6.0)
}

fn legend(drawing: &mut Drawing) {
    let meanings = [
        ("ours", "measured with polysight"),
        ("accent", "SigLIP, published"),
        ("other", "others, published"),
    ];
    // Right of the title.
    let mut x = LEFT + COLUMN;
    for (class, text) in meanings {
        drawing.bar(class, Area { x, y: 17.0, width: 12.0, height: 12.0 }, text);
        drawing.text("quiet", at(x + 18.0, 28.0), Anchor::Start, text);
        x += 196.0;
    }
}

fn draw_row(drawing: &mut Drawing, comparison: &Comparison, row: &Row, y: f64) {
    let (colour, weight) = match row.origin {
        Origin::Measured => ("ours", "bold"),
        Origin::PublishedSiglip => ("accent", "bold"),
        Origin::Published => ("other", ""),
    };
    let name = shortened(&row.name, 13.0, 148.0);
    drawing.text(weight, at(16.0, y + 14.5), Anchor::Start, &name);
    let detail = shortened(&row.detail, 11.0, 140.0);
    drawing.text("small", at(LEFT - 12.0, y + 14.5), Anchor::End, &detail);
    let mut used = BTreeSet::new();
    for (column, benchmark) in comparison.benchmarks.iter().enumerate() {
        let x = LEFT + COLUMN * column as f64;
        let Some(figure) = row.figures.get(&benchmark.id) else {
            drawing.text("small", at(x, y + 14.5), Anchor::Start, "–");
            continue;
        };
        used.insert(figure.source);
        let source = comparison.sources.get(figure.source).map_or("", |source| &source.title);
        let tip = format!(
            "{}, {}: {} {} {:.1} % [{source}]",
            row.name,
            row.detail,
            benchmark.title,
            benchmark.metric.title(),
            figure.percent
        );
        let width = WHOLE * (figure.percent / 100.0).clamp(0.0, 1.0);
        drawing.bar(colour, Area { x, y: y + 3.0, width, height: 14.0 }, &tip);
        let text = format!("{:.1}", figure.percent);
        drawing.text(weight, at(x + width + 5.0, y + 14.5), Anchor::Start, &text);
    }
    let numbers = used.iter().map(|source| (source + 1).to_string()).collect::<Vec<_>>();
    let place = at(LEFT + COLUMN * comparison.benchmarks.len() as f64, y + 14.5);
    drawing.text("small", place, Anchor::Start, &format!("[{}]", numbers.join(", ")));
}
