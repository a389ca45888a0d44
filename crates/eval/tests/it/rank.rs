//! Places in an order.

use eval::rank_of_best;
use proptest::prelude::*;

/// The place of the first positive in the items sorted by score, without the other positives before it.
fn naive(scores: &[f32], positives: &[usize]) -> Option<usize> {
    let mut order = (0..scores.len()).collect::<Vec<_>>();
    // The sort is stable: of equal scores the lower index stays first.
    order.sort_by(|a, b| scores[*b].partial_cmp(&scores[*a]).unwrap());
    order.iter().position(|item| positives.contains(item))
}

#[test]
fn the_best_positive_counts_and_equal_scores_stay_in_order() {
    let rank = |scores: &[f32], positives: &[usize]| {
        rank_of_best(scores, positives).map(|ranked| (ranked.index, ranked.rank))
    };
    assert_eq!(rank(&[0.1, 0.9, 0.5], &[2]), Some((2, 1)));
    assert_eq!(rank(&[0.1, 0.9, 0.5], &[0, 1]), Some((1, 0)));
    assert_eq!(rank(&[0.5, 0.5, 0.5], &[1]), Some((1, 1)), "the lower index is better");
    assert_eq!(rank(&[0.5, 0.5, 0.5], &[0]), Some((0, 0)), "and is not pushed back");
    assert_eq!(rank(&[0.5, 0.2], &[]), None);
}

proptest! {
    #[test]
    fn the_rank_is_the_place_in_a_stable_sort(
        // Few values, so that many are equal.
        scores in proptest::collection::vec((0_u8..6).prop_map(f32::from), 1..30),
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut positives = picks.iter().map(|pick| pick.index(scores.len())).collect::<Vec<_>>();
        positives.sort_unstable();
        positives.dedup();
        let ranked = rank_of_best(&scores, &positives);
        prop_assert_eq!(ranked.map(|ranked| ranked.rank), naive(&scores, &positives));
    }
}
