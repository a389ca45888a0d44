//! Clients that wait for their answers, and clients that do not.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::connection::Connection;
use crate::merge;
use crate::process::{cpu_seconds, watched};
use crate::tally::{Record, Window, summary};
use crate::target::{Finished, Outcome, Target};

/// A client needs little: its buffers are on the heap.
const STACK: usize = 128 * 1024;
/// A refused client of the recovery asks again after this.
const AGAIN: Duration = Duration::from_millis(10);
/// A request of an open load that leaves later than this was held up here, not in the server.
const LATE: Duration = Duration::from_millis(100);

/// Runs `client` on that many threads and gathers what they return.
///
/// # Errors
/// When the system has no more threads.
pub(crate) fn on_threads(
    count: usize,
    client: impl Fn(usize) -> Vec<Record> + Sync,
) -> anyhow::Result<Vec<Record>> {
    thread::scope(|scope| {
        let client = &client;
        let started = (0..count).map(|number| {
            let thread = thread::Builder::new().stack_size(STACK);
            thread.spawn_scoped(scope, move || client(number)).context("no more threads")
        });
        let started = started.collect::<Vec<_>>();
        let mut records = Vec::new();
        for thread in started {
            records.extend(thread?.join().expect("a client does not panic"));
        }
        Ok(records)
    })
}

/// One request after another until `end`; a request that failed or was refused waits before the next.
pub(crate) fn one_after_another(
    end: Instant,
    mut send: impl FnMut(&mut Option<Connection>) -> Finished,
) -> Vec<Record> {
    let (mut connection, mut records) = (None, Vec::new());
    while Instant::now() < end {
        let start = Instant::now();
        let finished = send(&mut connection);
        records.push(Record { end: Instant::now(), latency: start.elapsed(), finished });
        if finished.outcome != Outcome::Good {
            thread::sleep(AGAIN);
        }
    }
    records
}

/// Runs a load and adds what it cost here and in the server to its report.
pub(crate) fn costed(
    arguments: &Arguments,
    work: impl FnOnce() -> anyhow::Result<Value>,
) -> anyhow::Result<Value> {
    let (start, before) = (Instant::now(), cpu_seconds("self")?);
    let (found, server) = watched(arguments.pid, work)?;
    let cores = (cpu_seconds("self")? - before) / start.elapsed().as_secs_f64();
    let mut found = found?;
    merge(&mut found, json!({"generator_cpu_cores": cores, "server": server}));
    Ok(found)
}

/// `--clients` clients, each of which sends its next request when it has the answer to the last.
pub(crate) fn closed(target: &Target, arguments: &Arguments) -> anyhow::Result<Value> {
    costed(arguments, || {
        let window = Window::after(arguments.warm_up, arguments.seconds);
        let client = |_| one_after_another(window.end, |slot| target.send_pictures(slot));
        let records = on_threads(arguments.clients.get(), client)?;
        Ok(summary(&records, &window, target.batch()))
    })
}

/// `rate` requests a second whether or not answers come; latencies count from the moment a request was due. Then the
/// load stops, and one client asks until it has a good answer.
pub(crate) fn open(target: &Target, arguments: &Arguments, rate: f64) -> anyhow::Result<Value> {
    ensure!(rate > 0.0, "a rate of {rate} requests a second sends nothing");
    costed(arguments, || {
        let window = Window::after(arguments.warm_up, arguments.seconds);
        let start = Instant::now();
        let next = AtomicU64::new(0);
        let (late, opened) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // The last that was put back is the first that is taken, so there are no more than were needed at once.
        let idle = Mutex::new(Vec::new());
        let recovery = Mutex::new(Value::Null);
        let client = |number: usize| {
            if number == 0 {
                thread::sleep(window.end.saturating_duration_since(Instant::now()));
                *recovery.lock().expect("nobody panics with the lock") = recover(target);
                return Vec::new();
            }
            let mut records = Vec::new();
            loop {
                let ticket = next.fetch_add(1, Ordering::Relaxed);
                let due = start + Duration::from_secs_f64(ticket as f64 / rate);
                if due.max(Instant::now()) >= window.end {
                    return records;
                }
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if due.elapsed() > LATE {
                    late.fetch_add(1, Ordering::Relaxed);
                }
                let mut slot = idle.lock().expect("nobody panics with the lock").pop();
                if slot.is_none() {
                    opened.fetch_add(1, Ordering::Relaxed);
                }
                let finished = target.send_pictures(&mut slot);
                records.push(Record { end: Instant::now(), latency: due.elapsed(), finished });
                if let Some(connection) = slot {
                    idle.lock().expect("nobody panics with the lock").push(connection);
                }
            }
        };
        let records = on_threads(arguments.clients.get() + 1, client)?;
        let mut found = summary(&records, &window, target.batch());
        let recovery = recovery.into_inner().expect("nobody panics with the lock");
        let late = late.into_inner();
        merge(
            &mut found,
            json!({
                "rate": rate,
                "sent": records.len(),
                "late": late,
                "connections": opened.into_inner(),
                "recovery": recovery,
            }),
        );
        Ok(found)
    })
}

/// Asks with one client until the first good answer.
fn recover(target: &Target) -> Value {
    const PATIENCE: Duration = Duration::from_mins(2);
    let (start, mut refused, mut connection) = (Instant::now(), 0, None);
    while start.elapsed() < PATIENCE {
        if target.send_pictures(&mut connection).outcome == Outcome::Good {
            return json!({"seconds": start.elapsed().as_secs_f64(), "refused": refused});
        }
        refused += 1;
        thread::sleep(AGAIN);
    }
    json!({"seconds": null, "refused": refused})
}
