//! What came back, counted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::target::{Finished, Outcome};

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) end: Instant,
    pub(crate) latency: Duration,
    pub(crate) finished: Finished,
}

/// The time that counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) start: Instant,
    pub(crate) end: Instant,
}

impl Window {
    /// A warm-up from now on, then the time that counts.
    pub(crate) fn after(warm_up: f64, seconds: f64) -> Self {
        let start = Instant::now() + Duration::from_secs_f64(warm_up);
        Self { start, end: start + Duration::from_secs_f64(seconds) }
    }

    fn contains(&self, moment: Instant) -> bool {
        self.start <= moment && moment < self.end
    }

    fn seconds(&self) -> f64 {
        (self.end - self.start).as_secs_f64()
    }
}

/// The report: throughput is what ended within the window; outcomes and latencies are those of all that ended after the
/// warm-up, so that a request which waited until the load was over counts with all its time.
pub(crate) fn summary(records: &[Record], window: &Window, batch: usize) -> Value {
    let counted = records.iter().filter(|record| record.end >= window.start);
    let mut outcomes = BTreeMap::<Outcome, usize>::new();
    let mut by_second = vec![0_usize; window.seconds().ceil() as usize];
    let (mut good, mut refused, mut cached) = (Vec::new(), Vec::new(), 0);
    let mut moments = Vec::new();
    for record in counted {
        *outcomes.entry(record.finished.outcome).or_default() += 1;
        cached += record.finished.cached;
        match record.finished.outcome {
            Outcome::Good => {
                good.push(record.latency);
                if !window.contains(record.end) {
                    continue;
                }
                let second = (record.end - window.start).as_secs() as usize;
                by_second[second] += batch;
                moments.push((record.end - window.start).as_secs_f64());
            }
            Outcome::Status(_) => refused.push(record.latency),
            _ => {}
        }
    }
    let requests = outcomes.values().sum::<usize>();
    let outcomes = outcomes
        .into_iter()
        .map(|(o, count)| (o.name(), json!(count)))
        .collect::<serde_json::Map<_, _>>();
    json!({
        "seconds": window.seconds(),
        "requests": requests,
        "outcomes": outcomes,
        "good_share": good.len() as f64 / requests.max(1) as f64,
        "good_pictures_per_second": (moments.len() * batch) as f64 / window.seconds(),
        "steady_pictures_per_second": slope(&mut moments).map(|slope| slope * batch as f64),
        "good_pictures_by_second": by_second,
        "cached_pictures": cached,
        "latency_ms": latencies(good),
        "refused_latency_ms": latencies(refused),
    })
}

/// Answers a second as the slope of the line that fits their count over time best; none when all came at once.
///
/// A server that computes in batches answers in bursts. How many of them happen to fall into the window says little;
/// the slope depends on how far they are apart.
fn slope(moments: &mut [f64]) -> Option<f64> {
    moments.sort_by(f64::total_cmp);
    let count = moments.len() as f64;
    let middle = moments.iter().sum::<f64>() / count;
    let (mut product, mut square) = (0.0, 0.0);
    for (number, moment) in moments.iter().enumerate() {
        let apart = moment - middle;
        product += apart * (number as f64 - (count - 1.0) / 2.0);
        square += apart * apart;
    }
    (square > 1e-9).then(|| product / square)
}

/// Percentiles in milliseconds; null when there is none.
pub(crate) fn latencies(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let Some(&longest) = times.last() else { return Value::Null };
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    // The least time that this share of the requests did not exceed.
    let at = |share: f64| ms(times[((times.len() as f64 * share).ceil() as usize).max(1) - 1]);
    json!({
        "count": times.len(),
        "mean": times.iter().copied().map(ms).sum::<f64>() / times.len() as f64,
        "p50": at(0.5),
        "p90": at(0.9),
        "p99": at(0.99),
        "max": ms(longest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = (1..=100).rev().map(Duration::from_millis).collect();
        let found = latencies(times);
        assert_eq!((&found["p50"], &found["p90"]), (&json!(50.0), &json!(90.0)));
        assert_eq!((&found["p99"], &found["max"]), (&json!(99.0), &json!(100.0)));
        assert_eq!(latencies(vec![Duration::from_millis(7)])["p50"], json!(7.0));
        assert_eq!(latencies(Vec::new()), Value::Null);
    }

    #[test]
    fn bursts_are_as_fast_as_they_are_far_apart() {
        // 32 answers every 3 seconds; a window of 10 seconds holds 3 or 4 of these.
        for first in [0.1, 0.9, 1.5] {
            let bursts = (0..4).map(|burst| first + 3.0 * f64::from(burst)).filter(|&at| at < 10.0);
            let moments = bursts.flat_map(|at| (0..32).map(move |i| at + 1e-4 * f64::from(i)));
            let found = slope(&mut moments.collect::<Vec<_>>()).unwrap();
            assert!((found - 32.0 / 3.0).abs() < 0.02, "{found}");
        }
        let mut even = (0..100).map(|i| 0.25 * f64::from(i)).collect::<Vec<_>>();
        assert!((slope(&mut even).unwrap() - 4.0).abs() < 1e-9);
        assert_eq!(slope(&mut []), None);
        assert_eq!(slope(&mut [1.0; 5]), None);
    }

    #[test]
    fn throughput_is_of_the_window_and_latencies_of_all_after_the_warm_up() {
        let now = Instant::now();
        let window =
            Window { start: now + Duration::from_secs(1), end: now + Duration::from_secs(3) };
        let record = |seconds: f64, outcome| Record {
            end: window.start + Duration::from_secs_f64(seconds),
            latency: Duration::from_millis(5),
            finished: Finished { outcome, cached: 1 },
        };
        let early = Record { end: now, ..record(0.0, Outcome::Good) };
        let records = [
            early,
            record(0.5, Outcome::Good),
            record(1.5, Outcome::Good),
            record(1.6, Outcome::Good),
            record(1.7, Outcome::Status(429)),
            record(2.0, Outcome::Good),
        ];
        let found = summary(&records, &window, 4);
        assert_eq!(found["outcomes"], json!({"200": 4, "429": 1}));
        assert_eq!(found["latency_ms"]["count"], 4);
        assert_eq!(found["good_pictures_per_second"], 6.0);
        assert_eq!(found["good_pictures_by_second"], json!([4, 8]));
        assert_eq!(found["cached_pictures"], 5);
        assert_eq!(found["good_share"], 0.8);
    }
}
