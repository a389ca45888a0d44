//! How far two rankings of the same things agree.

/// Kendall's tau-b between two lists of scores, 1 for the same order, -1 for the opposite one.
///
/// A pair of things counts for the agreement when both lists order it alike, against it when they
/// order it differently, and not at all when a list says that the two are equal; the difference is
/// divided by the geometric mean of the pairs that each list orders. `None` when a list orders
/// nothing: it has fewer than two scores, or only equal ones.
///
/// Source: M. G. Kendall, "The treatment of ties in ranking problems", 1945; counted in
/// `n log n` steps as W. R. Knight, 1966, does: by the exchanges of a merge sort.
///
/// # Panics
///
/// When the lists differ in length, or hold a NaN.
pub fn kendall_tau(first: &[f32], second: &[f32]) -> Option<f64> {
    assert_eq!(first.len(), second.len(), "both lists score the same things");
    assert!(!first.iter().chain(second).any(|score| score.is_nan()), "a NaN has no rank");
    // Zeros of both signs are equal.
    let mut pairs = first.iter().zip(second).map(|(a, b)| [a + 0.0, b + 0.0]).collect::<Vec<_>>();
    pairs.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let all = pairs_among(pairs.len());
    let tied_in_first = tied(&pairs, |a, b| a[0] == b[0]);
    let tied_in_both = tied(&pairs, |a, b| a == b);
    let mut column = pairs.iter().map(|pair| pair[1]).collect::<Vec<_>>();
    let discordant = sort_counting(&mut column);
    let tied_in_second = tied(&column, |a, b| a == b);
    let (ordered_by_first, ordered_by_second) = (all - tied_in_first, all - tied_in_second);
    if ordered_by_first == 0 || ordered_by_second == 0 {
        return None;
    }
    let ordered_by_both = all + tied_in_both - tied_in_first - tied_in_second;
    let difference = ordered_by_both as f64 - 2.0 * discordant as f64;
    // A root of each: their product may be larger than the integers that f64 holds.
    Some(difference / ((ordered_by_first as f64).sqrt() * (ordered_by_second as f64).sqrt()))
}

fn pairs_among(count: usize) -> u64 {
    let count = count as u64;
    count * count.saturating_sub(1) / 2
}

/// Pairs within the runs of equal things of a sorted list.
fn tied<T>(sorted: &[T], equal: impl Fn(&T, &T) -> bool) -> u64 {
    sorted.chunk_by(equal).map(|run| pairs_among(run.len())).sum()
}

/// Sorts, and says how many pairs stood the wrong way round.
fn sort_counting(scores: &mut [f32]) -> u64 {
    if scores.len() < 2 {
        return 0;
    }
    let (left, right) = scores.split_at_mut(scores.len() / 2);
    let mut wrong = sort_counting(left) + sort_counting(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if left[i] <= right[j] {
            merged.push(left[i]);
            i += 1;
        } else {
            // It passes everything that is left on the left.
            wrong += (left.len() - i) as u64;
            merged.push(right[j]);
            j += 1;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    scores.copy_from_slice(&merged);
    wrong
}
