//! `AdamW`, LION and Muon, with a learning rate and a weight decay for each tensor.

mod muon;

use kernels::Compute;
use serde::{Deserialize, Serialize};

use self::muon::Orthogonal;
use crate::parameters::{Parameter, Parameters};
use crate::trainer::CONCEPTS;

/// How gradients become updates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase", deny_unknown_fields)]
pub enum Rule {
    /// Adam with decoupled weight decay (arXiv 1711.05101).
    AdamW {
        /// Of the mean of gradients.
        #[serde(default = "beta1")]
        beta1: f32,
        /// Of the mean of their squares. 0.95 is what large batches need: 0.999 lets single steps run away.
        #[serde(default = "beta2")]
        beta2: f32,
        /// Added to the root of the squares.
        #[serde(default = "epsilon")]
        epsilon: f32,
    },
    /// The sign of a mean of gradients (arXiv 2302.06675).
    Lion {
        /// Of the mean that is used.
        #[serde(default = "beta1")]
        beta1: f32,
        /// Of the mean that is kept.
        #[serde(default = "lion_beta2")]
        beta2: f32,
    },
    /// The nearest orthogonal matrix to a mean of gradients, for the matrices of linear layers; `AdamW` for all else.
    Muon {
        /// Of the mean of a matrix's gradients.
        #[serde(default = "momentum")]
        momentum: f32,
        /// `AdamW`'s.
        #[serde(default = "beta1")]
        beta1: f32,
        /// `AdamW`'s.
        #[serde(default = "beta2")]
        beta2: f32,
        /// `AdamW`'s.
        #[serde(default = "epsilon")]
        epsilon: f32,
    },
}

fn momentum() -> f32 {
    0.95
}
fn beta1() -> f32 {
    0.9
}
fn beta2() -> f32 {
    0.95
}
fn lion_beta2() -> f32 {
    0.99
}
fn epsilon() -> f32 {
    1e-8
}

impl Default for Rule {
    fn default() -> Self {
        Self::AdamW { beta1: beta1(), beta2: beta2(), epsilon: epsilon() }
    }
}

/// How one tensor learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Learning {
    /// It stays as it is.
    Frozen,
    /// It follows the rule.
    Free {
        /// What the learning rate is multiplied by.
        rate: f32,
        /// The part of a value that is taken away in a step, times the learning rate.
        decay: f32,
    },
}

/// The state of an optimiser.
#[derive(Debug)]
pub struct Optimiser {
    rule: Rule,
    learning: Vec<Learning>,
    /// Updates so far.
    pub steps: u64,
    /// The mean of gradients, one for each value.
    pub mean: Vec<f32>,
    /// The mean of their squares; empty for LION.
    pub squares: Vec<f32>,
}

/// Numbers that one thread updates at a time.
const PART: usize = 1 << 14;

impl Optimiser {
    /// An optimiser at rest, with one `learning` for each tensor.
    ///
    /// # Panics
    /// When there are more or fewer.
    pub fn new(rule: Rule, parameters: &Parameters, learning: Vec<Learning>) -> Self {
        assert_eq!(learning.len(), parameters.list().len(), "each tensor has its learning");
        let count = parameters.values.len();
        let squares = if matches!(rule, Rule::Lion { .. }) { 0 } else { count };
        Self { rule, learning, steps: 0, mean: vec![0.0; count], squares: vec![0.0; squares] }
    }

    /// How each tensor learns.
    pub fn learning(&self) -> &[Learning] {
        &self.learning
    }

    /// One update with gradients that are multiplied by `factor` first. The length of the update, as if all values were
    /// one vector.
    pub fn update(
        &mut self,
        compute: &Compute,
        parameters: &mut Parameters,
        rate: f32,
        factor: f32,
    ) -> f64 {
        self.steps += 1;
        let list = parameters.list().to_vec();
        let mut sum = 0.0;
        let mut orthogonal = Orthogonal::new(compute);
        for (parameter, learning) in list.iter().zip(&self.learning) {
            let Learning::Free { rate: own, decay } = *learning else { continue };
            let at = parameter.range.clone();
            if let (Rule::Muon { momentum, .. }, Some([rows, columns])) =
                (self.rule, matrix(parameter))
            {
                let mean = &mut self.mean[at.clone()];
                let mut change = parameters.gradients[at.clone()].to_vec();
                for (mean, gradient) in mean.iter_mut().zip(&mut change) {
                    *mean += (*gradient - *mean) * (1.0 - momentum);
                    // One step ahead of the mean, after Nesterov.
                    *gradient += (*mean - *gradient) * momentum;
                }
                orthogonal.nearest(&mut change, rows, columns);
                let rate = rate * own;
                for (value, change) in parameters.values[at].iter_mut().zip(&mut change) {
                    *change = rate * (*change + decay * *value);
                    *value -= *change;
                }
                sum += length(&change).powi(2);
                continue;
            }
            let tensor = Tensor {
                gradients: &parameters.gradients[at.clone()],
                factor,
                rate: rate * own,
                decay,
            };
            let squares = if self.squares.is_empty() { 0..0 } else { at.clone() };
            let state = State {
                values: &mut parameters.values[at.clone()],
                mean: &mut self.mean[at],
                squares: &mut self.squares[squares],
            };
            sum += tensor.update(compute, self.rule, self.steps, state);
        }
        sum.sqrt()
    }
}

