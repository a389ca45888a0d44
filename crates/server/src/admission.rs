//! How much may wait: a newcomer is turned away while more than the budget is inside.
//!
//! Whoever comes while the budget is not used up is let in whole, so that a request larger than the budget can be
//! answered at all; what waits is then at most the budget and one request, whose size the body limit bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A budget of something that can wait.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    inside: AtomicU64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, inside: AtomicU64::new(0) })
    }

    /// What is inside now.
    pub(crate) fn inside(&self) -> u64 {
        self.inside.load(Ordering::Relaxed)
    }

    /// Lets `amount` in; `None` when the budget is used up.
    pub(crate) fn enter(self: &Arc<Self>, amount: u64) -> Option<Ticket> {
        self.enter_below(self.limit, amount)
    }

    /// The same for what nobody waits for: half of the budget is for others.
    pub(crate) fn enter_behind(self: &Arc<Self>, amount: u64) -> Option<Ticket> {
        self.enter_below(self.limit.div_ceil(2), amount)
    }

    fn enter_below(self: &Arc<Self>, limit: u64, amount: u64) -> Option<Ticket> {
        let admit = |inside: u64| (inside < limit).then(|| inside.saturating_add(amount));
        self.inside.fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit).ok()?;
        Some(Ticket { budget: Arc::clone(self), amount })
    }
}

/// What a request has inside; dropping it lets the rest out.
#[derive(Debug)]
pub(crate) struct Ticket {
    budget: Arc<Budget>,
    amount: u64,
}

impl Ticket {
    /// Adds what is known only later.
    pub(crate) fn grow(&mut self, amount: u64) {
        self.amount += amount;
        self.budget.inside.fetch_add(amount, Ordering::Relaxed);
    }

    /// Adds what arrives, unless what others have inside uses the budget up: whoever is alone may be larger than it.
    pub(crate) fn arrive(&mut self, amount: u64) -> Option<()> {
        let admit = |inside: u64| {
            let others = inside.saturating_sub(self.amount);
            (others < self.budget.limit).then(|| inside.saturating_add(amount))
        };
        self.budget.inside.fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit).ok()?;
        self.amount += amount;
        Some(())
    }

    /// Takes a part off, to be let out on its own.
    pub(crate) fn split(&mut self, amount: u64) -> Self {
        let amount = amount.min(self.amount);
        self.amount -= amount;
        Self { budget: Arc::clone(&self.budget), amount }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.budget.inside.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_is_turned_away_only_while_the_budget_is_used_up() {
        let budget = Budget::new(10);
        let small = budget.enter(4).unwrap();
        let large = budget.enter(100).unwrap();
        assert!(budget.enter(1).is_none());
        drop(large);
        assert!(budget.enter(1).is_some());
        drop(small);
        assert_eq!(budget.inside(), 0);
    }

    #[test]
    fn what_nobody_waits_for_leaves_half_to_others() {
        let budget = Budget::new(10);
        let behind = [budget.enter_behind(4).unwrap(), budget.enter_behind(4).unwrap()];
        assert!(budget.enter_behind(1).is_none());
        assert!(budget.enter(1).is_some());
        drop(behind);
        assert!(budget.enter_behind(1).is_some());
    }

    #[test]
    fn what_arrives_is_let_in_while_the_others_leave_room() {
        let budget = Budget::new(10);
        let (mut first, mut second) = (budget.enter(0).unwrap(), budget.enter(0).unwrap());
        first.arrive(100).unwrap();
        assert!(second.arrive(1).is_none(), "the first uses the budget up");
        first.arrive(100).unwrap();
        drop(second);
        assert_eq!(budget.inside(), 200);
        drop(first);
        assert_eq!(budget.inside(), 0);
    }

    #[test]
    fn parts_are_let_out_on_their_own() {
        let budget = Budget::new(10);
        let mut ticket = budget.enter(6).unwrap();
        ticket.grow(2);
        let part = ticket.split(5);
        assert_eq!(budget.inside(), 8);
        drop(part);
        assert_eq!(budget.inside(), 3);
        let rest = ticket.split(50);
        drop(ticket);
        assert_eq!(budget.inside(), 3);
        drop(rest);
        assert_eq!(budget.inside(), 0);
    }
}
