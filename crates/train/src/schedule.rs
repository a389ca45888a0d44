//! How the learning rate goes over the steps.

use serde::{Deserialize, Serialize};

/// A warm-up from 0, then half a cosine down to 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The largest rate.
    pub rate: f32,
    /// Steps until it is reached.
    pub warm_up: u64,
    /// The rate at the end, as a share of the largest.
    #[serde(default)]
    pub least: f32,
}

impl Schedule {
    /// The rate of step `step`, from 0, of `steps`.
    pub fn rate(&self, step: u64, steps: u64) -> f32 {
        if step < self.warm_up {
            return self.rate * (step + 1) as f32 / self.warm_up as f32;
        }
        let rest = (steps.saturating_sub(self.warm_up)).max(1);
        let share = ((step - self.warm_up) as f64 / rest as f64).min(1.0);
        let cosine = 0.5 + 0.5 * (std::f64::consts::PI * share).cos();
        self.rate * (f64::from(self.least) + (1.0 - f64::from(self.least)) * cosine) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_in_a_line_and_falls_in_half_a_cosine() {
        let schedule = Schedule { rate: 2.0, warm_up: 10, least: 0.1 };
        assert_eq!(schedule.rate(0, 110), 0.2);
        assert_eq!(schedule.rate(9, 110), 2.0);
        assert_eq!(schedule.rate(10, 110), 2.0);
        assert!((schedule.rate(60, 110) - 1.1).abs() < 1e-6);
        assert!((schedule.rate(110, 110) - 0.2).abs() < 1e-6);
        assert!((schedule.rate(1000, 110) - 0.2).abs() < 1e-6);
    }
}
