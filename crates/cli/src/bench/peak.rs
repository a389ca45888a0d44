//! What this machine's processor could do at most.

use std::time::{Duration, Instant};

use kernels::{Compute, Format};
use serde::Serialize;

/// How long each format is measured.
const TIME: Duration = Duration::from_millis(250);

/// Operations per second in registers alone, in units of 10^9, on all threads.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Peak {
    pub(crate) f32: f64,
    pub(crate) bf16: f64,
    pub(crate) int8: f64,
}

impl Peak {
    pub(crate) fn measure(compute: &Compute) -> Self {
        let best = |format| best_rate(compute, format);
        Self { f32: best(Format::F32), bf16: best(Format::Bf16), int8: best(Format::Int8) }
    }

    pub(crate) fn of(&self, format: Format) -> f64 {
        match format {
            Format::F32 => self.f32,
            Format::Bf16 => self.bf16,
            Format::Int8 => self.int8,
        }
    }
}

/// The best of many short loops: a peak is not lowered by what else runs.
fn best_rate(compute: &Compute, format: Format) -> f64 {
    let mut best = 0.0_f64;
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        let start = Instant::now();
        let operations = compute.register_loop(format, 100_000);
        best = best.max(operations as f64 / start.elapsed().as_secs_f64() / 1e9);
    }
    best
}
