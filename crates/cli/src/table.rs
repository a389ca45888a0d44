//! Results as a person reads them: aligned columns, bars, a little colour.

use std::fmt::Write as _;

use model::Score;
use server::Prediction;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::console::{Colour, printable};

/// Columns of a whole bar.
const BAR: usize = 24;

/// Columns that a label may take; longer ones are cut.
const MOST_COLUMNS: usize = 40;

const BOLD: &str = "\u{1b}[1m";
const CYAN: &str = "\u{1b}[36m";
const PLAIN: &str = "\u{1b}[0m";

/// One line below a picture.
struct Line<'a> {
    name: &'a str,
    emphasis: Emphasis,
    /// 0 to 1.
    share: f32,
    numbers: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Emphasis {
    Strong,
    None,
}

/// A picture's labels: name, bar, score in percent, logit. The selected ones stand out.
pub(crate) fn predictions(path: &str, predictions: &[Prediction], colour: Colour) -> String {
    let lines = predictions.iter().map(|prediction| Line {
        name: &prediction.label,
        emphasis: if prediction.selected { Emphasis::Strong } else { Emphasis::None },
        share: prediction.score,
        numbers: format!("logit {:8.4}", prediction.logit),
    });
    below(path, &lines.collect::<Vec<_>>(), colour)
}

/// A picture's texts: text, bar, probability in percent, logit and cosine.
pub(crate) fn scores(path: &str, scores: &[(&str, Score)], colour: Colour) -> String {
    let lines = scores.iter().map(|(text, score)| Line {
        name: text,
        emphasis: Emphasis::None,
        share: score.probability,
        numbers: format!("logit {:8.4}  cosine {:7.4}", score.logit, score.cosine),
    });
    below(path, &lines.collect::<Vec<_>>(), colour)
}

fn below(path: &str, lines: &[Line<'_>], colour: Colour) -> String {
    let names =
        lines.iter().map(|line| shortened(&printable(line.name), MOST_COLUMNS)).collect::<Vec<_>>();
    let columns = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let mut table = format!("{}\n", styled(&printable(path), BOLD, colour));
    for (name, line) in names.iter().zip(lines) {
        let padded = padded(name, columns);
        let name = match line.emphasis {
            Emphasis::Strong => styled(&padded, BOLD, colour),
            Emphasis::None => padded,
        };
        let bar = styled(&bar(line.share), CYAN, colour);
        let _infallible =
            writeln!(table, "  {name}  {bar}  {:6.2} %  {}", 100.0 * line.share, line.numbers);
    }
    table
}

/// A table with a heading; the first column is left-aligned, the others right-aligned.
pub(crate) fn columns(heading: &[String], rows: &[Vec<String>], colour: Colour) -> String {
    let clean = |cell: &String| shortened(&printable(cell), MOST_COLUMNS);
    let heading = heading.iter().map(clean).collect::<Vec<_>>();
    let rows = rows.iter().map(|row| row.iter().map(clean).collect::<Vec<_>>());
    let rows = rows.collect::<Vec<_>>();
    let width = |column: usize| {
        let cells = rows.iter().chain([&heading]);
        let widths = cells.filter_map(|row| row.get(column)).map(|cell| cell.width());
        widths.max().unwrap_or(0)
    };
    let widths = (0..heading.len()).map(width).collect::<Vec<_>>();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, &width))| match column {
            0 => padded(cell, width),
            _ => format!("{}{cell}", " ".repeat(width.saturating_sub(cell.width()))),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut table = format!("{}\n", styled(&line(&heading), BOLD, colour));
    for row in &rows {
        table.push_str(&line(row));
        table.push('\n');
    }
    table
}

/// A share of 0 to 1 in eighths of a column, always as wide as a whole bar.
fn bar(share: f32) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (BAR * 8) as f32).round() as usize;
    let bar = format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8]);
    padded(&bar, BAR)
}

/// Spaces up to `columns`; a Chinese character takes two.
fn padded(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(spaces))
}

/// At most `columns` wide, with an ellipsis where something is missing.
fn shortened(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut width = 1;
    let kept = text.chars().take_while(|character| {
        width += character.width().unwrap_or(0);
        width <= columns
    });
    let mut kept = kept.collect::<String>();
    kept.push('…');
    kept
}

fn styled(text: &str, style: &str, colour: Colour) -> String {
    match colour {
        Colour::On => format!("{style}{text}{PLAIN}"),
        Colour::Off => text.to_owned(),
    }
}

/// Names and what there is to say of each, below each other.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let line = |(name, value): &(&str, String)| format!("{name:<12} {}\n", printable(value));
    facts.iter().map(line).collect()
}

/// A number of bytes as people say it, in decimal units.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1000.0;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    let digits = if size < 10.0 { 2 } else { usize::from(size < 100.0) };
    format!("{size:.digits$} {}", UNITS[unit])
}

/// A whole number with commas between its thousands.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::{BAR, bar, bytes, columns, grouped, shortened};
    use crate::console::Colour;

    #[test]
    fn a_bar_is_always_as_wide_as_a_whole_one() {
        for share in [-1.0, 0.0, 0.001, 0.3, 0.5, 0.999, 1.0, 7.0, f32::NAN] {
            assert_eq!(bar(share).width(), BAR, "{share}");
        }
        assert_eq!(bar(0.5).trim_end(), "█".repeat(BAR / 2));
        assert_eq!(bar(1.0), "█".repeat(BAR));
        assert_eq!(bar(0.0).trim_end(), "");
    }

    #[test]
    fn long_texts_are_cut_by_columns_not_by_characters() {
        assert_eq!(shortened("猫の写真", 8), "猫の写真");
        assert_eq!(shortened("猫の写真", 7), "猫の写…");
        assert_eq!(shortened("猫の写真", 6), "猫の…");
        assert_eq!(shortened("abc", 2), "a…");
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(
            [grouped(7), grouped(1000), grouped(370_626_050)],
            ["7", "1,000", "370,626,050"]
        );
        let sizes = [999, 1000, 12_345, 999_499, 999_500, 1_482_000_000].map(bytes);
        assert_eq!(sizes, ["999 B", "1.00 kB", "12.3 kB", "999 kB", "1.00 MB", "1.48 GB"]);
    }

    #[test]
    fn columns_are_aligned() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let table = columns(
            &row(["name", "size"]),
            &[row(["猫", "10"]), row(["longer", "7"])],
            Colour::Off,
        );
        assert_eq!(table, "name    size\n猫        10\nlonger     7\n");
    }
}
