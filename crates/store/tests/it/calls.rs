//! Holds and settlements.

use futures_util::future::join_all;
use ledger::{MicroDollars, Refusal, Reset};
use store::{Access, Change, Charge, Holding, NewKey, Question, Role, StoreError, StoredAnswer};

use crate::world::{NOON, PRICE, World, act, charge};

pub(crate) async fn of_64_clients_exactly_as_many_as_the_credit_covers_succeed(world: World) {
    const CALLS: i64 = 100;
    let account = world.account(CALLS * PRICE.get()).await;
    let key = world.key(&account).await;
    let client = async || {
        let mut succeeded = 0;
        loop {
            match world.hold(&key, PRICE).await {
                Ok(hold) => {
                    tokio::task::yield_now().await;
                    world.settle(hold, PRICE).await.unwrap();
                    succeeded += 1;
                }
                // Others' holds may yet be released.
                Err(StoreError::Refused(Refusal::Credit { needed, left })) => {
                    assert_eq!((needed, left), (PRICE, MicroDollars::ZERO));
                    return succeeded;
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    let succeeded = join_all((0..64).map(|_| client())).await;
    assert_eq!(succeeded.iter().sum::<i64>(), CALLS);
    let account = world.store.account(&account.id).await.unwrap();
    assert_eq!((account.balance, account.held), (MicroDollars::ZERO, MicroDollars::ZERO));
    world.assert_clean().await;
}

pub(crate) async fn a_call_is_charged_once_and_its_rest_goes_back(world: World) {
    let account = world.account(1000).await;
    let key = world.key(&account).await;
    let hold = world.hold(&key, MicroDollars::new(900)).await.unwrap();
    let refused = world.hold(&key, MicroDollars::new(101)).await.unwrap_err();
    assert_eq!(refused.to_string(), "the call needs $0.000101, and the account has $0.0001 left");
    let again = ledger::Hold::open(hold.id(), hold.amount()).unwrap();
    let settled = world.settle(hold, MicroDollars::new(300)).await.unwrap();
    assert_eq!((settled.balance.get(), settled.held.get()), (700, 0));
    let lost = world.settle(again, MicroDollars::new(300)).await.unwrap_err();
    assert!(matches!(lost, StoreError::HoldLost(_)), "{lost}");
    let hold = world.hold(&key, MicroDollars::new(700)).await.unwrap();
    let id = hold.id().to_owned();
    assert!(world.settle(hold, MicroDollars::new(701)).await.is_err());
    world.store.release(ledger::Hold::open(id, MicroDollars::new(700)).unwrap()).await.unwrap();
    assert_eq!(world.store.account(&account.id).await.unwrap().balance.get(), 700);
    world.assert_clean().await;
}

pub(crate) async fn a_released_hold_costs_nothing_and_cannot_be_settled(world: World) {
    let account = world.account(94).await;
    let key = world.key(&account).await;
    let hold = world.hold(&key, PRICE).await.unwrap();
    let again = ledger::Hold::open(hold.id(), hold.amount()).unwrap();
    world.store.release(hold).await.unwrap();
    assert!(matches!(world.settle(again, PRICE).await, Err(StoreError::HoldLost(_))));
    let account = world.store.account(&account.id).await.unwrap();
    assert_eq!((account.balance.get(), account.held.get()), (94, 0));
    world.assert_clean().await;
}

pub(crate) async fn a_cap_counts_what_is_held_and_begins_anew(world: World) {
    const DAY: i64 = 86_400_000;
    let account = world.account(1_000_000).await;
    let new = NewKey {
        cap: Some(MicroDollars::new(100)),
        reset: Reset::Daily,
        ..NewKey::new(Some(account.id.clone()), Role::Inference, "capped")
    };
    let key = world.key_like(new).await;
    let hold = world.hold(&key, MicroDollars::new(60)).await.unwrap();
    let refused = world.hold(&key, MicroDollars::new(50)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the call needs $0.00005, and the key has $0.00004 of its cap left"
    );
    world.settle(hold, MicroDollars::new(55)).await.unwrap();
    assert!(world.hold(&key, MicroDollars::new(50)).await.is_err());
    let Holding::Held(hold) =
        world.ask(&key, MicroDollars::new(100), None, NOON + DAY).await.unwrap()
    else {
        panic!("a new day")
    };
    let late = Charge { now: NOON + DAY, ..charge(MicroDollars::new(99)) };
    world.store.settle(hold, &late).await.unwrap();
    let key = world.store.key(&key.id, None).await.unwrap();
    assert_eq!((key.spent.get(), key.held.get()), (99, 0));
    assert!(world.ask(&key, MicroDollars::new(2), None, NOON + DAY).await.is_err());
    world.assert_clean().await;
}

fn question(name: &str, digest: u8) -> Question {
    Question { idempotency_key: name.into(), digest: [digest; 32] }
}

fn answer() -> StoredAnswer {
    StoredAnswer {
        status: 200,
        headers: "content-type: application/json".into(),
        body: b"{}".into(),
    }
}

pub(crate) async fn a_caller_who_asks_again_gets_the_same_answer_free(world: World) {
    let account = world.account(1000).await;
    let key = world.key(&account).await;
    let ask = async |question: Question| world.ask(&key, PRICE, Some(&question), NOON).await;
    let Holding::Held(hold) = ask(question("a", 1)).await.unwrap() else { panic!("it is new") };
    assert!(matches!(ask(question("a", 1)).await, Err(StoreError::InFlight)));
    assert!(matches!(ask(question("a", 2)).await, Err(StoreError::OtherQuestion)));
    let answer = answer();
    let charge = Charge { answer: Some(&answer), ..charge(PRICE) };
    world.store.settle(hold, &charge).await.unwrap();
    for _ in 0..2 {
        let Holding::Answered(again) = ask(question("a", 1)).await.unwrap() else {
            panic!("again")
        };
        assert_eq!(again, answer);
    }
    assert!(matches!(ask(question("a", 2)).await, Err(StoreError::OtherQuestion)));
    let account_after = world.store.account(&account.id).await.unwrap();
    assert_eq!((account_after.balance.get(), account_after.held.get()), (906, 0));
    // Another account's question of the same name is another question.
    let other = world.account(1000).await;
    let other_key = world.key(&other).await;
    let asked = world.ask(&other_key, PRICE, Some(&question("a", 9)), NOON).await.unwrap();
    assert!(matches!(asked, Holding::Held(_)));
    assert_eq!(world.store.forget_answers(NOON + 1).await.unwrap(), 1);
    assert!(matches!(ask(question("a", 2)).await.unwrap(), Holding::Held(_)));
    world.assert_clean().await;
}

pub(crate) async fn what_failed_may_be_asked_again(world: World) {
    let account = world.account(94).await;
    let key = world.key(&account).await;
    for _ in 0..3 {
        let asked = world.ask(&key, PRICE, Some(&question("a", 1)), NOON).await.unwrap();
        let Holding::Held(hold) = asked else { panic!("nothing was answered") };
        world.store.release(hold).await.unwrap();
    }
    // A refused call reserves no name.
    let dear = MicroDollars::new(95);
    assert!(world.ask(&key, dear, Some(&question("b", 1)), NOON).await.is_err());
    assert!(matches!(
        world.ask(&key, PRICE, Some(&question("b", 2)), NOON).await.unwrap(),
        Holding::Held(_)
    ));
}

pub(crate) async fn the_holds_of_a_dead_server_are_given_back_and_no_others(world: World) {
    let account = world.account(940).await;
    let key = world.key(&account).await;
    let asked = world.ask(&key, PRICE, Some(&question("a", 1)), NOON).await.unwrap();
    let Holding::Held(dead) = asked else { panic!("it is new") };
    let other = world.store.enter(NOON + 30_000).await.unwrap();
    let mine = {
        let world = World {
            process: other.clone(),
            store: world.store.clone(),
            location: world.location.clone(),
            pepper: world.pepper.clone(),
        };
        world.hold(&key, PRICE).await.unwrap()
    };
    assert_eq!(world.store.release_dead(&other, NOON).await.unwrap(), 0, "it beat at noon");
    assert_eq!(world.store.release_dead(&other, NOON + 1).await.unwrap(), 1);
    assert_eq!(world.store.release_dead(&other, NOON + 1).await.unwrap(), 0);
    assert!(matches!(world.settle(dead, PRICE).await, Err(StoreError::HoldLost(_))));
    world.settle(mine, PRICE).await.unwrap();
    let account = world.store.account(&account.id).await.unwrap();
    assert_eq!((account.balance.get(), account.held.get()), (940 - 94, 0));
    let again = world.ask(&key, PRICE, Some(&question("a", 1)), NOON).await.unwrap();
    assert!(matches!(again, Holding::Held(_)), "it was never answered");
    world.assert_clean().await;
}

pub(crate) async fn a_disabled_account_or_key_holds_nothing(world: World) {
    let account = world.account(940).await;
    let key = world.key(&account).await;
    let disable = Change { access: Some(Access::Disabled), ..Change::default() };
    world.store.change_key(&key.id, None, &disable, &act()).await.unwrap();
    assert!(matches!(world.hold(&key, PRICE).await, Err(StoreError::Unusable(_))));
    let enable = Change { access: Some(Access::Enabled), ..Change::default() };
    world.store.change_key(&key.id, None, &enable, &act()).await.unwrap();
    world.store.set_account_access(&account.id, Access::Disabled, &act()).await.unwrap();
    assert!(matches!(world.hold(&key, PRICE).await, Err(StoreError::Unusable(_))));
    world.store.set_account_access(&account.id, Access::Enabled, &act()).await.unwrap();
    let hold = world.hold(&key, PRICE).await.unwrap();
    world.store.delete_key(&key.id, None, &act()).await.unwrap();
    assert!(matches!(world.hold(&key, PRICE).await, Err(StoreError::Unusable(_))));
    // What was begun is finished.
    world.settle(hold, PRICE).await.unwrap();
    world.assert_clean().await;
}
