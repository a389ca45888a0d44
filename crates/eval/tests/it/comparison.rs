//! Our own figures beside published ones.

use std::collections::BTreeSet;

use eval::{
    Comparison, DataSet, LanguageRetrieval, Measured, Metric, Origin, Published, Recall, Report,
    Retrieval, chart, markdown,
};

use crate::charts::assert_well_formed;

/// A report of a retrieval with as many languages.
fn retrieval(data_set: &str, model: &str, captions: &str, languages: usize) -> Report {
    let recall = |at_1| Recall { at_1, at_5: 0.9, at_10: 0.95 };
    let language = |index: usize| LanguageRetrieval {
        language: (languages > 1).then(|| format!("l{index}")),
        pictures: 5,
        captions: 7,
        text_to_image: recall(0.25),
        image_to_text: recall(0.5),
        calibration: None,
    };
    Report {
        object: "eval.result".to_owned(),
        program: "polysight 0".to_owned(),
        data_set: DataSet {
            name: data_set.to_owned(),
            pictures: 5,
            left_out: 0,
            failed: 0,
            failures: Vec::new(),
        },
        model: Measured {
            name: model.to_owned(),
            fingerprint: Some("fp_1".to_owned()),
            computed_by: "f32 on avx2".to_owned(),
        },
        seconds: 1.0,
        classification: Vec::new(),
        multi_label: Vec::new(),
        retrieval: Some(Retrieval {
            captions: captions.to_owned(),
            languages: (0..languages).map(language).collect(),
            mean_text_to_image: recall(0.25),
            mean_image_to_text: recall(0.5),
        }),
    }
}

fn compared(reports: &[Report]) -> Comparison {
    let named = reports.iter().enumerate();
    let named = named.map(|(index, report)| (format!("r{index}.json"), report.clone()));
    Comparison::new(Published::load(), &named.collect::<Vec<_>>())
}

#[test]
fn every_published_figure_has_a_source_a_benchmark_and_a_sensible_size() {
    let published = Published::load();
    let sources =
        published.sources.iter().map(|source| source.id.as_str()).collect::<BTreeSet<_>>();
    let benchmarks =
        published.benchmarks.iter().map(|benchmark| benchmark.id.as_str()).collect::<BTreeSet<_>>();
    assert_eq!(sources.len(), published.sources.len(), "no two sources have the same name");
    assert_eq!(benchmarks.len(), published.benchmarks.len());
    assert!(published.sources.iter().all(|source| source.url.starts_with("https://")));
    let mut count = 0;
    for model in &published.models {
        for (source, figures) in &model.figures {
            assert!(sources.contains(source.as_str()), "{source}");
            for (benchmark, percent) in figures {
                assert!(benchmarks.contains(benchmark.as_str()), "{benchmark}");
                assert!((30.0..90.0).contains(percent), "{} {benchmark} {percent}", model.name);
                count += 1;
            }
        }
    }
    // Table 3: 20 rows of 5 figures, and ReaL for 7 of SigLIP's; and 5 of the multilingual checkpoint.
    assert_eq!((published.models.len(), count), (21, 20 * 5 + 7 + 5));
}

#[test]
fn sums_of_the_columns_are_those_of_the_table_in_the_paper() {
    // Added up from another copy of the table (arXiv 2303.15343), so that a figure that slips is noticed.
    let published = Published::load();
    let sum = |benchmark: &str| {
        let figures = published
            .models
            .iter()
            .filter_map(|model| model.figures.get("siglip-table-3")?.get(benchmark).copied());
        (figures.sum::<f64>() * 10.0).round() / 10.0
    };
    assert_eq!(sum("imagenet"), 1559.9);
    assert_eq!(sum("coco-text-to-image"), 928.4);
}

