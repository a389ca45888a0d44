//! Average precision.

use eval::average_precision;
use proptest::prelude::*;

/// The definition with thresholds: for each score that occurs, precision times the recall it adds.
fn naive(scores: &[f32], positive: &[bool]) -> Option<f64> {
    let all = positive.iter().filter(|positive| **positive).count();
    if all == 0 {
        return None;
    }
    let mut thresholds = scores.to_vec();
    thresholds.sort_by(|a, b| b.partial_cmp(a).unwrap());
    thresholds.dedup();
    let (mut area, mut last_recall) = (0.0, 0.0);
    for threshold in thresholds {
        let selected = (0..scores.len()).filter(|index| scores[*index] >= threshold);
        let selected = selected.collect::<Vec<_>>();
        let right = selected.iter().filter(|index| positive[**index]).count() as f64;
        let recall = right / all as f64;
        area += right / selected.len() as f64 * (recall - last_recall);
        last_recall = recall;
    }
    Some(area)
}

#[test]
fn a_case_by_hand() {
    // Right at the places 1 and 3: (1/1 + 2/3) / 2.
    let found = average_precision(&[0.9, 0.8, 0.7, 0.6], &[true, false, true, false]).unwrap();
    assert!((found - 5.0 / 6.0).abs() < 1e-12, "{found}");
    // One of two tied at the top: they come in together.
    assert_eq!(average_precision(&[0.5, 0.5], &[true, false]), Some(0.5));
    assert_eq!(average_precision(&[0.5, 0.5], &[false, true]), Some(0.5));
    assert_eq!(average_precision(&[0.5, f32::NEG_INFINITY], &[false, true]), Some(0.5));
    assert_eq!(average_precision(&[0.5], &[false]), None);
}

proptest! {
    #[test]
    fn it_is_the_sum_over_thresholds(
        items in proptest::collection::vec(((0_u8..8).prop_map(f32::from), any::<bool>()), 1..40),
    ) {
        let (scores, positive): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        match (average_precision(&scores, &positive), naive(&scores, &positive)) {
            (Some(found), Some(expected)) => prop_assert!((found - expected).abs() < 1e-12),
            (found, expected) => prop_assert_eq!(found, expected),
        }
    }
}
