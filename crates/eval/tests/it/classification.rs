//! Zero-shot classification.

use std::fmt::Write as _;

use datasets::LanguageClasses;
use eval::{ClassificationTally, Confusion, Plan, TemplateChoice, average_precision, evaluate};
use model::{Embeddings, Scoring, cosine};

use crate::dice::Dice;
use crate::fake::{Fake, folder, measure, open, plan, written};

#[test]
fn a_tally_by_hand() {
    let names = ["a", "b", "c", "d", "e", "f"].map(str::to_owned);
    let mut tally = ClassificationTally::new(6);
    tally.add(0, &[0.9, 0.1, 0.2, 0.3, 0.4, 0.5]);
    tally.add(0, &[0.1, 0.9, 0.2, 0.3, 0.4, 0.5]);
    tally.add(0, &[0.5, 0.9, 0.2, 0.3, 0.4, 0.1]);
    tally.add(1, &[0.5, 0.5, 0.0, 0.0, 0.0, 0.0]);
    tally.add_failed(1);
    let result = tally.finish(&names);
    assert_eq!((result.pictures, result.classes), (5, 6));
    assert_eq!(result.accuracy_at_1, 0.2);
    // The second picture's class is the sixth.
    assert_eq!(result.accuracy_at_5, 0.6);
    // A third of a's, none of b's; the others have no pictures.
    assert!((result.mean_per_class_recall - 1.0 / 6.0).abs() < 1e-12);
    assert_eq!(result.per_class[1].recall, Some(0.0));
    assert_eq!(result.per_class[2].recall, None);
    let confusion = |truth: &str, answer: &str, pictures| Confusion {
        truth: truth.to_owned(),
        answer: answer.to_owned(),
        pictures,
    };
    assert_eq!(result.top_confusions, [confusion("a", "b", 2), confusion("b", "a", 1)]);
    let matrix = result.confusion_matrix.unwrap();
    assert_eq!(matrix[0], [1, 2, 0, 0, 0, 0]);
    assert_eq!(matrix[1], [1, 0, 0, 0, 0, 0], "a picture without an embedding has no answer");
}

/// Pictures of three classes whose names are vectors; one file is no picture.
fn classes() -> tempfile::TempDir {
    folder(&[
        ("x/1.png".to_owned(), "[1 0 0]".to_owned()),
        ("x/2.png".to_owned(), "[0 1 0.1]".to_owned()),
        ("y/1.png".to_owned(), "[0.1 1 0]".to_owned()),
        ("z/1.png".to_owned(), "[0 0 1]".to_owned()),
        ("z/2.png".to_owned(), "broken".to_owned()),
        ("classnames.txt".to_owned(), "x [1 0 0]\ny [0 1 0]\nz [0 0 1]\n".to_owned()),
    ])
}

fn with_templates(choices: &[&str]) -> Plan {
    let choices = choices.iter().map(|&choice| choice.to_owned()).collect();
    Plan { templates: TemplateChoice::Given(choices), ..plan() }
}

#[test]
fn a_picture_that_cannot_be_embedded_counts_as_wrong_and_is_named() {
    let folder = classes();
    let report = measure(&open(&folder), None, &with_templates(&["none"]));
    let result = &report.classification[0];
    assert_eq!((report.data_set.pictures, report.data_set.failed), (5, 1));
    assert_eq!(report.data_set.failures[0].key, "z/2.png");
    assert_eq!(report.data_set.failures[0].problem, "no picture");
    assert_eq!((result.pictures, result.accuracy_at_1), (5, 0.6));
    assert_eq!(result.per_class[2].recall, Some(0.5));
    assert!(result.calibration.is_none(), "without scale and bias there are no probabilities");
    assert_eq!(result.top_confusions.len(), 1);
}

