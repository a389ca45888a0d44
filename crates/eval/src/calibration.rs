//! Do the probabilities mean what they say? Counted as they come, in constant memory.

use model::{Scoring, sigmoid};

use crate::report::{Bin, Calibration, Reliability, Threshold};

/// Bins of the reliability diagram.
const BINS: usize = 15;

/// Bits of a probability that thresholds do not see. A threshold is a number whose last 12 bits are zero: steps of a
/// 2,000th to a 4,000th of its size, and exact counts at each.
const UNSEEN_BITS: u32 = 12;

/// Steps up to the probability 1.
const STEPS: usize = (1.0_f32.to_bits() >> UNSEEN_BITS) as usize + 1;

/// Counts probabilities and what came true.
pub struct Calibrator {
    scoring: Scoring,
    pairs: Tally,
    best: Tally,
    /// For each step, how many pairs were right and how many were not.
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Default)]
struct Step {
    right: u64,
    wrong: u64,
}

/// Whether a pair belongs together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Truth {
    Right,
    Wrong,
}

impl From<bool> for Truth {
    fn from(right: bool) -> Self {
        if right { Self::Right } else { Self::Wrong }
    }
}

impl Calibrator {
    /// Nothing counted yet.
    pub fn new(scoring: Scoring) -> Self {
        Self {
            scoring,
            pairs: Tally::default(),
            best: Tally::default(),
            steps: vec![Step::default(); STEPS],
        }
    }

    /// Counts a picture's cosines with everything; those at `right`, which rise, belong to it.
    pub fn add(&mut self, cosines: &[f32], right: &[usize]) {
        let mut remaining = right.iter().copied().peekable();
        let mut best = None::<Best>;
        for (index, cosine) in cosines.iter().enumerate() {
            let probability = sigmoid(cosine * self.scoring.factor + self.scoring.bias);
            let truth = Truth::from(remaining.next_if_eq(&index).is_some());
            self.pairs.add(probability, truth);
            let step = &mut self.steps[(probability.to_bits() >> UNSEEN_BITS) as usize];
            match truth {
                Truth::Right => step.right += 1,
                Truth::Wrong => step.wrong += 1,
            }
            if best.is_none_or(|best| *cosine > best.cosine) {
                best = Some(Best { cosine: *cosine, probability, truth });
            }
        }
        if let Some(best) = best {
            self.best.add(best.probability, best.truth);
        }
    }

    /// What was counted, with thresholds for these precisions.
    pub fn finish(&self, precisions: &[f64]) -> Calibration {
        let threshold = |wanted: &f64| self.threshold(*wanted);
        Calibration {
            pairs: self.pairs.finish(),
            best: self.best.finish(),
            thresholds: precisions.iter().map(threshold).collect(),
        }
    }

    /// The threshold of the highest recall whose precision is at least the wanted one; among several of that recall the
    /// highest.
    fn threshold(&self, wanted: f64) -> Threshold {
        let all = self.steps.iter().map(|step| step.right).sum::<u64>();
        let mut found = Threshold {
            wanted_precision: wanted,
            probability: None,
            precision: None,
            recall: None,
        };
        let (mut right, mut wrong) = (0, 0);
        for (place, step) in self.steps.iter().enumerate().rev() {
            if step.right == 0 && step.wrong == 0 {
                continue;
            }
            right += step.right;
            wrong += step.wrong;
            let precision = right as f64 / (right + wrong) as f64;
            let recall = right as f64 / all.max(1) as f64;
            if precision >= wanted && found.recall.is_none_or(|known| recall > known) {
                let lowest = f32::from_bits((place as u32) << UNSEEN_BITS);
                found.probability = Some(f64::from(lowest));
                found.precision = Some(precision);
                found.recall = Some(recall);
            }
        }
        found
    }
}

#[derive(Clone, Copy)]
struct Best {
    cosine: f32,
    probability: f32,
    truth: Truth,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    count: u64,
    right: u64,
    probability: f64,
}

#[derive(Default)]
struct Tally {
    bins: [Sums; BINS],
}

impl Tally {
    fn add(&mut self, probability: f32, truth: Truth) {
        let place = (f64::from(probability) * BINS as f64) as usize;
        let bin = &mut self.bins[place.min(BINS - 1)];
        bin.count += 1;
        bin.right += u64::from(truth == Truth::Right);
        bin.probability += f64::from(probability);
    }

    fn finish(&self) -> Reliability {
        let count = self.bins.iter().map(|bin| bin.count).sum::<u64>();
        let mut error = 0.0;
        let mut bins = Vec::with_capacity(BINS);
        for (place, sums) in self.bins.iter().enumerate() {
            let divisor = sums.count.max(1) as f64;
            let mean_probability = sums.probability / divisor;
            let share_right = sums.right as f64 / divisor;
            error +=
                sums.count as f64 / count.max(1) as f64 * (mean_probability - share_right).abs();
            bins.push(Bin {
                from: place as f64 / BINS as f64,
                to: (place + 1) as f64 / BINS as f64,
                count: sums.count,
                mean_probability,
                share_right,
            });
        }
        Reliability { count, expected_calibration_error: error, bins }
    }
}
