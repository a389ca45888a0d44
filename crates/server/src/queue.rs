//! From single items to batches: one queue and one thread for each tower of each model.
//!
//! While the engine computes a batch the next one gathers, so there is no waiting time to choose: an idle engine takes a
//! lone item at once, a busy one takes what has come. Small requests have a lane of their own and get at least half of
//! each batch, so that they do not wait behind a large one. Items whose caller has gone are dropped unseen.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use model::Embeddings;
use tokio::sync::oneshot;

use crate::metrics::QueueMetrics;

/// Which way an item waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// A person may be waiting.
    Small,
    /// One of many items of a request.
    Bulk,
}

impl Lane {
    /// The lane of a request with so many items.
    pub(crate) fn of(items: usize) -> Self {
        if items <= 4 { Self::Small } else { Self::Bulk }
    }
}

/// A row of length 1 and how long it took.
#[derive(Clone, Debug)]
pub(crate) struct Computed {
    /// `[D]`.
    pub(crate) row: Vec<f32>,
    /// In the queue.
    pub(crate) waited: Duration,
    /// The whole batch's time in the engine.
    pub(crate) engine: Duration,
}

/// Why there is no row.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum QueueError {
    /// The engine's own words.
    #[error("{0}")]
    Engine(String),
    /// The engine panicked on this item.
    #[error("the engine failed on this input; this is a bug of polysight, please report it")]
    Panicked,
    /// The model was closed or its thread died.
    #[error("the model was closed before this input was computed")]
    Closed,
}

struct Job<T> {
    item: T,
    entered: Instant,
    answer: oneshot::Sender<Result<Computed, QueueError>>,
}

struct Waiting<T> {
    small: VecDeque<Job<T>>,
    bulk: VecDeque<Job<T>>,
    closed: bool,
}

struct Shared<T> {
    waiting: Mutex<Waiting<T>>,
    arrived: Condvar,
    alive: AtomicBool,
    metrics: QueueMetrics,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue whose thread ends when the queue is dropped.
pub(crate) struct BatchQueue<T> {
    shared: Arc<Shared<T>>,
}

impl<T: Send + 'static> BatchQueue<T> {
    /// Starts the thread, which hands at most `most` items together to `embed`.
    pub(crate) fn start(
        name: &str,
        most: usize,
        metrics: QueueMetrics,
        embed: impl Fn(&[&T]) -> Result<Embeddings, String> + Send + 'static,
    ) -> std::io::Result<Self> {
        let waiting = Waiting { small: VecDeque::new(), bulk: VecDeque::new(), closed: false };
        let shared = Arc::new(Shared {
            waiting: Mutex::new(waiting),
            arrived: Condvar::new(),
            alive: AtomicBool::new(true),
            metrics,
        });
        let worker = Worker { shared: Arc::clone(&shared), most, embed };
        thread::Builder::new().name(name.to_owned()).spawn(move || worker.run())?;
        Ok(Self { shared })
    }

    /// Waits for the item's row. Dropping the future takes the item out of the queue.
    pub(crate) async fn embed(&self, item: T, lane: Lane) -> Result<Computed, QueueError> {
        let (answer, row) = oneshot::channel();
        let job = Job { item, entered: Instant::now(), answer };
        {
            let mut waiting = self.shared.lock();
            if waiting.closed {
                return Err(QueueError::Closed);
            }
            match lane {
                Lane::Small => waiting.small.push_back(job),
                Lane::Bulk => waiting.bulk.push_back(job),
            }
            let length = waiting.small.len() + waiting.bulk.len();
            self.shared.metrics.waiting.set(length as i64);
        }
        self.shared.arrived.notify_one();
        row.await.unwrap_or(Err(QueueError::Closed))
    }

    /// Whether the thread runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.shared.alive.load(Ordering::Relaxed)
    }
}

impl<T> Drop for BatchQueue<T> {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.arrived.notify_all();
    }
}

struct Worker<T, F> {
    shared: Arc<Shared<T>>,
    most: usize,
    embed: F,
}

