//! Places in an order by score. Where two scores are equal the lower index is the better one, as for an argmax.

/// The best of some items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Which of them it is.
    pub index: usize,
    /// How many other items are better; those that are meant as well do not count.
    pub rank: usize,
}

/// Where the best of the `positives` stands among all items, 0 for the first place: the number of items that are better
/// and no positives themselves. `None` when there is no positive.
///
/// # Panics
/// When a positive has no score.
pub fn rank_of_best(scores: &[f32], positives: &[usize]) -> Option<Ranked> {
    let better = |a: usize, b: usize| scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
    let best = positives.iter().copied().reduce(
        |best, other| {
            if better(other, best) { other } else { best }
        },
    )?;
    // No other positive is better than the best of them.
    let before = scores[..best].iter().filter(|score| **score >= scores[best]).count();
    let after = scores[best + 1..].iter().filter(|score| **score > scores[best]).count();
    Some(Ranked { index: best, rank: before + after })
}

/// The item of the highest score.
pub(crate) fn first(scores: &[f32]) -> Option<usize> {
    let all = scores.iter().enumerate();
    let best = all.reduce(|best, other| if other.1 > best.1 { other } else { best });
    best.map(|(index, _)| index)
}
