//! Where a report goes: a folder, or a table for people.

use std::path::Path;

use eval::{Calibration, Recall, Report, chart, markdown};

use crate::console::Colour;
use crate::output_file::OutputFile;
use crate::table;

/// Writes `result.json`, `report.md` and the charts.
///
/// # Errors
/// When the folder cannot be made or a file not be written.
pub(crate) fn write(folder: &Path, report: &Report) -> anyhow::Result<()> {
    fs_err::create_dir_all(folder)?;
    let charts = chart::of_report(report);
    for chart in &charts {
        replace(&folder.join(&chart.file), chart.svg.as_bytes())?;
    }
    replace(&folder.join("report.md"), markdown::report(report, &charts).as_bytes())?;
    replace(&folder.join("result.json"), report.to_json().as_bytes())
}

/// Writes a file that appears under its name when it is complete, and not before.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = OutputFile::create(path)?;
    file.write(bytes)?;
    file.finish()
}

/// The figures for a terminal.
pub(crate) fn table(report: &Report, colour: Colour) -> String {
    let mut facts = vec![
        ("model", format!("{} ({})", report.model.name, report.model.computed_by)),
        ("data set", format!("{}, {} pictures", report.data_set.name, report.data_set.pictures)),
    ];
    if report.data_set.failed > 0 {
        facts.push(("failed", format!("{}, which count as wrong", report.data_set.failed)));
    }
    let mut text = table::facts(&facts);
    let mut add = |heading: &[&str], rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            let heading = heading.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
            text.push('\n');
            text.push_str(&table::columns(&heading, &rows, colour));
        }
    };
    let rows = report.classification.iter().map(|one| {
        vec![
            named(one.language.as_deref()),
            one.classes.to_string(),
            percent(one.accuracy_at_1),
            percent(one.accuracy_at_5),
            percent(one.mean_per_class_recall),
            error(one.calibration.as_ref()),
        ]
    });
    add(&["names", "classes", "acc@1", "acc@5", "per class", "ECE"], rows.collect());
    let rows = report.multi_label.iter().map(|one| {
        vec![
            named(one.language.as_deref()),
            one.classes.to_string(),
            percent(one.mean_average_precision),
            error(one.calibration.as_ref()),
        ]
    });
    add(&["names", "classes", "mAP", "ECE"], rows.collect());
    if let Some(retrieval) = &report.retrieval {
        let row = |first: [String; 2], images: Recall, texts: Recall| {
            let recalls =
                [images.at_1, images.at_5, images.at_10, texts.at_1, texts.at_5, texts.at_10];
            first.into_iter().chain(recalls.map(percent)).collect::<Vec<_>>()
        };
        let mut rows = Vec::new();
        if retrieval.languages.len() > 1 {
            let captions = retrieval.languages.iter().map(|one| one.captions).sum::<usize>();
            let first = ["mean".to_owned(), captions.to_string()];
            rows.push(row(first, retrieval.mean_text_to_image, retrieval.mean_image_to_text));
        }
        for one in &retrieval.languages {
            let first = [named(one.language.as_deref()), one.captions.to_string()];
            rows.push(row(first, one.text_to_image, one.image_to_text));
        }
        let heading = ["language", "captions", "T>I R@1", "R@5", "R@10", "I>T R@1", "R@5", "R@10"];
        add(&heading, rows);
    }
    text
}

fn named(language: Option<&str>) -> String {
    language.unwrap_or("-").to_owned()
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Of the best answers, in percent.
fn error(calibration: Option<&Calibration>) -> String {
    calibration.map_or_else(
        || "-".to_owned(),
        |calibration| percent(calibration.best.expected_calibration_error),
    )
}
