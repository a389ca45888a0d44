//! The server as its clients and its enemies meet it: the real program on a port of its own.

mod caches;
pub(crate) mod client;
#[cfg(target_os = "linux")]
mod corpus;
#[cfg(target_os = "linux")]
mod dropped;
mod fairness;
mod measured;
mod models;
#[cfg(unix)]
mod operations;
mod overload;
mod secrets;
pub(crate) mod server;
mod status_support;
mod statuses;
mod tls;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest that a test waits for what must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A picture as a request carries it.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Waits until it is so.
pub(crate) fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < PATIENCE, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// From 0 to `sides - 1`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}
