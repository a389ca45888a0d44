//! How long a newcomer would wait for a tower: what was let in before it, times what each takes.
//!
//! A budget of pixels bounds memory, not time: 256 megapixels are half a minute of one machine and a second of another.
//! So each tower measures itself, and whoever would wait longer than the operator's bound is told to come again. As with
//! every budget here, a newcomer is judged by what waits before it, not by its own size.
//!
//! A burst may wait for the whole bound. A lasting overload may not: it would keep the line full, so that every answer
//! took that long, and so would the first ones after its end. Once somebody was turned away, only a part of the bound
//! may wait, until nobody was turned away for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::queue::Lane;

/// The weight of the newest batch in the mean, as a power of two: 1/4.
const NEWEST: u64 = 4;

/// The part of the bound that may wait during an overload, as a divisor.
const OVERLOADED: u32 = 4;

/// An overload is over when nobody was turned away for so long.
const CALM: Duration = Duration::from_secs(5);

/// Why somebody was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    /// What it would have waited.
    pub(crate) wait: Duration,
    /// What it may wait now.
    pub(crate) bound: Duration,
}

/// Items of a tower that were let in and have no answer yet.
#[derive(Debug, Default)]
pub(crate) struct Line {
    small: AtomicU64,
    bulk: AtomicU64,
    /// A moving mean; 0 until something was computed.
    nanoseconds_each: AtomicU64,
    /// When somebody was turned away last.
    turned_away: Mutex<Option<Instant>>,
}

impl Line {
    fn counter(&self, lane: Lane) -> &AtomicU64 {
        match lane {
            Lane::Small => &self.small,
            Lane::Bulk => &self.bulk,
        }
    }

    /// How long an item of this lane would wait that came now.
    pub(crate) fn wait(&self, lane: Lane) -> Duration {
        let small = self.small.load(Ordering::Relaxed);
        let bulk = self.bulk.load(Ordering::Relaxed);
        let before = match lane {
            // They get half of each batch while both lanes wait.
            Lane::Small => small.saturating_add(small.min(bulk)),
            Lane::Bulk => small.saturating_add(bulk),
        };
        let each = self.nanoseconds_each.load(Ordering::Relaxed);
        Duration::from_nanos(before.saturating_mul(each))
    }

    /// Whether an item may come that would begin to be computed at most `longest` from now.
    ///
    /// # Errors
    /// How long it would wait, and how long it may.
    pub(crate) fn judge(&self, lane: Lane, longest: Duration) -> Result<(), TooLong> {
        let wait = self.wait(lane);
        // Nobody may be turned away before something waits.
        if wait <= longest / OVERLOADED {
            return Ok(());
        }
        let mut turned_away = self.turned_away.lock().unwrap_or_else(PoisonError::into_inner);
        let overloaded = turned_away.is_some_and(|last| last.elapsed() < CALM);
        let bound = if overloaded { longest / OVERLOADED } else { longest };
        if wait <= bound {
            return Ok(());
        }
        *turned_away = Some(Instant::now());
        Err(TooLong { wait, bound })
    }

    /// Lets `count` items in.
    ///
    /// # Errors
    /// Those of [`judge`](Self::judge).
    pub(crate) fn enter(
        self: &Arc<Self>,
        lane: Lane,
        count: usize,
        longest: Duration,
    ) -> Result<Place, TooLong> {
        self.judge(lane, longest)?;
        self.counter(lane).fetch_add(count as u64, Ordering::Relaxed);
        Ok(Place { line: Arc::clone(self), lane, count: count as u64 })
    }

    /// Learns from a batch.
    pub(crate) fn computed(&self, items: usize, took: Duration) {
        let each = took.as_nanos() as u64 / (items.max(1) as u64);
        let learn =
            |mean: u64| Some(if mean == 0 { each } else { (mean * (NEWEST - 1) + each) / NEWEST });
        let _always =
            self.nanoseconds_each.fetch_update(Ordering::Relaxed, Ordering::Relaxed, learn);
    }
}

/// Some items' place in a line; dropping it takes them out.
#[derive(Debug)]
pub(crate) struct Place {
    line: Arc<Line>,
    lane: Lane,
    count: u64,
}

impl Place {
    /// Takes one item off, to leave the line on its own.
    pub(crate) fn split(&mut self) -> Self {
        let count = self.count.min(1);
        self.count -= count;
        Self { line: Arc::clone(&self.line), lane: self.lane, count }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.counter(self.lane).fetch_sub(self.count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn line() -> Arc<Line> {
        let line = Arc::<Line>::default();
        line.computed(10, SECOND);
        line
    }

    #[test]
    fn whoever_would_wait_too_long_is_told_how_long() {
        let line = line();
        let first = line.enter(Lane::Bulk, 2000, SECOND).unwrap();
        let expected = TooLong { wait: 200 * SECOND, bound: SECOND };
        assert_eq!(line.enter(Lane::Bulk, 1, SECOND).unwrap_err(), expected);
        // A small request passes the bulk.
        let small = line.enter(Lane::Small, 10, SECOND).unwrap();
        assert_eq!(line.wait(Lane::Small), 2 * SECOND);
        drop(first);
        assert_eq!(line.wait(Lane::Small), SECOND);
        drop(small);
        assert_eq!(line.wait(Lane::Bulk), Duration::ZERO);
    }

    #[test]
    fn a_burst_may_fill_the_line_and_an_overload_only_a_part_of_it() {
        let line = line();
        let burst = line.enter(Lane::Small, 9, SECOND).unwrap();
        assert!(line.enter(Lane::Small, 1, SECOND).is_ok());
        let more = line.enter(Lane::Small, 5, SECOND).unwrap();
        assert_eq!(line.judge(Lane::Small, SECOND).unwrap_err().bound, SECOND);
        drop(more);
        // Nine wait, as before; now that is too long.
        let refused = line.judge(Lane::Small, SECOND).unwrap_err();
        assert_eq!(refused, TooLong { wait: SECOND * 9 / 10, bound: SECOND / 4 });
        drop(burst);
        let _two = line.enter(Lane::Small, 2, SECOND).unwrap();
        assert!(line.judge(Lane::Small, SECOND).is_ok());
    }

    #[test]
    fn items_leave_one_by_one() {
        let line = line();
        let mut place = line.enter(Lane::Bulk, 2, SECOND).unwrap();
        let one = place.split();
        drop(place);
        assert_eq!(line.wait(Lane::Bulk), SECOND / 10);
        drop(one);
        assert_eq!(line.wait(Lane::Bulk), Duration::ZERO);
    }

    #[test]
    fn nobody_is_turned_away_before_something_was_measured() {
        let line = Arc::<Line>::default();
        let _many = line.enter(Lane::Bulk, 1_000_000, Duration::ZERO).unwrap();
        assert!(line.enter(Lane::Bulk, 1, Duration::ZERO).is_ok());
        line.computed(1, SECOND);
        assert!(line.enter(Lane::Bulk, 1, Duration::ZERO).is_err());
    }

    #[test]
    fn the_mean_follows_the_machine() {
        let line = line();
        let _one = line.enter(Lane::Small, 1, SECOND).unwrap();
        (0..40).for_each(|_| line.computed(1, SECOND));
        assert!(line.wait(Lane::Small) > SECOND * 9 / 10);
    }
}
