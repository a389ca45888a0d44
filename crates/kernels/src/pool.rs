//! Persistent worker threads for short jobs.
//!
//! A forward pass is a few hundred jobs of some hundred microseconds, each of which must end
//! before the next starts. Workers therefore spin for a short while after a job before they
//! sleep, and tasks are claimed one by one, so that a core that the system slows down does less. The
//! caller waits only for workers that have entered the job: one whose core is busy with something
//! else is not missed.
//! Which worker runs a task never changes its result (see the crate documentation).

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Turns of the spin loop before a worker sleeps: some 100 microseconds.
const SPINS_BEFORE_SLEEP: usize = 10_000;
/// Turns of the spin loop before the caller offers its core to somebody else.
const SPINS_BEFORE_YIELD: usize = 2_000;

/// One task of a job.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// Which task, from 0.
    pub index: usize,
    /// Who runs it, from 0, below [`Pool::threads`]: no two tasks run at once with the same.
    pub worker: usize,
}

type Body<'a> = dyn Fn(Task) + Sync + 'a;

/// A fixed number of threads, the caller's among them.
///
/// Dropping the pool ends its threads.
pub struct Pool {
    shared: Arc<Shared>,
    handles: Vec<JoinHandle<()>>,
    /// Held while a job runs: jobs of several callers come one after another.
    turn: Mutex<()>,
}

struct Job {
    body: *const Body<'static>,
    tasks: usize,
}

struct Shared {
    /// The door to `job`: a [`Gate`] in one number, so that nobody enters what is closing.
    gate: AtomicU64,
    job: UnsafeCell<Job>,
    next_task: AtomicUsize,
    sleepers: AtomicUsize,
    stop: AtomicBool,
    sleep: Mutex<()>,
    wake: Condvar,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// How many jobs there were (the upper half), whether the last one is open, and how many workers are
/// in it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Gate(u64);

impl Gate {
    const OPEN: u64 = 1 << 31;

    fn job(self) -> u64 {
        self.0 >> 32
    }

    fn is_open(self) -> bool {
        self.0 & Self::OPEN != 0
    }

    fn inside(self) -> u64 {
        self.0 & (Self::OPEN - 1)
    }

    /// Open for the next job, with nobody inside.
    fn next(self) -> Self {
        Self((self.job() + 1) << 32 | Self::OPEN)
    }
}

// SAFETY: `job` is written only by the caller who holds `turn` while the gate is closed and nobody is
// inside, that is, while no worker reads it; opening the gate publishes it. What `body` points to is
// `Sync` and outlives the job, because `run` returns only when the gate is closed and nobody is inside.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Pool {
    /// A pool of `threads` workers; the caller of [`run`](Self::run) is one of them, so
    /// `threads - 1` are started. 0 counts as 1.
    ///
    /// # Panics
    ///
    /// When the system refuses to start a thread.
    pub fn new(threads: usize) -> Self {
        fn nothing(_: Task) {}
        let shared = Arc::new(Shared {
            gate: AtomicU64::new(0),
            job: UnsafeCell::new(Job { body: &nothing, tasks: 0 }),
            next_task: AtomicUsize::new(0),
            sleepers: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
            panic: Mutex::new(None),
        });
        let handles = (1..threads)
            .map(|worker| {
                let shared = Arc::clone(&shared);
                thread::Builder::new()
                    .name(format!("kernel-{worker}"))
                    .spawn(move || shared.work(worker))
                    .expect("the system starts a thread")
            })
            .collect();
        Self { shared, handles, turn: Mutex::new(()) }
    }

    /// How many workers there are, the caller's thread included.
    pub fn threads(&self) -> usize {
        self.handles.len() + 1
    }

