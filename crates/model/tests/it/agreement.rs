use model::{Logits, ScoreAgreement, Scoring, Summary, closeness, kendall_tau};
use proptest::collection::vec;
use proptest::prelude::*;

/// Every pair looked at.
fn naive_tau(first: &[f32], second: &[f32]) -> Option<f64> {
    let (mut difference, mut by_first, mut by_second) = (0_i64, 0_i64, 0_i64);
    let sign = |scores: &[f32], i: usize, j: usize| match scores[i].partial_cmp(&scores[j]) {
        Some(std::cmp::Ordering::Less) => -1,
        Some(std::cmp::Ordering::Greater) => 1,
        _ => 0,
    };
    for i in 0..first.len() {
        for j in 0..i {
            let (a, b) = (sign(first, i, j), sign(second, i, j));
            difference += a * b;
            by_first += a.abs();
            by_second += b.abs();
        }
    }
    let ordered = (by_first * by_second) as f64;
    (ordered > 0.0).then(|| difference as f64 / ordered.sqrt())
}

/// Scores with many equal ones among them, zeros of both signs too.
fn scores() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
    let score = || prop_oneof![(-3..4_i8).prop_map(f32::from), Just(-0.0), -9.0_f32..9.0];
    (0_usize..40).prop_flat_map(move |count| (vec(score(), count), vec(score(), count)))
}

proptest! {
    #[test]
    fn tau_counts_what_looking_at_every_pair_counts((first, second) in scores()) {
        match (kendall_tau(&first, &second), naive_tau(&first, &second)) {
            (Some(tau), Some(naive)) => prop_assert!((tau - naive).abs() < 1e-12, "{tau} {naive}"),
            (tau, naive) => prop_assert_eq!(tau, naive),
        }
    }

    #[test]
    fn tau_is_the_same_both_ways_and_turns_with_a_list((first, second) in scores()) {
        let tau = kendall_tau(&first, &second);
        prop_assert_eq!(tau, kendall_tau(&second, &first));
        let opposite = second.iter().map(|score| -score).collect::<Vec<_>>();
        let turned = kendall_tau(&first, &opposite);
        prop_assert_eq!(tau.map(|tau| -tau), turned);
    }
}

fn logits(texts: usize, values: Vec<f32>) -> Logits {
    Logits::new(texts, values).expect("they are finite")
}

#[test]
fn tau_of_lists_that_are_known() {
    let order = [1.0, 2.0, 3.0, 4.0];
    assert!((kendall_tau(&order, &[2.0, 4.0, 6.0, 8.0]).unwrap() - 1.0).abs() < 1e-15);
    assert!((kendall_tau(&order, &[4.0, 3.0, 2.0, 1.0]).unwrap() + 1.0).abs() < 1e-15);
    // One of six pairs the wrong way round.
    assert!((kendall_tau(&order, &[1.0, 3.0, 2.0, 4.0]).unwrap() - 4.0 / 6.0).abs() < 1e-15);
    // One tie: five of the six pairs are ordered by both.
    let tied = kendall_tau(&order, &[1.0, 2.0, 2.0, 4.0]).unwrap();
    assert!((tied - 5.0 / (6.0_f64 * 5.0).sqrt()).abs() < 1e-15);
    assert_eq!(kendall_tau(&order, &[7.0; 4]), None);
    assert_eq!(kendall_tau(&[1.0], &[1.0]), None);
    assert_eq!(kendall_tau(&[], &[]), None);
}

#[test]
#[should_panic(expected = "a NaN has no rank")]
fn tau_refuses_a_score_that_is_none() {
    kendall_tau(&[1.0, f32::NAN], &[1.0, 2.0]);
}

