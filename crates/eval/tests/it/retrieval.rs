//! Retrieval both ways.

use std::fmt::Write as _;

use datasets::{CaptionChoice, Dataset, Options};
use eval::{Recall, Report};
use model::{Embeddings, Scoring, cosine};

use crate::dice::Dice;
use crate::fake::{folder, measure, open, plan, written};

/// A table of captions beside pictures.
fn table(rows: &[(&str, &str, &str)], pictures: &[(&str, &str)]) -> tempfile::TempDir {
    let mut lines = "image,language,caption\n".to_owned();
    for (picture, language, caption) in rows {
        writeln!(lines, "{picture},{language},{caption}").unwrap();
    }
    let mut files = vec![("t.csv".to_owned(), lines)];
    files.extend(pictures.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    folder(&files)
}

#[test]
fn a_case_by_hand() {
    // Two pictures; the first has a near and a far caption, the second only one that is nearer to the first picture.
    let folder = table(
        &[("1.png", "", "[1 0]"), ("1.png", "", "[0 1]"), ("2.png", "", "[0.9 0.1]")],
        &[("1.png", "[1 0]"), ("2.png", "[0 1]")],
    );
    let report = measure(&open(&folder), Some(Scoring { factor: 1.0, bias: 0.0 }), &plan());
    let retrieval = report.retrieval.unwrap();
    let [only] = retrieval.languages.as_slice() else { panic!("one language") };
    assert_eq!((only.pictures, only.captions, only.language.as_deref()), (2, 3, None));
    // The first picture finds its near caption; the second finds the other's far one first.
    assert_eq!(only.image_to_text, Recall { at_1: 0.5, at_5: 1.0, at_10: 1.0 });
    // Of three captions only the near one finds its picture first.
    assert_eq!(only.text_to_image, Recall { at_1: 1.0 / 3.0, at_5: 1.0, at_10: 1.0 });
    assert_eq!(only.calibration.as_ref().unwrap().pairs.count, 6);
}

/// Recall at k by sorting every list.
fn naive(queries: &Embeddings, items: &Embeddings, own: &[Vec<usize>], k: usize) -> f64 {
    let mut hits = 0;
    for (query, own) in queries.rows().zip(own) {
        let mut order = (0..items.len()).collect::<Vec<_>>();
        order.sort_by(|a, b| cosine(query, items.row(*b)).total_cmp(&cosine(query, items.row(*a))));
        hits += usize::from(order.iter().take(k).any(|item| own.contains(item)));
    }
    hits as f64 / queries.len() as f64
}

#[test]
fn recall_is_that_of_sorted_lists() {
    let mut dice = Dice(21);
    let pictures = dice.embeddings(50, 6);
    let (mut rows, mut texts, mut captions_of, mut picture_of) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, row) in pictures.rows().enumerate() {
        let count = 1 + dice.roll(3);
        captions_of.push((picture_of.len()..picture_of.len() + count).collect::<Vec<_>>());
        for _ in 0..count {
            // Near its picture, not on it.
            let caption = row.iter().map(|number| number + 0.7 * dice.number()).collect();
            let caption = Embeddings::normalise(6, caption).row(0).to_vec();
            rows.push((format!("{index:02}.png"), written(&caption)));
            texts.extend(caption);
            picture_of.push(vec![index]);
        }
    }
    let files = pictures.rows().enumerate();
    let files = files.map(|(index, row)| (format!("{index:02}.png"), written(row)));
    let files = files.collect::<Vec<_>>();
    let rows = rows.iter().map(|(name, text)| (name.as_str(), "", text.as_str()));
    let files = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let folder = table(&rows.collect::<Vec<_>>(), &files.collect::<Vec<_>>());
    let report = measure(&open(&folder), None, &plan());
    let found = &report.retrieval.unwrap().languages[0];
    let texts = Embeddings::from_unit_rows(6, texts);
    let at =
        |k| (naive(&texts, &pictures, &picture_of, k), naive(&pictures, &texts, &captions_of, k));
    let (first, fifth, tenth) = (at(1), at(5), at(10));
    assert!(first.0 > 0.1 && first.0 < fifth.0 && fifth.0 < 1.0, "the case tells them apart");
    let recall = |at_1, at_5, at_10| Recall { at_1, at_5, at_10 };
    assert_eq!(found.text_to_image, recall(first.0, fifth.0, tenth.0));
    assert_eq!(found.image_to_text, recall(first.1, fifth.1, tenth.1));
}

#[test]
fn a_picture_without_an_embedding_is_a_miss_both_ways() {
    let folder = table(
        &[("1.png", "", "[1 0]"), ("2.png", "", "[0 1]")],
        &[("1.png", "[1 0]"), ("2.png", "broken")],
    );
    let report = measure(&open(&folder), None, &plan());
    assert_eq!((report.data_set.pictures, report.data_set.failed), (2, 1));
    let only = &report.retrieval.unwrap().languages[0];
    let half = Recall { at_1: 0.5, at_5: 0.5, at_10: 0.5 };
    assert_eq!((only.text_to_image, only.image_to_text), (half, half));
}

fn languages(choice: CaptionChoice, chosen: &[&str]) -> Report {
    let folder = table(
        &[
            ("1.png", "de", "[1 0 0]"),
            ("1.png", "de", "[0 1 0]"),
            ("2.png", "de", "[0 1 0]"),
            ("2.png", "en", "[0 1 0.1]"),
            ("3.png", "en", "[0.5 1 0]"),
        ],
        &[("1.png", "[1 0 0]"), ("2.png", "[0 1 0]"), ("3.png", "[0 0 1]")],
    );
    let languages = chosen.iter().map(|&code| code.to_owned()).collect();
    let options = Options { captions: choice, languages, ..Options::default() };
    measure(&Dataset::open(folder.path(), &options).unwrap(), None, &plan())
}

#[test]
fn each_language_is_measured_on_the_pictures_that_have_a_caption_in_it() {
    let retrieval = languages(CaptionChoice::All, &[]).retrieval.unwrap();
    assert_eq!(retrieval.captions, "all");
    let [german, english] = retrieval.languages.as_slice() else { panic!("two languages") };
    assert_eq!((german.language.as_deref(), german.pictures, german.captions), (Some("de"), 2, 3));
    assert_eq!((english.language.as_deref(), english.pictures), (Some("en"), 2));
    assert!((german.text_to_image.at_1 - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!(english.text_to_image.at_1, 0.5);
    let mean = retrieval.mean_text_to_image.at_1;
    assert!((mean - f64::midpoint(2.0 / 3.0, 0.5)).abs() < 1e-12);
}

#[test]
fn the_first_caption_alone_and_one_language_alone_can_be_asked_for() {
    let retrieval = languages(CaptionChoice::First, &["de"]).retrieval.unwrap();
    assert_eq!(retrieval.captions, "first");
    let [german] = retrieval.languages.as_slice() else { panic!("one language") };
    assert_eq!((german.captions, german.text_to_image.at_1), (2, 1.0));
}