#[test]
fn a_class_is_the_mean_of_its_sentences() {
    // The vectors stand in the templates, as the last brackets of each sentence: (1, 0) and (0, 1), whose mean is the
    // diagonal, for both classes. Equal scores: the answer is the first class.
    let folder = folder(&[
        ("a/1.png".to_owned(), "[1 1]".to_owned()),
        ("b/1.png".to_owned(), "[1 1]".to_owned()),
    ]);
    let plan = with_templates(&["{} [1 0]", "{} [0 1]"]);
    let report = measure(&open(&folder), Some(Scoring { factor: 1.0, bias: 0.0 }), &plan);
    let result = &report.classification[0];
    assert_eq!(result.accuracy_at_1, 0.5);
    assert_eq!(result.templates, ["{} [1 0]", "{} [0 1]"]);
    let calibration = result.calibration.as_ref().unwrap();
    // Every cosine is 1, whose probability is 0.731: half of them are right.
    let error = calibration.pairs.expected_calibration_error;
    assert!((error - (f64::from(model::sigmoid(1.0)) - 0.5)).abs() < 1e-6, "{error}");
}

#[test]
fn accuracy_is_that_of_an_argmax_over_single_cosines() {
    let mut dice = Dice(5);
    let (pictures, names) = (dice.embeddings(60, 5), dice.embeddings(7, 5));
    let mut files = Vec::new();
    let mut truths = Vec::new();
    for (index, row) in pictures.rows().enumerate() {
        let class = if index < 7 { index } else { dice.roll(7) };
        truths.push(class);
        files.push((format!("{class}/{index:03}.png"), written(row)));
    }
    let lines = names.rows().map(written).collect::<Vec<_>>().join("\n");
    files.push(("classnames.txt".to_owned(), lines));
    let (mut at_1, mut at_5) = (0, 0);
    for (row, truth) in pictures.rows().zip(&truths) {
        let mut order = (0..7).collect::<Vec<_>>();
        order.sort_by(|a, b| cosine(row, names.row(*b)).total_cmp(&cosine(row, names.row(*a))));
        at_1 += usize::from(order[0] == *truth);
        at_5 += usize::from(order[..5].contains(truth));
    }
    let report = measure(&open(&folder(&files)), None, &with_templates(&["none"]));
    let result = &report.classification[0];
    assert!(at_1 > 0 && at_5 > at_1 && at_5 < 60, "the case tells them apart");
    assert_eq!(result.accuracy_at_1, at_1 as f64 / 60.0);
    assert_eq!(result.accuracy_at_5, at_5 as f64 / 60.0);
}

#[test]
fn languages_are_measured_one_after_the_other_on_the_classes_that_they_name() {
    let folder = classes();
    let named = |language: &str, names: [Option<&str>; 3]| LanguageClasses {
        language: Some(language.to_owned()),
        names: names.map(|name| name.map(str::to_owned)).to_vec(),
    };
    let plan = Plan {
        class_names: vec![
            named("xx", [Some("[1 0 0]"), None, Some("[0 0 1]")]),
            named("yy", [None, Some("[0 1 0]"), None]),
            named("zz", [None, None, None]),
        ],
        ..plan()
    };
    let report = measure(&open(&folder), None, &plan);
    let [first, second] = report.classification.as_slice() else { panic!("two have names") };
    assert_eq!(first.language.as_deref(), Some("xx"));
    assert_eq!(
        (first.classes, first.pictures),
        (2, 4),
        "pictures of the unnamed class do not count"
    );
    // [1 0 0] and [0 0 1] are right, [0 1 0.1] is nearer to z, the broken one is wrong.
    assert_eq!(first.accuracy_at_1, 0.5);
    assert_eq!((second.classes, second.pictures, second.accuracy_at_1), (1, 1, 1.0));
    assert_eq!(second.templates, ["{}"], "a language without a built-in set gets no sentence");
}

