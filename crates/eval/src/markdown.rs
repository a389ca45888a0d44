//! Reports and comparisons as Markdown.

use std::fmt::Write as _;

use crate::chart::{Chart, MOST_LANGUAGES_IN_DETAIL};
use crate::comparison::Comparison;
use crate::report::{Calibration, ClassResult, Recall, Report};

/// Classes that a report lists, the worst ones.
const MOST_CLASSES: usize = 20;

/// A report with its charts, whose files stand beside it.
pub fn report(report: &Report, charts: &[Chart]) -> String {
    let mut text = format!("# {} on {}\n\n", cell(&report.model.name), cell(&report.data_set.name));
    let fingerprint = report.model.fingerprint.as_deref().unwrap_or("no fingerprint");
    let _infallible = writeln!(
        text,
        "{}, {} ({}). {} pictures in {:.1} s.",
        report.program,
        cell(&report.model.computed_by),
        cell(fingerprint),
        report.data_set.pictures,
        report.seconds
    );
    if report.data_set.left_out > 0 {
        let _infallible = writeln!(
            text,
            "{} without a picture or a label were left out.",
            report.data_set.left_out
        );
    }
    failures(&mut text, report);
    classification(&mut text, report);
    multi_label(&mut text, report);
    retrieval(&mut text, report);
    for chart in charts {
        let _infallible = writeln!(text, "\n![{}]({})", cell(&chart.title), chart.file);
    }
    text
}

fn failures(text: &mut String, report: &Report) {
    if report.data_set.failed == 0 {
        return;
    }
    let _infallible = writeln!(
        text,
        "\n{} of the pictures have no embedding and count as wrong:\n",
        report.data_set.failed
    );
    for failure in &report.data_set.failures {
        let _infallible = writeln!(text, "- {}: {}", cell(&failure.key), cell(&failure.problem));
    }
}

fn classification(text: &mut String, report: &Report) {
    if report.classification.is_empty() {
        return;
    }
    *text += "\n## Zero-shot classification\n\n\
        | names | classes | pictures | acc@1 | acc@5 | mean per-class recall |\n|---|---|---|---|---|---|\n";
    for one in &report.classification {
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            language(one.language.as_deref()),
            one.classes,
            one.pictures,
            percent(one.accuracy_at_1),
            percent(one.accuracy_at_5),
            percent(one.mean_per_class_recall)
        );
    }
    if report.classification.len() > MOST_LANGUAGES_IN_DETAIL {
        return;
    }
    for one in &report.classification {
        templates(text, one.language.as_deref(), &one.templates);
        if !one.top_confusions.is_empty() {
            *text += "\n| true class | answer | pictures |\n|---|---|---|\n";
        }
        for confusion in &one.top_confusions {
            let (truth, answer) = (cell(&confusion.truth), cell(&confusion.answer));
            let _infallible = writeln!(text, "| {truth} | {answer} | {} |", confusion.pictures);
        }
        worst(text, "recall", &one.per_class, |class| class.recall);
        calibration(text, one.calibration.as_ref());
    }
}

fn multi_label(text: &mut String, report: &Report) {
    if report.multi_label.is_empty() {
        return;
    }
    *text += "\n## Zero-shot classification, several classes a picture\n\n\
        | names | classes | pictures | mAP |\n|---|---|---|---|\n";
    for one in &report.multi_label {
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} |",
            language(one.language.as_deref()),
            one.classes,
            one.pictures,
            percent(one.mean_average_precision)
        );
    }
    if report.multi_label.len() > MOST_LANGUAGES_IN_DETAIL {
        return;
    }
    for one in &report.multi_label {
        templates(text, one.language.as_deref(), &one.templates);
        worst(text, "average precision", &one.per_class, |class| class.average_precision);
        calibration(text, one.calibration.as_ref());
    }
}

