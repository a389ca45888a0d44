//! The two streams of the program: results on standard output; progress, warnings and errors on standard error.
//!
//! Nothing else in the crate writes to them, so that a progress bar and a line never mix, and a closed pipe is noticed
//! in one place.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Stdout, Write};
use std::time::Duration;

use anyhow::Context;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::arguments::OutputOptions;
use crate::environment::Environment;
use crate::exit::OutputClosed;
use crate::settings;

/// Whether results are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    On,
    Off,
}

/// Whether there is more on standard error than errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    Normal,
    Quiet,
}

/// Standard output, standard error, and the progress bar on it.
pub(crate) struct Console {
    results: BufWriter<Stdout>,
    results_on_terminal: bool,
    verbosity: Verbosity,
    colour: Colour,
    bar: ProgressBar,
}

impl Console {
    /// The streams of this process.
    pub(crate) fn new(environment: &Environment, options: &OutputOptions) -> Self {
        let results_on_terminal = io::stdout().is_terminal();
        Self {
            results: BufWriter::new(io::stdout()),
            results_on_terminal,
            verbosity: settings::verbosity(options, environment),
            colour: if results_on_terminal && environment.no_color.is_none() {
                Colour::On
            } else {
                Colour::Off
            },
            bar: ProgressBar::hidden(),
        }
    }

    /// Whether a person looks at the results.
    pub(crate) fn results_on_terminal(&self) -> bool {
        self.results_on_terminal
    }

    pub(crate) fn colour(&self) -> Colour {
        self.colour
    }

    /// Prints a part of the results; it reaches the reader with the next [`flush`](Self::flush) at the latest.
    ///
    /// # Errors
    /// [`OutputClosed`] when nobody reads any more, or that the results could not be written.
    pub(crate) fn print(&mut self, part: impl AsRef<[u8]>) -> anyhow::Result<()> {
        let results = &mut self.results;
        let mut write = || results.write_all(part.as_ref());
        let written = if self.results_on_terminal { self.bar.suspend(write) } else { write() };
        judge(written)
    }

    /// Hands what was printed to the reader.
    ///
    /// # Errors
    /// Those of [`print`](Self::print).
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        let results = &mut self.results;
        judge(self.bar.suspend(|| results.flush()))
    }

    /// Names an input that failed, in one line.
    pub(crate) fn failed(&self, name: &str, message: &str) {
        let (name, message) = (printable(name), printable(message));
        self.bar.suspend(|| complain(&format!("{name}: {message}")));
    }

    /// Says something that the user may want to know, in one line.
    pub(crate) fn note(&self, message: &str) {
        if self.verbosity == Verbosity::Normal {
            self.bar.suspend(|| complain(&printable(message)));
        }
    }

    /// Begins a bar over `total` of `things`, where a person looks at standard error.
    pub(crate) fn begin(&mut self, things: &'static str, total: usize) {
        self.begin_shaped(
            "{prefix} [{bar:30}] {pos}/{len}{rate}{rest}",
            things,
            Some(total as u64),
        );
    }

    /// Begins a bar over the bytes of a file, whose length may be unknown.
    pub(crate) fn begin_bytes(&mut self, file: &str, total: Option<u64>) {
        let shape = if total.is_some() {
            "{prefix} [{bar:30}] {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}{rest}"
        } else {
            "{prefix} {decimal_bytes}  {decimal_bytes_per_sec}"
        };
        self.begin_shaped(shape, file, total);
    }

    fn begin_shaped(&mut self, shape: &str, things: &str, total: Option<u64>) {
        if self.verbosity == Verbosity::Quiet || !io::stderr().is_terminal() {
            return;
        }
        let style = ProgressStyle::with_template(shape)
            .expect("the bar's template is valid")
            .with_key("rate", write_rate)
            .with_key("rest", write_rest)
            .progress_chars("█▉▊▋▌▍▎▏ ");
        self.bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        self.bar.set_style(style);
        self.bar.set_prefix(printable(things).into_owned());
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    /// So many are done.
    pub(crate) fn advance_to(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// Takes the bar away.
    pub(crate) fn end(&mut self) {
        self.bar.finish_and_clear();
        self.bar = ProgressBar::hidden();
    }
}

/// How fast it goes, once that can be told.
fn write_rate(state: &ProgressState, text: &mut dyn fmt::Write) {
    if state.per_sec() > 0.0 {
        let _infallible = write!(text, "  {:.1}/s", state.per_sec());
    }
}

/// How long it will take, once that can be told.
fn write_rest(state: &ProgressState, text: &mut dyn fmt::Write) {
    if state.per_sec() > 0.0 {
        let _infallible = write!(text, "  {:#} left", HumanDuration(state.eta()));
    }
}

fn judge(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(OutputClosed.into()),
        other => other.context("cannot write the results"),
    }
}

/// Writes one line to standard error. When that is closed nobody can be told, so a failure is no error.
pub(crate) fn complain(message: &str) {
    let _nobody_listens = writeln!(io::stderr(), "polysight: {message}");
}

/// A text without control characters, which could forge lines or play with a terminal.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if character.is_control() {
            clean.extend(character.escape_default());
        } else {
            clean.push(character);
        }
    }
    Cow::Owned(clean)
}
