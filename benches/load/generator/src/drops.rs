//! Connections that end in the middle: does the server let go of all that it held for them?

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::load::{costed, on_threads, one_after_another};
use crate::process::sample;
use crate::random::Random;
use crate::target::{Outcome, Target};

/// How often the server is asked whether it has let go.
const LOOK: Duration = Duration::from_millis(100);
/// Once nothing is open here, a server has this long to close its ends before the baseline is taken.
const REST: Duration = Duration::from_secs(1);

/// Sends whole and partial requests, closes each at a random moment, and looks at the server before, halfway, at the
/// end, and when it has as few threads and descriptors as before.
pub(crate) fn run(target: &Target, arguments: &Arguments) -> anyhow::Result<Value> {
    let pid = arguments.pid.context("dropping needs the server's --pid")?;
    let clients = arguments.clients.get();
    let warm = Instant::now() + Duration::from_secs_f64(arguments.warm_up);
    let answers =
        on_threads(clients, |_| one_after_another(warm, |slot| target.send_pictures(slot)))?;
    let good = answers.iter().filter(|record| record.finished.outcome == Outcome::Good).count();
    anyhow::ensure!(good > 0, "the server gave no good answer before anything was dropped");
    thread::sleep(REST);
    let baseline = sample(pid)?;

    let (next, whole, unconnected) =
        (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let drop_some = |until: usize| {
        costed(arguments, || {
            let start = Instant::now();
            on_threads(clients, |_| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= until {
                        return Vec::new();
                    }
                    let mut random = Random::new(arguments.seed ^ (number as u64).rotate_left(32));
                    match drop_one(target, &mut random, arguments.drop_wait) {
                        Ok(Sent::Whole) => whole.fetch_add(1, Ordering::Relaxed),
                        Ok(Sent::Part) => 0,
                        Err(_) => unconnected.fetch_add(1, Ordering::Relaxed),
                    };
                }
            })?;
            next.store(until, Ordering::Relaxed);
            Ok(json!({"seconds": start.elapsed().as_secs_f64()}))
        })
    };
    let first = drop_some(arguments.drops / 2)?;
    let halfway = settle(pid, arguments.settle, &baseline)?;
    let second = drop_some(arguments.drops)?;
    let end = settle(pid, arguments.settle, &baseline)?;
    let after = target.send_pictures(&mut None).outcome;
    Ok(json!({
        "drops": arguments.drops,
        "whole_requests": whole.into_inner(),
        "unconnected": unconnected.into_inner(),
        "baseline": baseline,
        "halfway": halfway,
        "end": end,
        "first_half": first,
        "second_half": second,
        "answer_after": after.name(),
    }))
}

enum Sent {
    Whole,
    Part,
}

fn drop_one(target: &Target, random: &mut Random, longest: f64) -> std::io::Result<Sent> {
    let mut connection = target.connect()?;
    let sent = target.with_request(|pieces| {
        let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        if random.below(2) == 0 {
            // A server may refuse before it has read all: then the rest cannot be sent, and that is an end as well.
            connection.send(pieces, usize::MAX).ok();
            return Sent::Whole;
        }
        connection.send(pieces, random.below(length as u64) as usize).ok();
        Sent::Part
    });
    thread::sleep(Duration::from_secs_f64(longest * random.fraction()));
    Ok(sent)
}

/// Waits until the server has no more threads and descriptors than at the baseline, and says how long that took.
fn settle(pid: u32, patience: f64, baseline: &crate::process::Sample) -> anyhow::Result<Value> {
    let start = Instant::now();
    loop {
        let now = sample(pid)?;
        let settled = now.threads <= baseline.threads && now.descriptors <= baseline.descriptors;
        if settled || start.elapsed().as_secs_f64() > patience {
            let seconds = start.elapsed().as_secs_f64();
            return Ok(json!({"settled": settled, "settle_seconds": seconds, "sample": now}));
        }
        thread::sleep(LOOK);
    }
}