fn retrieval(text: &mut String, report: &Report) {
    let Some(retrieval) = &report.retrieval else { return };
    let _infallible = writeln!(
        text,
        "\n## Retrieval\n\n{}, a hit when any caption of the picture is among the first k.\n\n\
         | | pictures | captions | text to image R@1 | R@5 | R@10 | image to text R@1 | R@5 | R@10 |\n\
         |---|---|---|---|---|---|---|---|---|",
        match retrieval.captions.as_str() {
            "first" => "The first caption of each language",
            _ => "All captions",
        }
    );
    if retrieval.languages.len() > 1 {
        let (images, texts) = (retrieval.mean_text_to_image, retrieval.mean_image_to_text);
        let _infallible = writeln!(text, "| mean | | | {} | {} |", recall(images), recall(texts));
    }
    for one in &retrieval.languages {
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            language(one.language.as_deref()),
            one.pictures,
            one.captions,
            recall(one.text_to_image),
            recall(one.image_to_text)
        );
    }
    if retrieval.languages.len() > MOST_LANGUAGES_IN_DETAIL {
        return;
    }
    for one in &retrieval.languages {
        if one.calibration.is_some() && retrieval.languages.len() > 1 {
            let _infallible = writeln!(text, "\n{}:", language(one.language.as_deref()));
        }
        calibration(text, one.calibration.as_ref());
    }
}

fn templates(text: &mut String, named: Option<&str>, templates: &[String]) {
    let templates = templates.iter().map(|template| cell(template)).collect::<Vec<_>>().join("; ");
    let _infallible = writeln!(text, "\nTemplates ({}): {templates}", language(named));
}

/// The classes with the lowest figure.
fn worst(
    text: &mut String,
    figure: &str,
    classes: &[ClassResult],
    of: impl Fn(&ClassResult) -> Option<f64>,
) {
    let mut figures =
        classes.iter().filter_map(|class| Some((class, of(class)?))).collect::<Vec<_>>();
    figures.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let _infallible = writeln!(
        text,
        "\n| {} | pictures | {figure} |\n|---|---|---|",
        if figures.len() > MOST_CLASSES { "the worst classes" } else { "class" }
    );
    for (class, figure) in figures.into_iter().take(MOST_CLASSES) {
        let (name, figure) = (cell(&class.name), percent(figure));
        let _infallible = writeln!(text, "| {name} | {} | {figure} |", class.pictures);
    }
}

fn calibration(text: &mut String, calibration: Option<&Calibration>) {
    let Some(calibration) = calibration else { return };
    let _infallible = writeln!(
        text,
        "\nExpected calibration error: {} over every pair, {} over the best answer of each picture.\n\n\
         | wanted precision | threshold | precision | recall |\n|---|---|---|---|",
        percent(calibration.pairs.expected_calibration_error),
        percent(calibration.best.expected_calibration_error)
    );
    for threshold in &calibration.thresholds {
        let wanted = percent(threshold.wanted_precision);
        let or_none = |number: Option<String>| number.unwrap_or_else(|| "–".to_owned());
        let _infallible = writeln!(
            text,
            "| {wanted} | {} | {} | {} |",
            or_none(threshold.probability.map(|probability| format!("{probability:.4}"))),
            or_none(threshold.precision.map(percent)),
            or_none(threshold.recall.map(percent))
        );
    }
}

/// A comparison as a table, with its sources below.
pub fn comparison(comparison: &Comparison) -> String {
    let mut text = "| model | |".to_owned();
    for benchmark in &comparison.benchmarks {
        let _infallible =
            write!(text, " {}, {} |", cell(&benchmark.title), benchmark.metric.title());
    }
    text += "\n|---|---|";
    text += &"---|".repeat(comparison.benchmarks.len());
    text.push('\n');
    for row in &comparison.rows {
        let _infallible = write!(text, "| {} | {} |", cell(&row.name), cell(&row.detail));
        for benchmark in &comparison.benchmarks {
            let _infallible = match row.figures.get(&benchmark.id) {
                Some(figure) => write!(text, " {:.1} [{}] |", figure.percent, figure.source + 1),
                None => write!(text, " – |"),
            };
        }
        text.push('\n');
    }
    text.push('\n');
    for (number, source) in comparison.sources.iter().enumerate() {
        let (title, url) = (cell(&source.title), cell(&source.url));
        let _infallible = writeln!(text, "[{}] {title}: {url}  ", number + 1);
    }
    text
}

fn recall(recall: Recall) -> String {
    format!("{} | {} | {}", percent(recall.at_1), percent(recall.at_5), percent(recall.at_10))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn language(language: Option<&str>) -> String {
    language.map_or_else(|| "as they are".to_owned(), cell)
}

/// A text that ends no cell and begins no markup of its own.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '`' | '*' | '_' | '<' | '[' | ']' | '\\' => {
                safe.push('\\');
                safe.push(character);
            }
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}