/// Tells that the thread is gone, and closes the queue, however it ends.
struct Obituary<'a, T>(&'a Shared<T>);

impl<T> Drop for Obituary<'_, T> {
    fn drop(&mut self) {
        self.0.alive.store(false, Ordering::Relaxed);
        let mut waiting = self.0.lock();
        waiting.closed = true;
        // Their callers hear that the queue closed.
        waiting.small.clear();
        waiting.bulk.clear();
    }
}

impl<T, F: Fn(&[&T]) -> Result<Embeddings, String>> Worker<T, F> {
    fn run(&self) {
        let _obituary = Obituary(&self.shared);
        while let Some(batch) = self.next_batch() {
            self.compute(batch);
        }
    }

    /// Blocks until there is something to do; `None` when the queue is closed.
    fn next_batch(&self) -> Option<Vec<Job<T>>> {
        let mut waiting = self.shared.lock();
        loop {
            let batch = take_batch(&mut waiting, self.most);
            let left = waiting.small.len() + waiting.bulk.len();
            self.shared.metrics.waiting.set(left as i64);
            if !batch.is_empty() {
                return Some(batch);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.shared.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn compute(&self, batch: Vec<Job<T>>) {
        let begin = Instant::now();
        let metrics = &self.shared.metrics;
        metrics.batch_size.observe(batch.len() as f64);
        for job in &batch {
            metrics.wait.observe(begin.duration_since(job.entered).as_secs_f64());
        }
        match self.attempt(&batch) {
            Ok(rows) => {
                let engine = begin.elapsed();
                metrics.engine.observe(engine.as_secs_f64());
                metrics.done.inc_by(batch.len() as u64);
                for (job, row) in batch.into_iter().zip(rows.rows()) {
                    let waited = begin.duration_since(job.entered);
                    let computed = Computed { row: row.to_vec(), waited, engine };
                    let _gone = job.answer.send(Ok(computed));
                }
            }
            Err(QueueError::Panicked) if batch.len() > 1 => {
                // One of them is to blame: the others get their answers.
                for job in batch {
                    self.compute(vec![job]);
                }
            }
            Err(error) => {
                for job in batch {
                    let _gone = job.answer.send(Err(error.clone()));
                }
            }
        }
    }

    fn attempt(&self, batch: &[Job<T>]) -> Result<Embeddings, QueueError> {
        let items = batch.iter().map(|job| &job.item).collect::<Vec<_>>();
        let embed = || (self.embed)(&items);
        match catch_unwind(AssertUnwindSafe(embed)) {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(message)) => Err(QueueError::Engine(message)),
            Err(_) => Err(QueueError::Panicked),
        }
    }
}

/// At most `most` items whose callers are still there; the bulk lane gets half of them when both have more.
fn take_batch<T>(waiting: &mut Waiting<T>, most: usize) -> Vec<Job<T>> {
    waiting.small.retain(|job| !job.answer.is_closed());
    let mut batch = Vec::with_capacity(most);
    let small = if waiting.bulk.is_empty() { most } else { most.div_ceil(2) };
    batch.extend(waiting.small.drain(..small.min(waiting.small.len())));
    while batch.len() < most {
        let Some(job) = waiting.bulk.pop_front() else { break };
        if !job.answer.is_closed() {
            batch.push(job);
        }
    }
    let room = most - batch.len();
    batch.extend(waiting.small.drain(..room.min(waiting.small.len())));
    batch
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn queue(
        most: usize,
        embed: impl Fn(&[&u32]) -> Result<Embeddings, String> + Send + 'static,
    ) -> BatchQueue<u32> {
        BatchQueue::start("test", most, QueueMetrics::default(), embed).unwrap()
    }

    fn rows(items: &[&u32]) -> Embeddings {
        let values = items.iter().map(|item| **item as f32).collect();
        Embeddings::from_unit_rows(1, values)
    }

    #[tokio::test]
    async fn everyone_gets_the_row_of_their_own_item() {
        let queue = queue(8, |items| Ok(rows(items)));
        let calls = (0..100).map(|item| queue.embed(item, Lane::of(item as usize % 7)));
        for (item, answer) in futures_util::future::join_all(calls).await.iter().enumerate() {
            assert_eq!(answer.as_ref().unwrap().row, [item as f32]);
        }
    }

    #[tokio::test]
    async fn a_panic_hurts_only_the_item_that_caused_it() {
        let queue = queue(8, |items| {
            assert!(!items.contains(&&13), "unlucky");
            Ok(rows(items))
        });
        let answers = futures_util::future::join_all((0..20).map(|n| queue.embed(n, Lane::Bulk)));
        for (item, answer) in answers.await.into_iter().enumerate() {
            assert_eq!(answer.is_err(), item == 13, "{item}");
        }
        assert!(queue.is_alive());
    }

    #[tokio::test]
    async fn small_requests_pass_large_ones_and_both_move() {
        let (started, start) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let queue = queue(4, move |items| {
            started.send(()).unwrap();
            gate.recv().unwrap();
            log.lock().unwrap().push(items.iter().map(|item| **item).collect::<Vec<_>>());
            Ok(rows(items))
        });
        let mut calls = vec![entered(&queue, 0, Lane::Bulk)];
        start.recv().unwrap();
        let lanes = [(10..16, Lane::Bulk), (20..23, Lane::Small)];
        for (items, lane) in lanes {
            for item in items {
                calls.push(entered(&queue, item, lane));
            }
        }
        (0..4).for_each(|_| go.send(()).unwrap());
        for call in calls {
            call.join().unwrap().unwrap();
        }
        let mut batches = seen.lock().unwrap().clone();
        for batch in &mut batches {
            batch.sort_unstable();
        }
        assert_eq!(batches[0], [0]);
        // Two of the three small ones stand in the first batch, with the first two of the bulk.
        assert_eq!(batches[1].iter().filter(|item| **item >= 20).count(), 2, "{batches:?}");
        assert_eq!(batches[1].len(), 4);
        assert!(batches[2].iter().any(|item| *item >= 20), "{batches:?}");
    }

    /// Enters the queue on the spot and waits on another thread.
    fn entered(
        queue: &BatchQueue<u32>,
        item: u32,
        lane: Lane,
    ) -> thread::JoinHandle<Result<Computed, QueueError>> {
        let (answer, row) = oneshot::channel();
        let job = Job { item, entered: Instant::now(), answer };
        let mut waiting = queue.shared.lock();
        match lane {
            Lane::Small => waiting.small.push_back(job),
            Lane::Bulk => waiting.bulk.push_back(job),
        }
        drop(waiting);
        queue.shared.arrived.notify_one();
        thread::spawn(move || row.blocking_recv().unwrap_or(Err(QueueError::Closed)))
    }

    #[tokio::test]
    async fn whoever_hangs_up_is_not_computed() {
        let (started, start) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let queue = queue(4, move |items| {
            started.send(items.iter().map(|item| **item).collect::<Vec<_>>()).unwrap();
            gate.recv().unwrap();
            Ok(rows(items))
        });
        let first = entered(&queue, 1, Lane::Small);
        assert_eq!(start.recv().unwrap(), [1]);
        for lane in [Lane::Small, Lane::Bulk] {
            let call = tokio::time::timeout(Duration::ZERO, queue.embed(2, lane));
            assert!(call.await.is_err(), "the engine is at work on another");
        }
        let last = entered(&queue, 3, Lane::Small);
        go.send(()).unwrap();
        assert_eq!(start.recv().unwrap(), [3]);
        go.send(()).unwrap();
        assert!(first.join().unwrap().is_ok() && last.join().unwrap().is_ok());
    }

    #[tokio::test]
    async fn an_engine_that_refuses_says_why_and_a_dropped_queue_ends_its_thread() {
        let queue = queue(4, |_| Err("no such tower".to_owned()));
        let error = queue.embed(1, Lane::Small).await.unwrap_err();
        assert_eq!(error.to_string(), "no such tower");
        let shared = Arc::clone(&queue.shared);
        drop(queue);
        while shared.alive.load(Ordering::Relaxed) {
            thread::yield_now();
        }
    }
}