#[test]
fn templates_follow_the_language_then_the_data_set_then_auto() {
    let files = |templates: Option<&str>| {
        let mut files = vec![("a/1.png".to_owned(), "[1 0]".to_owned())];
        if let Some(text) = templates {
            let name = "zeroshot_classification_templates.txt".to_owned();
            files.push((name, text.to_owned()));
        }
        folder(&files)
    };
    // The vector stands behind the name, so that any template keeps it.
    let german = LanguageClasses {
        language: Some("de".to_owned()),
        names: vec![Some("Hund [1 0]".to_owned())],
    };
    let plain = LanguageClasses { language: None, names: vec![Some("dog [1 0]".to_owned())] };
    let used = |folder: &tempfile::TempDir, names: &LanguageClasses| {
        let plan = Plan { class_names: vec![names.clone()], ..plan() };
        measure(&open(folder), None, &plan).classification[0].templates.clone()
    };
    let own = files(Some("art of {c}\n"));
    assert!(used(&own, &german).iter().any(|template| template.contains("ein Foto")));
    assert_eq!(used(&own, &plain), ["art of {c}"]);
    assert_eq!(used(&files(None), &plain), ["This is a photo of {}."]);
}

#[test]
fn classes_without_names_and_pictures_without_embeddings_are_errors() {
    let no_pictures = folder(&[("a/1.png".to_owned(), "broken".to_owned())]);
    let fake = Fake { scoring: None };
    let error = evaluate(&open(&no_pictures), &fake, &plan(), &mut ()).unwrap_err().to_string();
    assert!(
        error.contains("none of the 1 pictures") && error.contains("a/1.png: no picture"),
        "{error}"
    );
}

#[test]
fn several_classes_a_picture_give_the_mean_of_the_average_precisions() {
    let mut dice = Dice(9);
    let (pictures, names) = (dice.embeddings(40, 4), dice.embeddings(3, 4));
    let mut lines = String::new();
    let mut files = Vec::new();
    let mut positive = vec![vec![false; 40]; 3];
    for (index, row) in pictures.rows().enumerate() {
        let classes = (0..3).filter(|_| dice.roll(2) == 0).collect::<Vec<usize>>();
        // A picture without a class is no sample of a table: each has one at least.
        let classes = if classes.is_empty() { vec![index % 3] } else { classes };
        for class in &classes {
            positive[*class][index] = true;
            let name = written(names.row(*class)).replace('"', "");
            writeln!(lines, "{{\"image\": \"{index:02}.png\", \"label\": \"{class} {name}\"}}")
                .unwrap();
        }
        files.push((format!("{index:02}.png"), written(row)));
    }
    // The last picture cannot be embedded: for each of its classes it comes last.
    files[39].1 = "broken".to_owned();
    files.push(("t.jsonl".to_owned(), lines));
    let report = measure(&open(&folder(&files)), None, &with_templates(&["none"]));
    let mut expected = 0.0;
    for (class, positive) in positive.iter().enumerate() {
        let mut scores =
            pictures.rows().map(|row| cosine(row, names.row(class))).collect::<Vec<_>>();
        scores[39] = f32::NEG_INFINITY;
        expected += average_precision(&scores, positive).unwrap() / 3.0;
    }
    let result = &report.multi_label[0];
    assert!((result.mean_average_precision - expected).abs() < 1e-9);
    assert_eq!((result.pictures, result.classes), (40, 3));
    let counted = positive[0].iter().filter(|positive| **positive).count();
    assert_eq!(result.per_class[0].pictures, counted);
}

#[test]
fn embeddings_of_different_lengths_are_an_error() {
    let folder = folder(&[("a [1 0 0]/1.png".to_owned(), "[1 0]".to_owned())]);
    let fake = Fake { scoring: None };
    let plan = with_templates(&["none"]);
    let error = evaluate(&open(&folder), &fake, &plan, &mut ()).unwrap_err().to_string();
    assert_eq!(error, "the embeddings of pictures have 2 numbers, those of texts 3");
    assert_eq!(Embeddings::normalise(2, vec![3.0, 4.0]).row(0), [0.6, 0.8]);
}
