//! What a caller hears while a model is pulled.

use std::time::Duration;

/// Somebody who wants to hear how a pull goes on, such as a progress bar.
pub trait Progress {
    /// Called on every event, from the thread that pulls, for each chunk of at most 256 KiB.
    fn report(&mut self, event: Event<'_>);
}

/// Something that happened. Files are named as in the model, lengths are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A file is in the cache already.
    Present {
        /// The file.
        file: &'a str,
    },
    /// Another process is downloading the file; this one waits for it.
    Waiting {
        /// The file.
        file: &'a str,
    },
    /// A download begins, or goes on where an earlier one was cut off.
    Started {
        /// The file.
        file: &'a str,
        /// What is there already.
        done: u64,
        /// The whole length, if the server said so.
        total: Option<u64>,
    },
    /// More has arrived. After a server refused to resume, `done` begins again at 0.
    Advanced {
        /// The file.
        file: &'a str,
        /// What is there now.
        done: u64,
        /// The whole length, if the server said so.
        total: Option<u64>,
    },
    /// A request failed and is sent again after a pause.
    Retrying {
        /// The file, or the model's name while its files are being listed.
        file: &'a str,
        /// What went wrong.
        problem: &'a str,
        /// The pause.
        pause: Duration,
    },
    /// The file is complete, its hash was right, and it has its place in the cache.
    Finished {
        /// The file.
        file: &'a str,
    },
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&mut self, _event: Event<'_>) {}
}
