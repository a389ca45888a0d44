//! The SQL beside the arithmetic: the same events, the same numbers after each.

use ledger::{Account, Allowance, Hold, MicroDollars, Open, Reset};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use store::{Charge, Holding, NewKey, Role};

use crate::world::{NOON, World, charge};

#[derive(Clone, Debug)]
enum Event {
    Pay(i64),
    Begin(i64),
    Settle(usize, u8),
    Release(usize),
    Hours(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..300_i64).prop_map(Event::Pay),
        (0..200_i64).prop_map(Event::Begin),
        (0..200_i64).prop_map(Event::Begin),
        (any::<usize>(), any::<u8>()).prop_map(|(which, share)| Event::Settle(which, share)),
        any::<usize>().prop_map(Event::Release),
        (0..60_i64).prop_map(Event::Hours),
    ]
}

/// A hold in both worlds.
struct Pair {
    stored: Hold<Open>,
    pure: Hold<Open>,
}

pub(crate) async fn the_database_does_what_the_arithmetic_says(world: World) {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    for round in 0..8_usize {
        let events =
            proptest::collection::vec(event(), 40).new_tree(&mut runner).unwrap().current();
        let reset = [Reset::Never, Reset::Daily, Reset::Weekly, Reset::Monthly][round % 4];
        let cap = (round % 2 == 0).then_some(MicroDollars::new(500));
        follow(&world, &events, reset, cap).await;
    }
    world.assert_clean().await;
}

async fn follow(world: &World, events: &[Event], reset: Reset, cap: Option<MicroDollars>) {
    let row = world.account(0).await;
    let new = NewKey { cap, reset, ..NewKey::new(Some(row.id.clone()), Role::Inference, "k") };
    let key = world.key_like(new).await;
    let mut account = Account::default();
    let mut allowance = Allowance { cap, reset, ..Allowance::default() };
    let mut open = Vec::<Pair>::new();
    let mut now = NOON;
    for event in events {
        match *event {
            Event::Pay(amount) => {
                world.pay(&row.id, amount).await;
                account.add(MicroDollars::new(amount)).unwrap();
            }
            Event::Begin(amount) => {
                let amount = MicroDollars::new(amount);
                let before = allowance;
                let pure = allowance.hold(amount, now).and_then(|()| account.hold("pure", amount));
                match (pure, world.ask(&key, amount, None, now).await) {
                    (Ok(pure), Ok(Holding::Held(stored))) => open.push(Pair { stored, pure }),
                    (Err(expected), Err(found)) => {
                        allowance = before;
                        assert_eq!(found.to_string(), expected.to_string());
                    }
                    (expected, found) => panic!("{expected:?} but {found:?}"),
                }
            }
            Event::Settle(which, share) if !open.is_empty() => {
                let pair = open.swap_remove(which % open.len());
                let cost = MicroDollars::new(pair.pure.amount().get() * i64::from(share) / 255);
                let charge = Charge { now, ..charge(cost) };
                let stored = world.store.settle(pair.stored, &charge).await.unwrap();
                let pure = pair.pure.settle(cost).unwrap();
                account.settle(&pure).unwrap();
                allowance.close(pure.amount(), cost, now).unwrap();
                assert_eq!(stored.account(), account);
            }
            Event::Release(which) if !open.is_empty() => {
                let pair = open.swap_remove(which % open.len());
                world.store.release(pair.stored).await.unwrap();
                let pure = pair.pure.release();
                account.release(&pure).unwrap();
                allowance.held = allowance.held.minus(pure.amount()).unwrap();
            }
            Event::Settle(..) | Event::Release(_) => {}
            Event::Hours(hours) => now += hours * 3_600_000,
        }
        assert_eq!(world.store.account(&row.id).await.unwrap().account(), account, "{event:?}");
        let found = world.store.key(&key.id, None).await.unwrap().allowance();
        assert_eq!(
            (found.spent_at(now), found.held),
            (allowance.spent_at(now), allowance.held),
            "{event:?}"
        );
    }
    for pair in open {
        world.store.release(pair.stored).await.unwrap();
    }
}
