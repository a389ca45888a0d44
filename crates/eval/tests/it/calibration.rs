//! Probabilities beside what came true.

use eval::Calibrator;
use model::{Scoring, sigmoid};

use crate::dice::Dice;

/// The logit is the cosine itself.
const PLAIN: Scoring = Scoring { factor: 1.0, bias: 0.0 };

/// The cosine whose probability this is.
fn cosine_of(probability: f64) -> f32 {
    (probability / (1.0 - probability)).ln() as f32
}

#[test]
fn the_error_is_the_weighted_distance_of_what_was_said_and_what_came_true() {
    let mut calibrator = Calibrator::new(PLAIN);
    // Two pairs of 0.9 (one right), two of 0.1 (none right).
    calibrator.add(&[cosine_of(0.9), cosine_of(0.1)], &[0]);
    calibrator.add(&[cosine_of(0.1), cosine_of(0.9)], &[]);
    let calibration = calibrator.finish(&[]);
    let pairs = &calibration.pairs;
    assert_eq!((pairs.count, pairs.bins.len()), (4, 15));
    // (|0.9 - 0.5| + |0.1 - 0|) / 2.
    assert!((pairs.expected_calibration_error - 0.25).abs() < 1e-6, "{pairs:?}");
    let bin = pairs.bins[13];
    assert_eq!((bin.count, bin.share_right), (2, 0.5));
    assert!((bin.mean_probability - 0.9).abs() < 1e-6);
    assert!((bin.from - 13.0 / 15.0).abs() < 1e-12 && (bin.to - 14.0 / 15.0).abs() < 1e-12);
    // The best of each picture: 0.9 twice, right once.
    assert_eq!(calibration.best.count, 2);
    assert!((calibration.best.expected_calibration_error - 0.4).abs() < 1e-6);
}

#[test]
fn too_sure_and_not_sure_enough_do_not_make_up_for_each_other() {
    let mut calibrator = Calibrator::new(PLAIN);
    calibrator.add(&[cosine_of(0.9), cosine_of(0.1)], &[1]);
    let error = calibrator.finish(&[]).pairs.expected_calibration_error;
    assert!((error - 0.9).abs() < 1e-6, "{error}");
}

#[test]
fn probabilities_of_zero_and_one_have_bins() {
    let mut calibrator = Calibrator::new(Scoring { factor: 1000.0, bias: 0.0 });
    calibrator.add(&[1.0, -1.0], &[0]);
    let pairs = calibrator.finish(&[0.9]).pairs;
    assert_eq!((pairs.bins[0].count, pairs.bins[14].count), (1, 1));
    assert_eq!(pairs.expected_calibration_error, 0.0);
}

/// Precision and recall of a threshold, counted pair by pair.
fn at(pairs: &[(f32, bool)], threshold: f64) -> (f64, f64) {
    let selected = pairs.iter().filter(|(probability, _)| f64::from(*probability) >= threshold);
    let (mut right, mut count) = (0_usize, 0_usize);
    for (_, is_right) in selected {
        right += usize::from(*is_right);
        count += 1;
    }
    let all = pairs.iter().filter(|(_, right)| *right).count();
    (right as f64 / count as f64, right as f64 / all as f64)
}

#[test]
fn a_threshold_keeps_its_promise_and_none_selects_more() {
    let mut dice = Dice(11);
    for _ in 0..20 {
        let mut calibrator = Calibrator::new(PLAIN);
        let mut pairs = Vec::new();
        for _ in 0..30 {
            let cosines = (0..4).map(|_| 4.0 * dice.number()).collect::<Vec<_>>();
            // The higher the cosine, the likelier it is right.
            let right = (0..4).filter(|place| cosines[*place] + 2.0 * dice.number() > 1.5);
            let right = right.collect::<Vec<_>>();
            calibrator.add(&cosines, &right);
            pairs.extend(
                cosines
                    .iter()
                    .enumerate()
                    .map(|(place, cosine)| (sigmoid(*cosine), right.contains(&place))),
            );
        }
        for threshold in calibrator.finish(&[0.0, 0.5, 0.8, 1.0]).thresholds {
            let wanted = threshold.wanted_precision;
            // Every probability that occurs is a threshold that could have been chosen.
            let candidates =
                pairs.iter().map(|(probability, _)| at(&pairs, f64::from(*probability)));
            let best = candidates.filter(|(precision, _)| *precision >= wanted);
            let best = best.map(|(_, recall)| recall).fold(0.0, f64::max);
            match threshold.probability {
                Some(probability) => {
                    let (precision, recall) = at(&pairs, probability);
                    assert_eq!(Some(precision), threshold.precision, "the counts are exact");
                    assert_eq!(Some(recall), threshold.recall);
                    assert!(precision >= wanted);
                    // A threshold has a few bits less than a probability: at most a pair or two are lost.
                    assert!(recall <= best + 1e-12 && recall >= best - 0.05, "{recall} {best}");
                }
                None => assert!(best <= 0.05, "a threshold was missed: {wanted} {best}"),
            }
        }
    }
}

#[test]
fn a_precision_that_nothing_has_gets_no_threshold() {
    let mut calibrator = Calibrator::new(PLAIN);
    calibrator.add(&[2.0, 1.0], &[1]);
    let thresholds = calibrator.finish(&[0.4, 0.9]).thresholds;
    assert_eq!(thresholds[0].precision, Some(0.5));
    assert_eq!(thresholds[0].recall, Some(1.0));
    assert!(thresholds[0].probability.unwrap() <= f64::from(sigmoid(1.0)));
    assert_eq!(
        (thresholds[1].probability, thresholds[1].precision, thresholds[1].recall),
        (None, None, None)
    );
}