#[test]
fn a_result_of_a_known_data_set_joins_its_column_and_comes_first() {
    let comparison = compared(&[retrieval("wds_mscoco-captions", "mini", "all", 1)]);
    let row = &comparison.rows[0];
    assert_eq!(
        (row.origin, row.name.as_str(), row.detail.as_str()),
        (Origin::Measured, "mini", "f32 on avx2")
    );
    assert_eq!(row.figures["coco-text-to-image"].percent, 25.0);
    assert_eq!(row.figures["coco-image-to-text"].percent, 50.0);
    let source = &comparison.sources[row.figures["coco-text-to-image"].source];
    assert_eq!(source.url, "r0.json");
    assert!(
        source.title.contains("fp_1") && source.title.contains("5 pictures of wds_mscoco-captions")
    );
    let siglip = comparison.rows.iter().filter(|row| row.origin == Origin::PublishedSiglip);
    assert_eq!(siglip.count(), 8);
}

#[test]
fn what_was_measured_otherwise_gets_a_column_of_its_own() {
    // The published figures are of 36 languages and the first caption.
    let other = compared(&[
        retrieval("xm3600", "mini", "all", 36),
        retrieval("xm3600", "mini", "first", 2),
        retrieval("emoji", "mini", "all", 1),
    ]);
    let titles = other.benchmarks.iter().map(|benchmark| benchmark.title.as_str());
    let titles = titles.collect::<BTreeSet<_>>();
    for title in ["xm3600, 36 languages", "xm3600 (first), 2 languages", "emoji"] {
        assert!(titles.contains(title), "{title} is not in {titles:?}");
    }
    assert_eq!(other.rows.iter().filter(|row| row.origin == Origin::Measured).count(), 1);
    assert!(!other.rows[0].figures.contains_key("xm3600-text-to-image"));
    let mut german = retrieval("mscoco_captions", "mini", "all", 1);
    german.retrieval.as_mut().unwrap().languages[0].language = Some("de".to_owned());
    let german = compared(&[german]);
    assert!(!german.rows[0].figures.contains_key("coco-text-to-image"), "COCO is English");
    assert_eq!(german.benchmarks.last().unwrap().title, "mscoco_captions, de");
    let same = compared(&[retrieval("xm3600", "mini", "first", 36)]);
    assert_eq!(same.rows[0].figures["xm3600-text-to-image"].percent, 25.0);
}

#[test]
fn models_that_were_computed_otherwise_are_rows_of_their_own() {
    let mut int8 = retrieval("coco", "mini", "all", 1);
    int8.model.computed_by = "int8 on avx2".to_owned();
    let comparison = compared(&[retrieval("coco", "mini", "all", 1), int8]);
    let ours = comparison.rows.iter().filter(|row| row.origin == Origin::Measured);
    assert_eq!(
        ours.map(|row| row.detail.as_str()).collect::<Vec<_>>(),
        ["f32 on avx2", "int8 on avx2"]
    );
}

#[test]
fn the_chart_and_the_table_show_every_figure_with_its_source() {
    let mut hostile = retrieval("emoji", "<mini> & \"co\" | x", "all", 1);
    hostile.data_set.name = "<emoji>".to_owned();
    let comparison = compared(&[hostile]);
    let svg = chart::comparison(&comparison);
    assert_well_formed(&svg);
    assert!(svg.contains("SigLIP, SO, 400M, 729 patches: ImageNet acc@1 83.2 % [Zhai et al. 2023"));
    assert!(svg.contains("https://arxiv.org/abs/2303.15343") && svg.contains("r0.json"));
    assert!(!svg.contains("<mini>") && svg.contains("&lt;mini&gt;"));
    let text = markdown::comparison(&comparison);
    assert!(
        text.contains("| SigLIP | B, 196 patches | 76.2 [1] | 69.6 [1] | 82.8 [1] |"),
        "{text}"
    );
    assert!(text.contains("[5] polysight 0"), "{text}");
    let figures = comparison.rows.iter().map(|row| row.figures.len()).sum::<usize>();
    assert_eq!(svg.matches(" % [").count(), figures, "a bar for each figure");
}

#[test]
fn the_metric_of_a_report_is_the_mean_of_its_languages() {
    assert_eq!(Metric::TextToImage.of(&retrieval("a", "b", "all", 2)), Some(25.0));
    assert_eq!(Metric::Accuracy.of(&retrieval("a", "b", "all", 2)), None);
}
