//! Charts, Markdown and JSON of reports.

use datasets::LanguageClasses;
use eval::{Plan, Report, chart, markdown};
use model::Scoring;
use serde_json::Value;

use crate::fake::{folder, measure, open, plan};

const SCORING: Scoring = Scoring { factor: 10.0, bias: -5.0 };

/// A hostile name, so that every way out of it is tried.
const NAME: &str = "<b> & \"it's\" | `x` [0 1]";

fn classification() -> Report {
    let folder = folder(&[
        ("a/1.png".to_owned(), "[1 0]".to_owned()),
        ("b/1.png".to_owned(), "[1 0.1]".to_owned()),
        ("b/2.png".to_owned(), "broken".to_owned()),
        ("classnames.txt".to_owned(), format!("a [1 0]\n{NAME}\n")),
    ]);
    measure(&open(&folder), Some(SCORING), &plan())
}

fn retrieval() -> Report {
    let folder = folder(&[
        (
            "t.csv".to_owned(),
            "image,language,caption\n1.png,de,[1 0]\n1.png,../en,[0 1]\n".to_owned(),
        ),
        ("1.png".to_owned(), "[1 0]".to_owned()),
    ]);
    measure(&open(&folder), Some(SCORING), &plan())
}

/// Every element that is opened is closed, in order, and no bare sign of the markup stands in a text.
pub(crate) fn assert_well_formed(svg: &str) {
    assert!(!svg.contains("NaN") && !svg.contains("inf\""), "only numbers are drawn");
    let mut open = Vec::new();
    let mut rest = svg;
    while let Some((text, more)) = rest.split_once('<') {
        let mut entities = text.split('&').skip(1);
        assert!(
            entities.all(|entity| ["amp;", "lt;", "gt;", "quot;"]
                .iter()
                .any(|known| entity.starts_with(known))),
            "{text}"
        );
        let (tag, more) = more.split_once('>').expect("a tag ends");
        rest = more;
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap().to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// Equal, but for the last digit of a number that was read.
fn assert_alike(found: &Value, expected: &Value) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            assert!(found.keys().eq(expected.keys()));
            found.values().zip(expected.values()).for_each(|(a, b)| assert_alike(a, b));
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len());
            found.iter().zip(expected).for_each(|(a, b)| assert_alike(a, b));
        }
        (Value::Number(found), Value::Number(expected)) => {
            let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
            assert!((found - expected).abs() <= 1e-12, "{found} {expected}");
        }
        _ => assert_eq!(found, expected),
    }
}

#[test]
fn a_report_survives_its_own_json() {
    for report in [classification(), retrieval()] {
        let text = report.to_json();
        assert!(text.ends_with("}\n"));
        let again = serde_json::to_value(Report::from_json(&text).unwrap()).unwrap();
        assert_alike(&again, &serde_json::to_value(&report).unwrap());
    }
    assert!(Report::from_json("{}").is_err());
}

#[test]
fn charts_are_well_formed_and_named_after_what_they_show() {
    let files = |report: &Report| {
        let charts = chart::of_report(report);
        for chart in &charts {
            assert_well_formed(&chart.svg);
        }
        charts.into_iter().map(|chart| chart.file).collect::<Vec<_>>()
    };
    assert_eq!(files(&classification()), ["accuracy.svg", "confusion.svg", "reliability.svg"]);
    // A language that would like to be a path is none.
    assert_eq!(files(&retrieval()), ["retrieval.svg", "reliability.en.svg", "reliability.de.svg"]);
}

#[test]
fn bars_are_as_long_as_their_figures() {
    let charts = chart::of_report(&classification());
    let bars = &charts[0].svg;
    // 420 pixels are 100 %: one of three pictures is right, two of them have the class among the first five.
    assert!(
        bars.contains("width=\"140\" height=\"14\"") && bars.contains("acc@1: 33.3 %"),
        "{bars}"
    );
    assert!(bars.contains("width=\"280\" height=\"14\"") && bars.contains("acc@5: 66.7 %"));
}

#[test]
fn many_classes_show_their_mistakes_in_place_of_the_matrix() {
    let mut files = vec![("c00/1.png".to_owned(), "[0 1]".to_owned())];
    files.extend((1..50).map(|class| (format!("c{class:02}/1.png"), "[1 0]".to_owned())));
    let folder = folder(&files);
    let names = (0..50).map(|class| Some(format!("class {class} [1 0]"))).collect();
    let plan = Plan { class_names: vec![LanguageClasses { language: None, names }], ..plan() };
    let charts = chart::of_report(&measure(&open(&folder), None, &plan));
    assert_eq!(charts[1].file, "confusion.svg");
    assert!(charts[1].svg.contains("class 1 [1 0] taken for class 0 [1 0]: 1 pictures"));
    assert_well_formed(&charts[1].svg);
}

#[test]
fn markdown_has_every_figure_and_no_name_breaks_a_table() {
    let report = classification();
    let text = markdown::report(&report, &chart::of_report(&report));
    for part in [
        "| as they are | 2 | 3 | 33.3 % | 66.7 % | 50.0 % |",
        "1 of the pictures have no embedding and count as wrong",
        "- b/2.png: no picture",
        "This is a photo of {}.",
        "![Confusion: true class by row, answer by column](confusion.svg)",
        "| wanted precision | threshold | precision | recall |",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let rows = text.lines().filter(|line| line.contains("it's"));
    let mut seen = 0;
    for row in rows {
        seen += 1;
        assert!(!row.replace("\\|", "").contains("| `"), "{row}");
        assert_eq!(row.replace("\\|", "").matches('|').count(), 4, "{row}");
    }
    assert_eq!(seen, 2, "the name stands with its mistake and its recall");
    let text = markdown::report(&retrieval(), &[]);
    assert!(
        text.contains("| mean | | | 50.0 % | 50.0 % | 50.0 % | 50.0 % | 50.0 % | 50.0 % |")
            || text.contains("| mean | | | 100.0 %"),
        "{text}"
    );
}
