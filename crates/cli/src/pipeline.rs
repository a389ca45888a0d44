//! Decoding ahead of the engine: threads read and resize pictures while the caller computes.
//!
//! Pictures arrive in their order. However many there are, only a window of them is in memory.

use std::borrow::Cow;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use pixels::{PixelsError, Preprocessor, RgbImage};
use server::image_error_code;

use crate::inputs::{Source, describe};

/// How many pictures the engine takes at a time.
pub(crate) const BATCH: usize = 16;

/// More threads would only wait for the engine, and each may hold one large decoded picture.
const MOST_DECODERS: usize = 8;

/// Why a picture cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PictureError {
    /// In one line, without the picture's name.
    pub(crate) message: Cow<'static, str>,
    /// The same for programs.
    pub(crate) code: &'static str,
}

/// A picture of the tower's size, or why there is none.
pub(crate) type Prepared = Result<RgbImage, PictureError>;

/// A place in the queue: the picture comes through it when it is decoded.
type Ticket = Receiver<Prepared>;

struct Job<'a> {
    source: &'a Source,
    done: SyncSender<Prepared>,
}

/// Pictures in their order, as they get ready.
pub(crate) struct Decoded {
    tickets: Receiver<Ticket>,
    next: Option<Ticket>,
}

impl Decoded {
    /// Waits for one picture, then takes what else is ready, [`BATCH`] at most. Empty at the end.
    pub(crate) fn next_batch(&mut self) -> Vec<Prepared> {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let ticket = match self.next.take() {
                Some(ticket) => ticket,
                None if batch.is_empty() => match self.tickets.recv() {
                    Ok(ticket) => ticket,
                    Err(_) => break,
                },
                None => match self.tickets.try_recv() {
                    Ok(ticket) => ticket,
                    Err(_) => break,
                },
            };
            let prepared = if batch.is_empty() {
                ticket.recv().unwrap_or_else(|_| Err(lost()))
            } else {
                match ticket.try_recv() {
                    Ok(prepared) => prepared,
                    Err(TryRecvError::Empty) => {
                        self.next = Some(ticket);
                        break;
                    }
                    Err(TryRecvError::Disconnected) => Err(lost()),
                }
            };
            batch.push(prepared);
        }
        batch
    }
}

/// Runs `body` while `sources` are read and prepared on other threads, as many as `threads` and no more than eight.
pub(crate) fn decode_ahead<R>(
    sources: &[Source],
    preprocessor: &Preprocessor,
    threads: usize,
    body: impl FnOnce(&mut Decoded) -> R,
) -> R {
    let decoders = threads.min(MOST_DECODERS).min(sources.len().max(1));
    thread::scope(|scope| {
        // The bound of this queue bounds everything: a job is given out after its ticket has found room.
        let (tickets, waiting) = sync_channel(BATCH + decoders);
        let (jobs, work) = channel();
        scope.spawn(move || give_out(sources, &tickets, &jobs));
        let work = Arc::new(Mutex::new(work));
        for _ in 0..decoders {
            let work = Arc::clone(&work);
            scope.spawn(move || decode_jobs(&work, preprocessor));
        }
        let mut decoded = Decoded { tickets: waiting, next: None };
        // When `body` returns early, dropping the queue ends the other threads.
        body(&mut decoded)
    })
}

fn give_out<'a>(sources: &'a [Source], tickets: &SyncSender<Ticket>, jobs: &Sender<Job<'a>>) {
    for source in sources {
        let (done, ticket) = sync_channel(1);
        if tickets.send(ticket).is_err() || jobs.send(Job { source, done }).is_err() {
            return;
        }
    }
}

fn decode_jobs(work: &Mutex<Receiver<Job<'_>>>, preprocessor: &Preprocessor) {
    loop {
        let job = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { source, done }) = job else {
            return;
        };
        // One picture must not hurt the others, not even through a bug of a decoder.
        let prepared = catch_unwind(AssertUnwindSafe(|| prepare(source, preprocessor)));
        // Nobody waits for it when the caller has stopped early.
        let _unwanted = done.send(prepared.unwrap_or_else(|_| Err(lost())));
    }
}

/// Reads, decodes and resizes one picture.
pub(crate) fn prepare(source: &Source, preprocessor: &Preprocessor) -> Prepared {
    let limit = preprocessor.limits().bytes;
    let bytes = match source {
        Source::File(path) => read_file(path, limit),
        Source::StandardInput => read(io::stdin().lock(), limit),
    }?;
    preprocessor.prepare(&bytes).map_err(|error| undecoded(&error))
}

fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, PictureError> {
    let file = fs_err::File::open(path).map_err(|error| unreadable(&error))?;
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    if metadata.is_file() && metadata.len() > limit {
        let bytes = metadata.len();
        return Err(undecoded(&PixelsError::TooManyBytes { bytes, limit }));
    }
    read(file, limit)
}

/// Reads to the end, or to one byte beyond the limit, which the decoder then refuses.
fn read(from: impl Read, limit: u64) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    let read = from.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

fn unreadable(error: &io::Error) -> PictureError {
    PictureError {
        message: describe(error).into(),
        code: match error.kind() {
            io::ErrorKind::NotFound => "file_not_found",
            _ => "file_unreadable",
        },
    }
}

fn undecoded(error: &PixelsError) -> PictureError {
    PictureError { message: error.to_string().into(), code: image_error_code(error.kind()) }
}

fn lost() -> PictureError {
    PictureError {
        message: Cow::Borrowed("the decoder failed; this is a bug of polysight, please report it"),
        code: "internal_error",
    }
}
