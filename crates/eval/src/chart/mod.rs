//! Charts as SVG, readable on light and on dark pages, without scripts and without fonts of their own.

mod bars;
mod comparison;
mod confusion;
mod curves;
mod drawing;
mod reliability;

use crate::report::Report;

pub use comparison::comparison;
pub use curves::{Curve, CurvePoint, Panel, curves};

/// With more languages than these a report is about their differences: only `result.json` has the details of each.
pub(crate) const MOST_LANGUAGES_IN_DETAIL: usize = 4;

/// A chart and the name of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// As `retrieval.svg`.
    pub file: String,
    /// What it shows.
    pub title: String,
    /// The file's text.
    pub svg: String,
}

/// The charts of a report.
pub fn of_report(report: &Report) -> Vec<Chart> {
    let mut charts = Vec::new();
    charts.extend(bars::accuracy(report));
    charts.extend(bars::retrieval(report));
    if report.classification.len() <= MOST_LANGUAGES_IN_DETAIL {
        charts.extend(report.classification.iter().filter_map(confusion::matrix));
    }
    let classification = report.classification.iter().map(|one| (&one.language, &one.calibration));
    let multi_label = report.multi_label.iter().map(|one| (&one.language, &one.calibration));
    let retrieval = report.retrieval.iter().flat_map(|retrieval| &retrieval.languages);
    let retrieval = retrieval.map(|one| (&one.language, &one.calibration));
    let calibrations = classification.chain(multi_label).chain(retrieval).collect::<Vec<_>>();
    if calibrations.len() > MOST_LANGUAGES_IN_DETAIL {
        return charts;
    }
    for (language, calibration) in calibrations {
        if let Some(calibration) = calibration {
            charts.push(reliability::diagram(language.as_deref(), calibration));
        }
    }
    charts
}

/// `name.svg`, or `name.LANGUAGE.svg`.
fn file_name(name: &str, language: Option<&str>) -> String {
    match language {
        None => format!("{name}.svg"),
        Some(language) => {
            // A language is what a data set says; it must not choose the folder.
            let is_plain = |character: &char| character.is_alphanumeric() || *character == '-';
            let plain = language.chars().filter(is_plain).collect::<String>();
            format!("{name}.{plain}.svg")
        }
    }
}
