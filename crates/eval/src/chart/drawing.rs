//! A sheet to draw on.

use std::fmt::Write as _;

/// Colours of the page around, by the reader's own setting.
const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.quiet { fill: #57606a }
.small { font-size: 11px; fill: #57606a }
.title { font-size: 15px; font-weight: 600 }
.bold { font-weight: 600 }
.other { fill: #afb8c1 }
.accent { fill: #1f6feb }
.ours { fill: #1a7f37 }
.second { fill: #bf8700 }
.small.on-weak { fill: #24292f }
.small.on-strong { fill: #ffffff }
.line { stroke: #d0d7de; stroke-width: 1; fill: none }
.dashed { stroke: #57606a; stroke-width: 1; stroke-dasharray: 4 4; fill: none }
.accent-line { stroke: #1f6feb; stroke-width: 1.5; stroke-linecap: round }
.second-line { stroke: #bf8700; stroke-width: 1.5; stroke-linecap: round }
.ours-line { stroke: #1a7f37; stroke-width: 1.5; stroke-linecap: round }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .quiet, .small { fill: #9198a1 }
  .other { fill: #59636e }
  .accent { fill: #4493f8 }
  .ours { fill: #3fb950 }
  .second { fill: #d29922 }
  .small.on-weak { fill: #e6edf3 }
  .small.on-strong { fill: #0d1117 }
  .line { stroke: #3d444d }
  .dashed { stroke: #9198a1 }
  .accent-line { stroke: #4493f8 }
  .second-line { stroke: #d29922 }
  .ours-line { stroke: #3fb950 }
}
";

/// A place on the sheet, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// A rectangle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Which end of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

pub(crate) fn at(x: f64, y: f64) -> Point {
    Point { x, y }
}

/// The sheet.
pub(crate) struct Drawing {
    title: String,
    body: String,
}

impl Drawing {
    /// An empty sheet; the title is for those who cannot see it.
    pub(crate) fn new(title: &str) -> Self {
        Self { title: title.to_owned(), body: String::new() }
    }

    pub(crate) fn text(&mut self, class: &str, place: Point, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let class = class_attribute(class);
        let (x, y) = (number(place.x), number(place.y));
        self.write(&format!("<text{class} x=\"{x}\" y=\"{y}\"{anchor}>{}</text>", escaped(text)));
    }

    /// A filled rectangle; `tip` is shown when a pointer rests on it.
    pub(crate) fn bar(&mut self, class: &str, area: Area, tip: &str) {
        self.rectangle(class, area, "rx=\"2\"", tip);
    }

    /// A filled rectangle of a strength from 0 to 1.
    pub(crate) fn cell(&mut self, class: &str, area: Area, strength: f64, tip: &str) {
        self.rectangle(class, area, &format!("fill-opacity=\"{strength:.3}\""), tip);
    }

    fn rectangle(&mut self, class: &str, area: Area, more: &str, tip: &str) {
        let (x, y) = (number(area.x), number(area.y));
        let (width, height) = (number(area.width.max(0.0)), number(area.height.max(0.0)));
        let class = class_attribute(class);
        self.write(&format!(
            "<rect{class} x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {more}><title>{}</title></rect>",
            escaped(tip)
        ));
    }

    pub(crate) fn line(&mut self, class: &str, from: Point, to: Point) {
        let class = class_attribute(class);
        self.write(&format!(
            "<path{class} d=\"M{} {}L{} {}\"/>",
            number(from.x),
            number(from.y),
            number(to.x),
            number(to.y)
        ));
    }

    fn write(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    /// The file's text, cut to a size in pixels.
    pub(crate) fn finish(self, width: f64, height: f64) -> String {
        let mut svg = String::with_capacity(self.body.len() + 2048);
        let _infallible = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n\
             <style>\n{STYLE}</style>\n{}</svg>\n",
            number(width),
            number(height),
            escaped(&self.title),
            self.body
        );
        svg
    }
}

fn class_attribute(class: &str) -> String {
    if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") }
}

/// A tenth of a pixel is enough.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A text as it may stand in an element or an attribute. Characters that no XML may have are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            control if control.is_control() => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            other => escaped.push(other),
        }
    }
    escaped
}

/// About as wide as a text of this size is, in pixels: wide enough for the fonts of common systems.
pub(crate) fn width_of(text: &str, size: f64) -> f64 {
    let widths = text.chars().map(|character| match character {
        'i' | 'j' | 'l' | '.' | ',' | ' ' | '\'' => 0.32,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.9,
        'A'..='Z' => 0.68,
        character if u32::from(character) >= 0x1100 => 1.0,
        _ => 0.56,
    });
    widths.sum::<f64>() * size
}

/// At most so many pixels wide, with an ellipsis where something is missing.
pub(crate) fn shortened(text: &str, size: f64, most: f64) -> String {
    if width_of(text, size) <= most {
        return text.to_owned();
    }
    let mut kept = text.to_owned();
    while !kept.is_empty() && width_of(&kept, size) + size > most {
        kept.pop();
    }
    kept.truncate(kept.trim_end().len());
    kept + "…"
}
