//! Which classes are taken for which.

use super::drawing::{Anchor, Area, Drawing, at, shortened, width_of};
use super::{Chart, file_name};
use crate::report::{Classification, Confusion};

/// The most classes that a matrix is readable with.
const MOST_CLASSES: usize = 40;

const LABEL_SIZE: f64 = 11.0;
const MOST_LABEL: f64 = 150.0;

/// The matrix, or with many classes the mistakes that were made most often.
pub(super) fn matrix(classification: &Classification) -> Option<Chart> {
    let file = file_name("confusion", classification.language.as_deref());
    match &classification.confusion_matrix {
        Some(matrix) if classification.classes <= MOST_CLASSES => {
            Some(cells(file, classification, matrix))
        }
        _ if classification.top_confusions.is_empty() => None,
        _ => Some(bars(file, &classification.top_confusions)),
    }
}

fn cells(file: String, classification: &Classification, matrix: &[Vec<u32>]) -> Chart {
    let title = "Confusion: true class by row, answer by column";
    let mut drawing = Drawing::new(title);
    let count = matrix.len();
    let side = (560.0 / count as f64).clamp(14.0, 44.0);
    let names = classification.per_class.iter().map(|class| class.name.as_str());
    let names = names.map(|name| shortened(name, LABEL_SIZE, MOST_LABEL)).collect::<Vec<_>>();
    let widest = names.iter().map(|name| width_of(name, LABEL_SIZE)).fold(40.0, f64::max);
    let (left, top) = (28.0 + widest, 62.0);
    drawing.text("title", at(16.0, 28.0), Anchor::Start, title);
    drawing.text(
        "small",
        at(16.0, 48.0),
        Anchor::Start,
        "Strength: the share of the true class. Columns stand in the order of the rows.",
    );
    for (row, (answers, name)) in matrix.iter().zip(&names).enumerate() {
        let y = top + side * row as f64;
        drawing.text("small", at(left - 6.0, y + side / 2.0 + 4.0), Anchor::End, name);
        let all = answers.iter().sum::<u32>().max(1);
        for (column, pictures) in answers.iter().enumerate() {
            let share = f64::from(*pictures) / f64::from(all);
            let x = left + side * column as f64;
            let area = Area { x, y, width: side - 1.0, height: side - 1.0 };
            let class = if row == column { "ours" } else { "second" };
            let (truth, answer) =
                (&classification.per_class[row].name, &classification.per_class[column].name);
            let tip = format!("{truth} taken for {answer}: {pictures} of {all}");
            // A rare mistake is still to be seen.
            let strength = if *pictures == 0 { 0.04 } else { 0.15 + 0.85 * share };
            drawing.cell(class, area, strength, &tip);
            if *pictures > 0 && side >= 24.0 {
                let place = at(x + side / 2.0, y + side / 2.0 + 4.0);
                let class = if strength > 0.6 { "small on-strong" } else { "small on-weak" };
                drawing.text(class, place, Anchor::Middle, &pictures.to_string());
            }
        }
    }
    let width = (left + side * count as f64 + 24.0).max(480.0);
    let svg = drawing.finish(width, top + side * count as f64 + 20.0);
    Chart { file, svg, title: title.to_owned() }
}

fn bars(file: String, confusions: &[Confusion]) -> Chart {
    const WHOLE: f64 = 260.0;
    const LEFT: f64 = 400.0;
    let title = "The mistakes that were made most often";
    let mut drawing = Drawing::new(title);
    drawing.text("title", at(16.0, 28.0), Anchor::Start, title);
    let most = confusions.iter().map(|confusion| confusion.pictures).max().unwrap_or(1).max(1);
    let mut y = 44.0;
    for confusion in confusions {
        let text = format!("{} taken for {}", confusion.truth, confusion.answer);
        let short = shortened(&text, 13.0, LEFT - 24.0);
        drawing.text("", at(LEFT - 8.0, y + 14.5), Anchor::End, &short);
        let width = WHOLE * f64::from(confusion.pictures) / f64::from(most);
        let tip = format!("{text}: {} pictures", confusion.pictures);
        drawing.bar("second", Area { x: LEFT, y: y + 3.0, width, height: 14.0 }, &tip);
        let count = confusion.pictures.to_string();
        drawing.text("quiet", at(LEFT + width + 6.0, y + 14.5), Anchor::Start, &count);
        y += 21.0;
    }
    Chart { file, svg: drawing.finish(LEFT + WHOLE + 56.0, y + 12.0), title: title.to_owned() }
}
