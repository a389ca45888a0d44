use model::{
    Embeddings, GroupMode, GroupedLabel, GroupedScore, LabelGroup, Scoring, cosine, score_groups,
    softmax, turned_to_examples,
};

/// That of the base shape, about: a cosine of 0.125 is even.
const SCORING: Scoring = Scoring { factor: 100.0, bias: -12.5 };

fn label(name: &str, threshold: Option<f32>, negatives: usize) -> GroupedLabel {
    GroupedLabel { name: name.to_owned(), threshold, negatives }
}

fn group(mode: GroupMode, labels: Vec<GroupedLabel>) -> LabelGroup {
    LabelGroup { name: "group".to_owned(), mode, labels }
}

/// A row whose cosine with the picture `[1, 0]` is this.
fn row(cosine: f32) -> [f32; 2] {
    [cosine, (1.0 - cosine * cosine).sqrt()]
}

fn score(groups: &[LabelGroup], cosines: &[f32], threshold: Option<f32>) -> Vec<GroupedScore> {
    let rows = cosines.iter().copied().flat_map(row).collect::<Vec<_>>();
    score_groups(groups, &rows, SCORING, &[1.0, 0.0], threshold)
}

fn selected(scores: &[GroupedScore]) -> Vec<bool> {
    scores.iter().map(|score| score.selected).collect()
}

#[test]
fn an_exclusive_group_has_one_label_and_a_multi_group_any_number() {
    let labels = || vec![label("a", None, 0), label("b", None, 0), label("c", None, 0)];
    let groups = [group(GroupMode::Exclusive, labels()), group(GroupMode::Multi, labels())];
    let scores = score(&groups, &[0.0, 0.02, 0.01, 0.2, 0.13, 0.12], None);
    assert_eq!(selected(&scores), [false, true, false, true, true, false]);
    let places = scores.iter().map(|score| [score.group, score.label]).collect::<Vec<_>>();
    assert_eq!(places, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]);
    for group in scores.chunks(3) {
        let logits = group.iter().map(|score| score.score.logit).collect::<Vec<_>>();
        let relative = group.iter().map(|score| score.relative).collect::<Vec<_>>();
        assert_eq!(relative, softmax(&logits), "the softmax is of its group alone");
    }
    let (exclusive, multi) = (scores[1], scores[3]);
    assert_eq!(exclusive.of_mode(GroupMode::Exclusive), exclusive.relative);
    assert_eq!(multi.of_mode(GroupMode::Multi), multi.score.probability);
}

#[test]
fn a_threshold_is_of_the_probability_and_the_labels_own_goes_before_the_requests() {
    let labels = || vec![label("a", Some(0.9), 0), label("b", Some(0.1), 0), label("c", None, 0)];
    let exclusive = [group(GroupMode::Exclusive, labels())];
    // The best one is not likely enough: then none is.
    assert_eq!(selected(&score(&exclusive, &[0.13, 0.12, 0.11], None)), [false; 3]);
    assert_eq!(selected(&score(&exclusive, &[0.16, 0.12, 0.11], None)), [true, false, false]);
    assert_eq!(selected(&score(&exclusive, &[0.0, 0.01, 0.02], None)), [false, false, true]);
    assert_eq!(selected(&score(&exclusive, &[0.0, 0.01, 0.02], Some(0.3))), [false; 3]);
    let multi = [group(GroupMode::Multi, labels())];
    let cosines = [0.14, 0.12, 0.12];
    assert_eq!(selected(&score(&multi, &cosines, None)), [false, true, false]);
    assert_eq!(selected(&score(&multi, &cosines, Some(0.3))), [false, true, true]);
}

#[test]
fn of_equal_labels_the_first_is_selected() {
    let labels = vec![label("a", None, 0), label("b", None, 0)];
    let scores = score(&[group(GroupMode::Exclusive, labels)], &[0.1, 0.1], None);
    assert_eq!(selected(&scores), [true, false]);
}

#[test]
fn what_a_label_is_not_takes_its_share_of_the_logit() {
    let one = |negatives: &[f32]| {
        let labels = vec![label("a", None, negatives.len())];
        let cosines = [&[0.1], negatives].concat();
        score(&[group(GroupMode::Multi, labels)], &cosines, None)[0].score
    };
    let without = one(&[]);
    assert_eq!(without, SCORING.score(&[1.0, 0.0], &row(0.1)));
    let as_near = one(&[0.1]);
    assert!((without.logit - as_near.logit - 2.0_f32.ln()).abs() < 1e-4, "{as_near:?}");
    assert_eq!(as_near.cosine, without.cosine);
    let far = one(&[-0.5]);
    assert!((far.logit - without.logit).abs() < 1e-6);
    // Nearer by 0.1, which is 10 in logits: the label is as unlikely as it was less near.
    let nearer = one(&[0.2]);
    assert!((without.logit - nearer.logit - 10.0).abs() < 1e-3, "{nearer:?}");
    assert!(one(&[0.2, 0.2]).logit < nearer.logit);
    assert!(one(&[1.0]).logit.is_finite());
}

fn unit<const D: usize>(row: [f32; D]) -> Vec<f32> {
    Embeddings::normalise(D, row.to_vec()).row(0).to_vec()
}

#[test]
fn examples_turn_a_label_until_they_are_as_likely_as_not() {
    let text = unit([1.0, 0.02, 0.0, 0.1]);
    let examples = [unit([0.02, 1.0, 0.3, 0.0]), unit([0.0, 1.0, -0.2, 0.1])];
    let rows = || examples.iter().map(Vec::as_slice);
    let turned = turned_to_examples(&text, rows(), SCORING);
    assert!((cosine(&turned, &turned) - 1.0).abs() < 1e-6);
    let mean = rows().map(|example| cosine(&turned, example)).sum::<f32>() / 2.0;
    assert!((mean - SCORING.even_cosine()).abs() < 1e-6, "{mean}");
    // It stays near to its words.
    assert!(cosine(&turned, &text) > 0.99);
    // Another picture, as near to the examples as pictures are to each other, is not taken for one of them.
    let other = unit([0.0, 0.5, 0.0, -0.8]);
    assert!(SCORING.score(&other, &turned).probability < 0.01);
}

#[test]
fn a_label_that_fits_its_examples_already_stays_as_it_is() {
    let text = unit([1.0, 0.2, 0.0]);
    let example = unit([0.0, 1.0, 0.0]);
    let turn = |examples: &[Vec<f32>]| {
        turned_to_examples(&text, examples.iter().map(Vec::as_slice), SCORING)
    };
    assert_eq!(turn(std::slice::from_ref(&example)), text);
    assert_eq!(turn(&[]), text);
    let opposite = example.iter().map(|x| -x).collect::<Vec<_>>();
    assert_eq!(turn(&[example, opposite]), text, "examples without a direction say nothing");
}
