//! Whatever happens in whatever order, the money adds up.
#![expect(clippy::unwrap_used, reason = "a test may panic in its helpers too")]

use std::collections::HashMap;

use ledger::{
    Account, Allowance, Book, Hold, Journal, Kind, MicroDollars, Open, Prices, Refusal, Reset,
    Tier, Transfer, Units, Wrong, cost,
};
use proptest::prelude::*;

/// What may happen to an account with a key.
#[derive(Clone, Debug)]
enum Event {
    Pay(i64),
    Begin(i64),
    /// Settles one of the open holds for a share of it.
    Settle(usize, u8),
    Release(usize),
    /// The process dies: its holds are released by another.
    Crash,
    Day,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..2000_i64).prop_map(Event::Pay),
        (0..500_i64).prop_map(Event::Begin),
        (any::<usize>(), any::<u8>()).prop_map(|(which, share)| Event::Settle(which, share)),
        any::<usize>().prop_map(Event::Release),
        Just(Event::Crash),
        Just(Event::Day),
    ]
}

#[derive(Default)]
struct World {
    account: Account,
    allowance: Allowance,
    open: Vec<Hold<Open>>,
    transfers: Vec<Transfer>,
    spent_by_day: HashMap<i64, i64>,
    time: i64,
}

impl World {
    fn transfer(&mut self, kind: Kind, amount: MicroDollars) {
        self.transfers.push(Transfer {
            id: self.transfers.len() as i64,
            account: "a".into(),
            kind,
            amount,
            balance_after: self.account.balance,
        });
    }

    fn release(&mut self, hold: Hold<Open>) {
        let released = hold.release();
        self.account.release(&released).unwrap();
        self.allowance.close(released.amount(), MicroDollars::ZERO, self.time).unwrap();
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Pay(amount) => {
                self.account.add(MicroDollars::new(amount)).unwrap();
                self.transfer(Kind::Payment, MicroDollars::new(amount));
            }
            Event::Begin(amount) => {
                let amount = MicroDollars::new(amount);
                let before = (self.account, self.allowance);
                let id = format!("{}", self.transfers.len());
                let held = self
                    .allowance
                    .hold(amount, self.time)
                    .and_then(|()| self.account.hold(id, amount));
                if let Ok(hold) = held {
                    self.open.push(hold);
                } else {
                    (self.account, self.allowance) = before;
                }
            }
            Event::Settle(which, share) => {
                if self.open.is_empty() {
                    return;
                }
                let hold = self.open.swap_remove(which % self.open.len());
                let cost = hold.amount().get() * i64::from(share) / 255;
                let settled = hold.settle(MicroDollars::new(cost)).unwrap();
                self.account.settle(&settled).unwrap();
                self.allowance.close(settled.amount(), settled.cost(), self.time).unwrap();
                *self.spent_by_day.entry(self.time).or_default() += cost;
                self.transfer(Kind::Charge, MicroDollars::new(-cost));
            }
            Event::Release(which) => {
                if !self.open.is_empty() {
                    let hold = self.open.swap_remove(which % self.open.len());
                    self.release(hold);
                }
            }
            Event::Crash => {
                for hold in std::mem::take(&mut self.open) {
                    self.release(hold);
                }
            }
            Event::Day => self.time += 86_400_000,
        }
    }
}

