//! Labels in groups: which of these is it, and which of those are in it?
//!
//! A group is exclusive (one of its labels holds) or multi (each holds or not). A label has one vector, which examples may
//! turn, and may have vectors of what it is not. All of them are rows of one matrix, so that a picture costs one product
//! with it.

use crate::score::{Embeddings, Score, Scoring, cosine, sigmoid, softmax};

/// From which probability a label of a [`GroupMode::Multi`] group is selected when nobody says.
pub const SELECTED_FROM: f32 = 0.5;

/// What the labels of a group are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupMode {
    /// One of them holds.
    Exclusive,
    /// Each holds or not, whatever the others do.
    Multi,
}

/// A label of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupedLabel {
    /// What the answer calls it.
    pub name: String,
    /// From which probability it is selected.
    pub threshold: Option<f32>,
    /// How many rows behind its own say what it is not.
    pub negatives: usize,
}

/// Labels that are judged together.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelGroup {
    /// What the answer calls it.
    pub name: String,
    /// What its labels are to each other.
    pub mode: GroupMode,
    /// At least one.
    pub labels: Vec<GroupedLabel>,
}

/// A picture against a label of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupedScore {
    /// The group's place.
    pub group: usize,
    /// The label's place in its group.
    pub label: usize,
    /// The cosine with the label's own vector; the logit is what is left of its own beside those of what it is not.
    pub score: Score,
    /// The softmax of the logits in its group: this one, if it must be one of them.
    pub relative: f32,
    /// See [`score_groups`].
    pub selected: bool,
}

impl GroupedScore {
    /// What a group's kind asks for: `relative` where one label holds, the probability where each is on its own.
    pub fn of_mode(&self, mode: GroupMode) -> f32 {
        match mode {
            GroupMode::Exclusive => self.relative,
            GroupMode::Multi => self.score.probability,
        }
    }
}

/// Scores one image's embedding, of length 1, against all labels, in their order.
///
/// `rows` are of length 1: for each label of each group its own and then its negative ones. With `l` the label's logit and
/// `n` those of its negatives the logit of the score is `l - ln(1 + sum of exp(n - l))`: what the label's share among them
/// leaves of `l`, so that without negatives it is `l`, and where a negative is as near it falls by `ln 2`.
///
/// A label of a multi group is selected from its threshold on, else from `threshold`, else from [`SELECTED_FROM`]. Of an
/// exclusive group the best label is selected, if its probability reaches its threshold, or else `threshold`, where there
/// is one.
///
/// # Panics
///
/// When there are fewer rows than labels and negatives.
pub fn score_groups(
    groups: &[LabelGroup],
    rows: &[f32],
    scoring: Scoring,
    image: &[f32],
    threshold: Option<f32>,
) -> Vec<GroupedScore> {
    let mut rows = rows.chunks_exact(image.len());
    let mut next = || scoring.score(image, rows.next().expect("each label has its rows"));
    let mut all = Vec::new();
    for (group, LabelGroup { mode, labels, .. }) in groups.iter().enumerate() {
        let scores = labels.iter().map(|label| {
            let own = next();
            // In f64, which no difference of logits takes to infinity.
            let against = (0..label.negatives).map(|_| f64::from(next().logit - own.logit).exp());
            let logit = own.logit - against.sum::<f64>().ln_1p() as f32;
            Score { cosine: own.cosine, logit, probability: sigmoid(logit) }
        });
        let scores = scores.collect::<Vec<_>>();
        let relative = softmax(&scores.iter().map(|score| score.logit).collect::<Vec<_>>());
        // The first of equal ones.
        let best =
            (0..scores.len()).rev().max_by(|&a, &b| scores[a].logit.total_cmp(&scores[b].logit));
        for (label, score) in scores.into_iter().enumerate() {
            let least = labels[label].threshold.or(threshold);
            let selected = match mode {
                GroupMode::Multi => score.probability >= least.unwrap_or(SELECTED_FROM),
                GroupMode::Exclusive => {
                    best == Some(label) && least.is_none_or(|least| score.probability >= least)
                }
            };
            all.push(GroupedScore { group, label, score, relative: relative[label], selected });
        }
    }
    all
}

/// A label's vector, turned by example pictures, `[D]` each and of length 1.
///
/// Vectors of pictures lie far from those of texts, so that a mean of both would leave the range in which the model's
/// sigmoid means something: any picture is nearer to another picture than to any text. The text's vector is turned towards
/// the mean of the examples instead, and only so far that the examples' mean cosine with it is the one at which the
/// probability is a half. Where the text alone does as much, it stays as it is; and no label ever gets so near to a picture
/// that it beats labels without examples by being a picture.
///
/// # Panics
///
/// When an example has another length than the text's vector.
pub fn turned_to_examples<'a>(
    text: &[f32],
    examples: impl Iterator<Item = &'a [f32]>,
    scoring: Scoring,
) -> Vec<f32> {
    let mut sums = vec![0.0_f64; text.len()];
    let mut count = 0_usize;
    for example in examples {
        assert_eq!(example.len(), text.len(), "examples and text are of one model");
        sums.iter_mut().zip(example).for_each(|(sum, &x)| *sum += f64::from(x));
        count += 1;
    }
    let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    if count == 0 || length == 0.0 {
        return text.to_vec();
    }
    let mean = sums.iter().map(|sum| (sum / length) as f32).collect::<Vec<_>>();
    let agreement = length / count as f64;
    let wanted = (f64::from(scoring.even_cosine()) / agreement).clamp(-1.0, 1.0);
    let there = f64::from(cosine(text, &mean));
    if there >= wanted {
        return text.to_vec();
    }
    // The part of the text's vector that the examples do not have keeps its direction.
    let apart = text.iter().zip(&mean).map(|(&t, &e)| f64::from(t) - there * f64::from(e));
    let apart = apart.collect::<Vec<_>>();
    let apart_length = apart.iter().map(|x| x * x).sum::<f64>().sqrt();
    if apart_length == 0.0 {
        return text.to_vec();
    }
    let share = (1.0 - wanted * wanted).max(0.0).sqrt() / apart_length;
    let turned = apart.iter().zip(&mean).map(|(&a, &e)| (wanted * f64::from(e) + share * a) as f32);
    Embeddings::normalise(text.len(), turned.collect()).row(0).to_vec()
}
