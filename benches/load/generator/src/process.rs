//! What a process costs, as `/proc` tells.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use fs_err as fs;
use serde::Serialize;
use serde_json::{Value, json};

/// How often the server is looked at.
const INTERVAL: Duration = Duration::from_millis(250);
/// The kernel tells processor time in hundredths of a second, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// A look at a process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) rss_bytes: u64,
    pub(crate) peak_rss_bytes: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
    pub(crate) cpu_seconds: f64,
}

/// Looks at a process.
///
/// # Errors
/// When it is gone or belongs to somebody else.
pub(crate) fn sample(pid: u32) -> anyhow::Result<Sample> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        number.with_context(|| format!("process {pid} tells no {name}"))
    };
    Ok(Sample {
        rss_bytes: 1024 * field("VmRSS")?,
        peak_rss_bytes: 1024 * field("VmHWM")?,
        threads: field("Threads")?,
        descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
        cpu_seconds: cpu_seconds(&pid.to_string())?,
    })
}

/// Processor time of a process since it began; `self` is this one.
pub(crate) fn cpu_seconds(pid: &str) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything; the fields after it are numbers: utime is the 12th, stime the 13th.
    let (_, fields) = stat.rsplit_once(')').context("a stat line has a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks = ticks.sum::<Result<u64, _>>().context("processor time is a number")?;
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

/// Calls `work` while another thread looks at the process, and says what that saw; null without a process.
pub(crate) fn watched<R>(pid: Option<u32>, work: impl FnOnce() -> R) -> anyhow::Result<(R, Value)> {
    let Some(pid) = pid else { return Ok((work(), Value::Null)) };
    let first = sample(pid)?;
    let done = AtomicBool::new(false);
    let start = Instant::now();
    let (result, seen) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                seen.extend(sample(pid));
                std::thread::sleep(INTERVAL);
            }
            seen
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (result, watcher.join().expect("looking at a process does not panic"))
    });
    let seconds = start.elapsed().as_secs_f64();
    let last = sample(pid).ok();
    let largest = |of: fn(&Sample) -> u64| seen.iter().map(of).max();
    let report = json!({
        "first": first,
        "last": last,
        "largest_rss_bytes": largest(|sample| sample.rss_bytes),
        "largest_threads": largest(|sample| sample.threads),
        "largest_descriptors": largest(|sample| sample.descriptors),
        "cpu_cores": last.map(|last| (last.cpu_seconds - first.cpu_seconds) / seconds),
        "rss_mib_by_second": seen.iter().step_by(4).map(|s| s.rss_bytes >> 20).collect::<Vec<_>>(),
    });
    Ok((result, report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_looked_at() {
        let found = sample(std::process::id()).unwrap();
        assert!(found.threads >= 1 && found.descriptors >= 3);
        assert!(found.peak_rss_bytes >= found.rss_bytes && found.rss_bytes > 1 << 20);
    }

    #[test]
    fn processor_time_grows_with_work() {
        let before = cpu_seconds("self").unwrap();
        let mut sum = 1_u64;
        while cpu_seconds("self").unwrap() < before + 0.02 {
            sum = sum.wrapping_mul(31) + 1;
        }
        assert_ne!(sum, 0);
    }
}
