//! The work on batches: inputs are validated, lines answered, results written to files.
//!
//! A line goes through the server's own router as a request of the key that asked for the batch, at the tier of batches, so
//! that every endpoint works and whoever waits for an answer comes first. Which process does what, and that each line has one
//! result and one charge, is the `store`'s to say (`batch_work.rs` there): here a process may end at any moment.

mod answer;
mod finish;
mod lines;
mod validate;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use hyper_util::service::TowerToHyperService;
use store::{BatchJob, BatchWorker, Blobs, StoreError};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::accounts::{LEASE, now};
use crate::app::App;
use crate::archive::Archive;
use crate::router::router;

pub(crate) use validate::LineError;

/// Lines of a batch.
pub(crate) const MOST_LINES: u64 = 50_000;

/// Bytes of a batch's input.
pub(crate) const MOST_BYTES: u64 = 200_000_000;

/// How long a batch may take, in milliseconds.
pub(crate) const WINDOW: i64 = 86_400_000;

/// Paths that lines may go to.
pub(crate) const ENDPOINTS: [&str; 6] = [
    "/v1/embeddings",
    "/v1/classify",
    "/v1/chat/completions",
    "/v1/moderations",
    "/v1/rerank",
    "/v1/score",
];

/// Chunks that a process works on at once: while the last lines of one are answered, the next one's are begun.
const CHUNKS_AT_ONCE: usize = 2;

/// A line may take longer than a request for which somebody waits.
const LINE_TIMEOUT: Duration = Duration::from_hours(1);

/// Until work is looked for again where there was none.
const PAUSE: Duration = Duration::from_millis(250);

/// The same after a failure.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// A process's work on batches.
struct Work {
    app: Arc<App>,
    router: TowerToHyperService<Router>,
    /// Lines of a chunk that are on their way at once.
    lines_at_once: usize,
    stopped: watch::Receiver<bool>,
}

/// What is done again and again.
#[derive(Clone, Copy, Debug)]
enum Task {
    /// Batches as a whole.
    LookAfter,
    /// Lines.
    Answer,
}

/// Whether there was something to do.
enum Done {
    Something,
    Nothing,
}

/// Works on batches, so many lines at once, until it is told to stop; then what is on its way is finished. With no lines
/// batches are left to other processes.
pub(crate) async fn work(app: Arc<App>, lines: usize, stopped: watch::Receiver<bool>) {
    if lines == 0 {
        return;
    }
    let chunks = CHUNKS_AT_ONCE.min(lines);
    let router = router(&app, &[], LINE_TIMEOUT);
    let work = Arc::new(Work {
        app,
        router: TowerToHyperService::new(router),
        lines_at_once: lines.div_ceil(chunks),
        stopped,
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&work).repeat(Task::LookAfter));
    for _ in 0..chunks {
        tasks.spawn(Arc::clone(&work).repeat(Task::Answer));
    }
    while tasks.join_next().await.is_some() {}
}

impl Work {
    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Waits, or until it is told to stop.
    async fn pause(&self, time: Duration) {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }

    /// Does a task again and again, with a pause where there was nothing to do.
    async fn repeat(self: Arc<Self>, task: Task) {
        while !self.is_stopped() {
            // Nobody has needed the database yet: there are no batches that anybody knows of.
            let Some(archive) = self.app.archive.opened() else {
                self.pause(PAUSE).await;
                continue;
            };
            let done = match task {
                Task::LookAfter => self.look_after(archive).await,
                Task::Answer => self.answer(archive).await,
            };
            match done {
                Ok(Done::Something) => {}
                Ok(Done::Nothing) => self.pause(PAUSE).await,
                Err(error) => {
                    tracing::error!(%error, "the work on batches");
                    self.pause(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Validates or finalizes a batch, or clears away what an ended one left.
    async fn look_after(&self, archive: &Archive) -> Result<Done, StoreError> {
        let worker = worker(archive);
        let Some(job) = archive.store.next_batch_job(&worker).await? else {
            let cleared = archive.store.clear_ended_batches().await?;
            return Ok(if cleared > 0 { Done::Something } else { Done::Nothing });
        };
        let (BatchJob::Validate(batch) | BatchJob::Finalize(batch)) = &job;
        let done = AssertUnwindSafe(self.job(archive, &job)).catch_unwind().await;
        let failed = match done {
            Ok(Ok(()) | Err(StoreError::BatchLost(_))) => return Ok(Done::Something),
            Ok(Err(error)) => error,
            Err(_) => StoreError::Invalid(format!("the work on {} panicked", batch.id)),
        };
        archive.store.give_up_batch(&worker, &batch.id).await?;
        Err(failed)
    }

    async fn job(&self, archive: &Archive, job: &BatchJob) -> Result<(), StoreError> {
        match job {
            BatchJob::Validate(batch) => {
                validate::validate(archive, batch, self.app.limits.body).await
            }
            BatchJob::Finalize(batch) => finish::finish(archive, batch).await,
        }
    }
}

/// This process, as those see it that share the database.
fn worker(archive: &Archive) -> BatchWorker<'_> {
    let now = now();
    let beat_before = if archive.is_alone() { i64::MAX } else { now - LEASE };
    BatchWorker { process: &archive.process, beat_before, now }
}

/// Where inputs are read and results written.
fn blobs(archive: &Archive) -> Result<&Blobs, StoreError> {
    archive.blobs().map_err(|error| StoreError::Invalid(error.object.message.into_owned()))
}