/// Rows and columns of a linear layer's matrix. Tables of vectors (tokens, positions, concepts) are none: their rows are not
/// multiplied together.
fn matrix(parameter: &Parameter) -> Option<[usize; 2]> {
    let is_table = parameter.name.contains("embedding") || parameter.name == CONCEPTS;
    match parameter.shape[..] {
        [rows, columns] if !is_table => Some([rows, columns]),
        _ => None,
    }
}

/// The length of a vector.
pub(crate) fn length(values: &[f32]) -> f64 {
    // Parts keep the sum in f32 short, so that it is fast and exact enough.
    let part = |part: &[f32]| f64::from(part.iter().map(|x| x * x).sum::<f32>());
    values.chunks(256).map(part).sum::<f64>().sqrt()
}

struct Tensor<'a> {
    gradients: &'a [f32],
    factor: f32,
    rate: f32,
    decay: f32,
}

struct State<'a> {
    values: &'a mut [f32],
    mean: &'a mut [f32],
    squares: &'a mut [f32],
}

/// A part of a tensor's state with the same part of its gradients.
struct Part<'a> {
    state: State<'a>,
    gradients: &'a [f32],
    /// The sum of the squares of its updates.
    moved: f64,
}

impl Tensor<'_> {
    fn update(&self, compute: &Compute, rule: Rule, step: u64, state: State<'_>) -> f64 {
        let State { values, mean, squares } = state;
        let values = values.chunks_mut(PART);
        let mut squares = squares.chunks_mut(PART);
        let rest = mean.chunks_mut(PART).zip(self.gradients.chunks(PART));
        let parts = values.zip(rest).map(|(values, (mean, gradients))| {
            let squares = squares.next().unwrap_or_default();
            Part { state: State { values, mean, squares }, gradients, moved: 0.0 }
        });
        let mut parts = parts.collect::<Vec<_>>();
        compute.for_each_part(&mut parts, 1, &|_, parts| {
            for part in parts {
                part.moved = match rule {
                    Rule::AdamW { beta1, beta2, epsilon }
                    | Rule::Muon { beta1, beta2, epsilon, .. } => {
                        self.adam(part, [beta1, beta2, epsilon], step)
                    }
                    Rule::Lion { beta1, beta2 } => self.lion(part, beta1, beta2),
                };
            }
        });
        parts.iter().map(|part| part.moved).sum()
    }

    fn adam(&self, part: &mut Part<'_>, [beta1, beta2, epsilon]: [f32; 3], step: u64) -> f64 {
        let step = i32::try_from(step).unwrap_or(i32::MAX);
        let first = 1.0 / (1.0 - beta1.powi(step));
        let second = 1.0 / (1.0 - beta2.powi(step));
        let State { values, mean, squares } = &mut part.state;
        let mut moved = 0.0;
        let state = values.iter_mut().zip(mean.iter_mut()).zip(squares.iter_mut());
        for (((value, mean), square), gradient) in state.zip(part.gradients) {
            let gradient = gradient * self.factor;
            *mean += (gradient - *mean) * (1.0 - beta1);
            *square += (gradient * gradient - *square) * (1.0 - beta2);
            let direction = *mean * first / ((*square * second).sqrt() + epsilon);
            let change = self.rate * (direction + self.decay * *value);
            *value -= change;
            moved += change * change;
        }
        f64::from(moved)
    }

    fn lion(&self, part: &mut Part<'_>, beta1: f32, beta2: f32) -> f64 {
        let State { values, mean, .. } = &mut part.state;
        let mut moved = 0.0;
        for ((value, mean), gradient) in values.iter_mut().zip(mean.iter_mut()).zip(part.gradients)
        {
            let gradient = gradient * self.factor;
            let mixed = *mean + (gradient - *mean) * (1.0 - beta1);
            let direction = if mixed == 0.0 { 0.0 } else { mixed.signum() };
            *mean += (gradient - *mean) * (1.0 - beta2);
            let change = self.rate * (direction + self.decay * *value);
            *value -= change;
            moved += change * change;
        }
        f64::from(moved)
    }
}
