//! Sign-up.

use ledger::MicroDollars;
use store::{Act, StoreError};

use crate::world::{NOON, World, act};

const FREE: MicroDollars = MicroDollars::new(1_000_000);

pub(crate) async fn a_link_makes_one_account_with_one_free_credit(world: World) {
    let link = async |email: &str| {
        world.store.create_link(email, &world.pepper, &act()).await.unwrap().secret
    };
    let open = async |secret: &str, now| {
        let act = Act { now, ..act() };
        world.store.open_link(&world.pepper.hash(secret), FREE, &act).await
    };
    let first = link("Ann@Example.com").await;
    let opened = open(first.expose(), NOON).await.unwrap();
    assert!(opened.is_new);
    assert_eq!(opened.account.email.as_deref(), Some("ann@example.com"));
    assert_eq!(opened.account.balance, FREE);
    assert!(matches!(open(first.expose(), NOON).await, Err(StoreError::LinkInvalid)), "used");
    // Another spelling of the address is the same person.
    let second = link("ann+free@example.com").await;
    let again = open(second.expose(), NOON).await.unwrap();
    assert!(!again.is_new);
    assert_eq!((again.account.id, again.account.balance), (opened.account.id, FREE));
    let third = link("ann@example.com").await;
    let late = open(third.expose(), NOON + 3_600_001).await;
    assert!(matches!(late, Err(StoreError::LinkInvalid)), "expired");
    assert!(open("guess", NOON).await.is_err());
    world.assert_clean().await;
}

pub(crate) async fn an_address_gets_few_links(world: World) {
    let link = async |email: &str, now| {
        world.store.create_link(email, &world.pepper, &Act { now, ..act() }).await
    };
    for _ in 0..3 {
        link("ann@example.com", NOON).await.unwrap();
    }
    let refused = link("ANN+1@example.com", NOON + 1).await;
    assert!(matches!(refused, Err(StoreError::TooManyLinks)));
    link("ben@example.com", NOON).await.unwrap();
    link("ann@example.com", NOON + 3_600_001).await.unwrap();
    assert!(link("nobody", NOON).await.is_err());
}
