//! The sigmoid loss with its gradients over one batch, a line of JSON:
//! `cargo bench -p train --bench loss -- BATCH DIMENSION [PICTURES [THREADS]]`. With PICTURES only so many of the batch's
//! pictures are taken, against all of its texts, and the time of all is projected. `benches/train/loss.py` runs it beside
//! PyTorch.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::time::Instant;

use kernels::{Compute, Isa, LogitLine};
use train::data::mix;
use train::loss::{SigmoidLoss, TextPart};

/// Texts that are added at a time: what a process of a ring would get from its neighbour.
const PART: usize = 32_768;

/// Rows of length about 1 that depend on their place alone.
fn rows(first: usize, count: usize, dimension: usize) -> Vec<f32> {
    let scale = (3.0 / dimension as f32).sqrt();
    let number =
        |i: usize| (mix((first * dimension + i) as u64) >> 40) as f32 / (1_u64 << 23) as f32;
    (0..count * dimension).map(|i| (number(i) - 1.0) * scale).collect()
}

/// The largest resident size of this process, where the system tells.
fn peak_bytes() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn main() {
    let arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let numbers = arguments.map(|argument| argument.parse::<usize>().expect("a number"));
    let numbers = numbers.collect::<Vec<_>>();
    let number = |place: usize, default: usize| numbers.get(place).copied().unwrap_or(default);
    let (batch, dimension) = (number(0, 1024), number(1, 768));
    let (pictures, threads) = (number(2, batch).min(batch), number(3, 2));
    let compute = Compute::new(Isa::detect(), threads);
    let line = LogitLine { scale: 10.0, bias: -10.0 };
    let images = rows(batch, pictures, dimension);
    let keys = (0..pictures as u64).collect::<Vec<_>>();
    let mut loss = SigmoidLoss::new(&compute, line, dimension, &images, &keys, 0, batch);
    drop(images);
    // Texts of a whole batch would be held by one process; of a slice, only the part at hand.
    let mut held = Vec::new();
    let mut seconds = 0.0;
    for first in (0..batch).step_by(PART) {
        let count = PART.min(batch - first);
        let texts = rows(first, count, dimension);
        let owners = (first as u32..(first + count) as u32).collect::<Vec<_>>();
        let keys = (first as u64..(first + count) as u64).collect::<Vec<_>>();
        let part = TextPart { embeddings: &texts, owners: &owners, keys: &keys };
        let began = Instant::now();
        let gradients = loss.add(part);
        seconds += began.elapsed().as_secs_f64();
        if pictures == batch {
            held.push((texts, gradients));
        }
    }
    let found = loss.finish();
    let projected = seconds * batch as f64 / pictures as f64;
    let operations = 6.0 * pictures as f64 * batch as f64 * dimension as f64;
    println!(
        "{{\"batch\": {batch}, \"dimension\": {dimension}, \"pictures\": {pictures}, \"threads\": {threads}, \
         \"seconds\": {seconds:.3}, \"seconds_of_the_whole\": {projected:.1}, \"gflops\": {:.1}, \
         \"peak_bytes\": {}, \"loss\": {:.6}}}",
        operations / seconds / 1e9,
        peak_bytes().unwrap_or(0),
        found.loss
    );
}