    /// Runs `body` once for each task below `tasks`, on all workers; returns when all are done.
    ///
    /// # Panics
    ///
    /// Passes on the first panic of a task, after the other workers have left the job.
    pub fn run<'a>(&self, tasks: usize, body: &'a (dyn Fn(Task) + Sync + 'a)) {
        let turn = lock(&self.turn);
        if self.handles.is_empty() || tasks <= 1 {
            (0..tasks).for_each(|index| body(Task { index, worker: 0 }));
            return;
        }
        let shared = &*self.shared;
        let body: *const Body<'a> = body;
        #[expect(clippy::transmute_ptr_to_ptr, reason = "a cast cannot lengthen a lifetime")]
        // SAFETY: only the lifetime changes, and the pointer is not used after `run` returns.
        let body: *const Body<'static> = unsafe { std::mem::transmute(body) };
        // SAFETY: `turn` is held, the gate is closed and nobody is inside, so nobody else reads or
        // writes the job.
        unsafe { *shared.job.get() = Job { body, tasks } };
        shared.next_task.store(0, Ordering::Relaxed);
        let gate = Gate(shared.gate.load(Ordering::Relaxed)).next();
        shared.gate.store(gate.0, Ordering::SeqCst);
        if shared.sleepers.load(Ordering::SeqCst) > 0 {
            let guard = lock(&shared.sleep);
            drop(guard);
            shared.wake.notify_all();
        }
        shared.claim_tasks(0);
        shared.gate.fetch_and(!Gate::OPEN, Ordering::AcqRel);
        let mut spins = 0;
        while Gate(shared.gate.load(Ordering::Acquire)).inside() > 0 {
            spins += 1;
            if spins < SPINS_BEFORE_YIELD {
                std::hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
        let panic = lock(&shared.panic).take();
        drop(turn);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

impl Shared {
    fn work(&self, worker: usize) {
        let mut seen = 0;
        while let Some(job) = self.enter(seen) {
            seen = job;
            self.claim_tasks(worker);
            self.gate.fetch_sub(1, Ordering::Release);
        }
    }

    /// Waits for a job other than `seen` and enters it; `None` when the pool is dropped.
    fn enter(&self, seen: u64) -> Option<u64> {
        let news = || {
            let gate = Gate(self.gate.load(Ordering::SeqCst));
            (gate.is_open() && gate.job() != seen).then_some(gate)
        };
        loop {
            for _ in 0..SPINS_BEFORE_SLEEP {
                if self.stop.load(Ordering::SeqCst) {
                    return None;
                }
                if let Some(Gate(gate)) = news() {
                    let entered = self.gate.compare_exchange_weak(
                        gate,
                        gate + 1,
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    );
                    if entered.is_ok() {
                        return Some(Gate(gate).job());
                    }
                }
                std::hint::spin_loop();
            }
            // A worker that wakes too late for one job spins again, to be there for the next.
            let guard = lock(&self.sleep);
            self.sleepers.fetch_add(1, Ordering::SeqCst);
            if news().is_none() && !self.stop.load(Ordering::SeqCst) {
                drop(self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner));
            }
            self.sleepers.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn claim_tasks(&self, worker: usize) {
        // SAFETY: the caller of `run` wrote the job before it opened the gate (or is this thread), and
        // does not write it again before everybody who entered has left.
        let job = unsafe { &*self.job.get() };
        let claim = || {
            loop {
                let index = self.next_task.fetch_add(1, Ordering::Relaxed);
                if index >= job.tasks {
                    break;
                }
                // SAFETY: `run` keeps the body alive until every worker has left the job.
                unsafe { (*job.body)(Task { index, worker }) };
            }
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(claim)) {
            // The rest of the job is not worth doing.
            self.next_task.store(job.tasks, Ordering::Relaxed);
            lock(&self.panic).get_or_insert(panic);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let guard = lock(&self.shared.sleep);
        drop(guard);
        self.shared.wake.notify_all();
        for handle in self.handles.drain(..) {
            // A worker cannot panic: `claim_tasks` catches what its tasks throw.
            let _ = handle.join();
        }
    }
}

/// Locks, also after a panic elsewhere: none of these locks guards data that a panic could break.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
