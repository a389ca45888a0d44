//! How far a measurement is, on the console.

use eval::{Watcher, Work};

use crate::console::Console;

/// Shows the work as bars, and names the pictures that count as wrong.
pub(crate) struct Progress<'a> {
    console: &'a mut Console,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(console: &'a mut Console) -> Self {
        Self { console }
    }
}

impl Watcher for Progress<'_> {
    fn begin(&mut self, work: Work, total: usize) {
        let things = match work {
            Work::Pictures => "pictures",
            Work::Prompts => "class prompts",
            Work::Captions => "captions",
        };
        self.console.begin(things, total);
    }

    fn advance(&mut self, done: usize) {
        self.console.advance_to(done as u64);
    }

    fn end(&mut self) {
        self.console.end();
    }

    fn failed(&mut self, key: &str, problem: &str) {
        self.console.failed(key, problem);
    }
}