proptest! {
    #[test]
    fn after_any_events_the_rows_are_the_balance_and_nothing_is_below_its_limit(
        events in proptest::collection::vec(event(), 0..200),
        floor in -1000..=0_i64,
        cap in proptest::option::of(0..2000_i64),
    ) {
        let mut world = World {
            account: Account { floor: MicroDollars::new(floor), ..Account::default() },
            allowance: Allowance {
                cap: cap.map(MicroDollars::new),
                reset: Reset::Daily,
                ..Allowance::default()
            },
            ..World::default()
        };
        for event in &events {
            world.happen(event);
            prop_assert!(world.account.balance >= world.account.floor);
            prop_assert!(world.account.available().unwrap() >= MicroDollars::ZERO);
            let held = world.open.iter().map(|hold| hold.amount().get()).sum::<i64>();
            prop_assert_eq!(world.account.held.get(), held);
            prop_assert_eq!(world.allowance.held.get(), held);
        }
        let mut journal = Journal::default();
        for transfer in &world.transfers {
            journal.add(transfer).unwrap();
        }
        prop_assert_eq!(journal.sum(), 0);
        prop_assert_eq!(journal.check("a", world.account.balance), Ok(()));
        let earned = world.spent_by_day.values().sum::<i64>();
        prop_assert_eq!(journal.book(&Book::Revenue), i128::from(earned));
        if let Some(cap) = cap {
            prop_assert!(world.spent_by_day.values().all(|spent| *spent <= cap));
        }
    }

    #[test]
    fn a_cost_is_the_exact_quotient_rounded_up(
        prices in [0..1_000_000_000_i64, 0..1_000_000_000, 0..1_000_000_000],
        units in [0..1_000_000_u64, 0..1_000_000, 0..1_000_000],
        batch in any::<bool>(),
    ) {
        let [images, texts, requests] = prices.map(MicroDollars::new);
        let prices = Prices { images, texts, requests };
        let [images, texts, requests] = units;
        let units = Units { images, texts, requests };
        let (tier, divisor) = if batch { (Tier::Batch, 2000) } else { (Tier::Standard, 1000) };
        let cost = i128::from(cost(&prices, &units, tier).unwrap().get());
        let exact = i128::from(prices.images.get()) * i128::from(units.images)
            + i128::from(prices.texts.get()) * i128::from(units.texts)
            + i128::from(prices.requests.get()) * i128::from(units.requests);
        prop_assert!(cost * divisor >= exact && (cost - 1) * divisor < exact);
    }

    #[test]
    fn any_row_that_was_changed_is_named(
        amounts in proptest::collection::vec(1..100_i64, 1..50),
        which in any::<usize>(),
        by in prop_oneof![-5..0_i64, 1..5_i64],
    ) {
        let mut balance = 0;
        let mut rows = Vec::new();
        for (id, amount) in amounts.into_iter().enumerate() {
            balance += amount;
            rows.push(Transfer {
                id: id as i64,
                account: "a".into(),
                kind: Kind::Grant,
                amount: MicroDollars::new(amount),
                balance_after: MicroDollars::new(balance),
            });
        }
        let which = which % rows.len();
        rows[which].amount = MicroDollars::new(rows[which].amount.get() + by);
        let mut journal = Journal::default();
        let wrong = rows.iter().find_map(|row| journal.add(row).err());
        let named = matches!(wrong, Some(Wrong::Row { id, .. }) if id == which as i64);
        prop_assert!(named);
    }
}

#[test]
fn exactly_as_many_calls_as_the_credit_covers_succeed() {
    let mut account = Account { balance: MicroDollars::new(940), ..Account::default() };
    let price = MicroDollars::new(94);
    let calls = (0..20).map(|call| account.hold(call.to_string(), price)).collect::<Vec<_>>();
    assert_eq!(calls.iter().filter(|call| call.is_ok()).count(), 10);
    for call in calls {
        match call {
            Ok(hold) => account.settle(&hold.settle(price).unwrap()).unwrap(),
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Credit { needed: price, left: MicroDollars::ZERO });
            }
        }
    }
    assert_eq!(account, Account::default());
}

#[test]
fn a_hold_cannot_be_settled_for_more_and_is_not_lost_by_trying() {
    let hold = Hold::open("h", MicroDollars::new(5)).unwrap();
    let (error, hold) = hold.settle(MicroDollars::new(6)).unwrap_err();
    assert!(error.to_string().contains("$0.000006"), "{error}");
    let (_, hold) = hold.settle(MicroDollars::new(-1)).unwrap_err();
    assert_eq!(hold.settle(MicroDollars::new(5)).unwrap().cost(), MicroDollars::new(5));
    assert!(Hold::open("h", MicroDollars::new(-1)).is_err());
}
