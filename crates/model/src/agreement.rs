//! What another way of computing changes: two runs over the same pictures and texts, compared.
//!
//! It measures and does not judge: how much a precision may cost depends on what the scores are
//! for. Embeddings are compared by their cosine in f64, scores as the commands print them.

use crate::Scoring;
use crate::rank::kendall_tau;
use crate::score::sigmoid;

/// The smallest and the mean of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many numbers.
    pub count: usize,
    /// The smallest of them.
    pub least: f64,
    /// Their arithmetic mean.
    pub mean: f64,
}

impl Summary {
    /// Of `numbers`; `None` when there are none.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (mut count, mut least, mut sum) = (0, f64::INFINITY, 0.0);
        for number in numbers {
            count += 1;
            least = number.min(least);
            sum += number;
        }
        (count > 0).then(|| Self { count, least, mean: sum / count as f64 })
    }
}

/// The cosines between the embeddings of two runs, row by row, in f64.
///
/// The lengths of the rows are divided out, which [`cosine`](crate::cosine) leaves to its caller:
/// at 1e-8 they would count. A row of zeros has the cosine 0. `None` when there are no rows.
///
/// # Panics
///
/// When the runs differ in their rows' number or length.
pub fn closeness(expected: &[Vec<f32>], found: &[Vec<f32>]) -> Option<Summary> {
    assert_eq!(expected.len(), found.len(), "both runs have the same inputs");
    Summary::of(expected.iter().zip(found).map(|(expected, found)| wide_cosine(expected, found)))
}

fn wide_cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "both runs have embeddings of one length");
    let product = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
    };
    let lengths = product(a, a).sqrt() * product(b, b).sqrt();
    if lengths > 0.0 { product(a, b) / lengths } else { 0.0 }
}

/// Logits of pictures x texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    texts: usize,
    values: Vec<f32>,
}

impl Logits {
    /// From `values`, `[pictures][texts]`; `None` when one of them is not finite.
    ///
    /// # Panics
    ///
    /// When `values` are not whole rows of one text or more.
    pub fn new(texts: usize, values: Vec<f32>) -> Option<Self> {
        assert!(texts > 0 && values.len().is_multiple_of(texts), "logits are whole rows");
        values.iter().all(|logit| logit.is_finite()).then_some(Self { texts, values })
    }

    /// Of embeddings of length 1; `None` when a logit is not finite.
    ///
    /// # Panics
    ///
    /// When there is no text.
    pub fn of(pictures: &[Vec<f32>], texts: &[Vec<f32>], scoring: Scoring) -> Option<Self> {
        let mut values = Vec::with_capacity(pictures.len() * texts.len());
        for picture in pictures {
            values.extend(texts.iter().map(|text| scoring.score(picture, text).logit));
        }
        Self::new(texts.len(), values)
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.texts)
    }

    fn column(&self, text: usize) -> Vec<f32> {
        self.rows().map(|row| row[text]).collect()
    }
}

/// What became of the scores.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreAgreement {
    /// Pairs of a picture and a text.
    pub pairs: usize,
    /// [`kendall_tau`] of the order of the texts, one for each picture that orders them.
    pub texts_of_a_picture: Option<Summary>,
    /// [`kendall_tau`] of the order of the pictures, one for each text that orders them.
    pub pictures_of_a_text: Option<Summary>,
    /// For each picture that has another best text: by how much the logit of the expected one leads,
    /// where it was expected, over that of the one found.
    pub lost_leads: Vec<f64>,
    /// Probabilities that are below 0.5 in one run and not in the other.
    pub across_half: usize,
    /// The largest difference between two probabilities.
    pub largest_probability_change: f64,
    /// The largest difference between two logits.
    pub largest_logit_change: f64,
}

impl ScoreAgreement {
    /// Compares the scores of two runs.
    ///
    /// # Panics
    ///
    /// When the runs differ in their pictures' or texts' number.
    pub fn between(expected: &Logits, found: &Logits) -> Self {
        let shape = |logits: &Logits| [logits.values.len(), logits.texts];
        assert_eq!(shape(expected), shape(found), "both runs have the same inputs");
        let rows = || expected.rows().zip(found.rows());
        let columns = (0..expected.texts).map(|text| [expected.column(text), found.column(text)]);
        let mut agreement = Self {
            pairs: expected.values.len(),
            texts_of_a_picture: Summary::of(rows().filter_map(|(a, b)| kendall_tau(a, b))),
            pictures_of_a_text: Summary::of(columns.filter_map(|[a, b]| kendall_tau(&a, &b))),
            lost_leads: rows().filter_map(|(expected, found)| lost_lead(expected, found)).collect(),
            across_half: 0,
            largest_probability_change: 0.0,
            largest_logit_change: 0.0,
        };
        for (&expected, &found) in expected.values.iter().zip(&found.values) {
            agreement.count_pair(expected, found);
        }
        agreement
    }

    fn count_pair(&mut self, expected: f32, found: f32) {
        let probabilities = [expected, found].map(sigmoid);
        let [before, after] = probabilities.map(|probability| probability >= 0.5);
        self.across_half += usize::from(before != after);
        let largest = &mut self.largest_probability_change;
        *largest = largest.max(difference(probabilities[0], probabilities[1]));
        let largest = &mut self.largest_logit_change;
        *largest = largest.max(difference(expected, found));
    }
}

fn difference(a: f32, b: f32) -> f64 {
    (f64::from(a) - f64::from(b)).abs()
}

/// Of a picture: `None` when its best text stayed.
fn lost_lead(expected: &[f32], found: &[f32]) -> Option<f64> {
    let (before, after) = (best(expected), best(found));
    (before != after).then(|| difference(expected[before], expected[after]))
}

/// The place of the largest, of equal ones the first, as `classify` sorts them.
fn best(row: &[f32]) -> usize {
    let mut best = 0;
    for (place, &logit) in row.iter().enumerate() {
        if logit > row[best] {
            best = place;
        }
    }
    best
}