#[test]
fn closeness_is_the_cosine_whatever_the_lengths() {
    let expected = [vec![3.0, 4.0], vec![1.0, 0.0]];
    let found = [vec![6.0, 8.0], vec![1.0, 1.0]];
    let Summary { count, least, mean } = closeness(&expected, &found).expect("two rows");
    let half_right = 0.5_f64.sqrt();
    assert_eq!(count, 2);
    assert!((least - half_right).abs() < 1e-15);
    assert!((mean - f64::midpoint(1.0, half_right)).abs() < 1e-15);
    let zeros = closeness(&expected[..1], &[vec![0.0, 0.0]]).expect("a row");
    assert_eq!([zeros.least, zeros.mean], [0.0; 2]);
    assert_eq!(closeness(&[], &[]), None);
}

#[test]
fn logits_are_those_of_the_score_command() {
    let scoring = Scoring::new(2.0, -1.0);
    let (pictures, texts) = ([vec![1.0, 0.0], vec![0.6, 0.8]], [vec![0.0, 1.0]]);
    let expected = pictures.iter().map(|picture| scoring.score(picture, &texts[0]).logit);
    let found = Logits::of(&pictures, &texts, scoring);
    assert_eq!(found, Some(logits(1, expected.collect())));
    assert_eq!(Logits::of(&pictures, &texts, Scoring::new(f32::NAN, -1.0)), None);
}

#[test]
fn the_same_scores_agree_in_everything() {
    let scores = logits(3, vec![-1.0, 0.5, 2.0, 3.0, -4.0, 0.0]);
    let agreement = ScoreAgreement::between(&scores, &scores);
    let same = |count| Some(Summary { count, least: 1.0, mean: 1.0 });
    let rounded = |summary: Option<Summary>| {
        summary.map(|Summary { count, least, mean }| Summary {
            count,
            least: (least * 1e12).round() / 1e12,
            mean: (mean * 1e12).round() / 1e12,
        })
    };
    assert_eq!(rounded(agreement.texts_of_a_picture), same(2));
    assert_eq!(rounded(agreement.pictures_of_a_text), same(3));
    assert_eq!(agreement.pairs, 6);
    assert!(agreement.lost_leads.is_empty());
    assert_eq!(agreement.across_half, 0);
    assert_eq!([agreement.largest_logit_change, agreement.largest_probability_change], [0.0; 2]);
}

#[test]
fn what_changed_is_counted() {
    // The first picture's best text becomes the third, which was 0.5 behind; the second's stays.
    let expected = logits(3, vec![2.0, -1.0, 1.5, -3.0, 0.25, -1.0]);
    let found = logits(3, vec![1.5, -1.0, 1.75, -3.0, -0.25, -2.0]);
    let agreement = ScoreAgreement::between(&expected, &found);
    assert_eq!(agreement.lost_leads, [0.5]);
    // 0.25 became -0.25.
    assert_eq!(agreement.across_half, 1);
    assert_eq!(agreement.largest_logit_change, 1.0);
    let change = |logit: f64| 1.0 / (1.0 + (-logit).exp());
    let largest = change(-1.0) - change(-2.0);
    assert!((agreement.largest_probability_change - largest).abs() < 1e-7);
    // Of the three pairs of texts, one turned for the first picture and none for the second.
    let texts = agreement.texts_of_a_picture.expect("three texts");
    assert!((texts.least - 1.0 / 3.0).abs() < 1e-12 && (texts.mean - 2.0 / 3.0).abs() < 1e-12);
    let pictures = agreement.pictures_of_a_text.expect("two pictures");
    assert_eq!(pictures.count, 3);
}

#[test]
fn of_equal_best_texts_the_first_counts_as_classify_shows_it() {
    let expected = logits(2, vec![1.0, 1.0]);
    let stays = ScoreAgreement::between(&expected, &logits(2, vec![2.0, 2.0]));
    assert!(stays.lost_leads.is_empty());
    let turns = ScoreAgreement::between(&expected, &logits(2, vec![1.0, 2.0]));
    assert_eq!(turns.lost_leads, [0.0]);
}
