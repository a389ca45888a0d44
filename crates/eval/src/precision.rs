//! Average precision.

/// The area below the curve of precision over recall, as the sum of precisions at the places of the positives
/// (`average_precision_score` of scikit-learn): items of one score come in together. `None` when there is no positive.
///
/// # Panics
/// When the lengths differ.
pub fn average_precision(scores: &[f32], positive: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), positive.len(), "every score is of a positive or of none");
    let positives = positive.iter().filter(|positive| **positive).count();
    if positives == 0 {
        return None;
    }
    let mut order = (0..scores.len()).collect::<Vec<_>>();
    order.sort_unstable_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let (mut seen, mut found, mut area) = (0_usize, 0_usize, 0.0);
    for tied in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let new = tied.iter().filter(|index| positive[**index]).count();
        seen += tied.len();
        found += new;
        area += new as f64 * found as f64 / seen as f64;
    }
    Some(area / positives as f64)
}
