//! Who may call, and how often.

use ledger::MicroDollars;
use store::{Access, Admission, Change, DefaultRates, HoldRequest, NewKey, Role, StoreError};

use crate::world::{NOON, PRICE, RATES, World, act};

pub(crate) async fn a_key_is_found_by_its_hash_alone(world: World) {
    let account = world.account(0).await;
    let new = NewKey {
        models: Some(vec!["mini".into()]),
        expires_at: Some(NOON + 1000),
        ..NewKey::new(Some(account.id.clone()), Role::Manager, "Ann's")
    };
    let (key, plain) = world.store.create_key(&new, &world.pepper, &act()).await.unwrap();
    assert!(key.allows("mini") && !key.allows("large"));
    let show = async |text: &str, now| {
        world.store.show_key(&world.pepper.hash(text), RATES, now).await.unwrap()
    };
    let shown = show(plain.expose(), NOON).await.unwrap();
    assert_eq!(shown.admission, Admission::Admitted);
    assert_eq!((shown.key.id, shown.key.last_used_at), (key.id.clone(), Some(NOON)));
    assert!(show(plain.expose(), NOON + 1000).await.is_none(), "expired");
    for wrong in ["", "ps-", &plain.expose()[1..], &plain.expose().to_uppercase()] {
        assert!(show(wrong, NOON).await.is_none(), "{wrong}");
    }
    let disable = Change { access: Some(Access::Disabled), ..Change::default() };
    world.store.change_key(&key.id, None, &disable, &act()).await.unwrap();
    assert!(show(plain.expose(), NOON).await.is_none(), "disabled");
    let enable = Change { access: Some(Access::Enabled), ..Change::default() };
    world.store.change_key(&key.id, None, &enable, &act()).await.unwrap();
    world.store.set_account_access(&account.id, Access::Disabled, &act()).await.unwrap();
    assert!(show(plain.expose(), NOON).await.is_none(), "its account is disabled");
    world.store.set_account_access(&account.id, Access::Enabled, &act()).await.unwrap();
    assert!(show(plain.expose(), NOON).await.is_some());
    world.store.delete_key(&key.id, None, &act()).await.unwrap();
    assert!(show(plain.expose(), NOON).await.is_none(), "deleted");
    assert_eq!(world.store.keys(None).await.unwrap(), []);
}

pub(crate) async fn a_key_changes_only_for_its_account(world: World) {
    let (ann, ben) = (world.account(0).await, world.account(0).await);
    let key = world.key(&ann).await;
    let rename = Change { name: Some("new".into()), ..Change::default() };
    let of = |id: &str| Some(id.to_owned());
    for (account, works) in
        [(of(&ben.id), false), (of("acct_none"), false), (of(&ann.id), true), (None, true)]
    {
        let account = account.as_deref();
        let outcomes = [
            world.store.key(&key.id, account).await.is_ok(),
            world.store.change_key(&key.id, account, &rename, &act()).await.is_ok(),
        ];
        assert_eq!(outcomes, [works; 2], "{account:?}");
    }
    let error = world.store.delete_key(&key.id, Some(&ben.id), &act()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("there is no key {:?}", key.id));
    assert_eq!(world.store.keys(Some(&ben.id)).await.unwrap(), []);
    let cap = Change { cap: Some(Some(MicroDollars::new(7))), ..Change::default() };
    let changed = world.store.change_key(&key.id, Some(&ann.id), &cap, &act()).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.cap), ("new", Some(MicroDollars::new(7))));
    let no_cap = Change { cap: Some(None), ..Change::default() };
    let changed = world.store.change_key(&key.id, Some(&ann.id), &no_cap, &act()).await.unwrap();
    assert_eq!(changed.cap, None);
    world.store.delete_key(&key.id, Some(&ann.id), &act()).await.unwrap();
}

pub(crate) async fn a_minute_has_as_many_calls_and_pictures_as_the_key_allows(world: World) {
    let account = world.account(1_000_000).await;
    let new = NewKey {
        requests_per_minute: Some(6),
        ..NewKey::new(Some(account.id.clone()), Role::Inference, "slow")
    };
    let (key, plain) = world.store.create_key(&new, &world.pepper, &act()).await.unwrap();
    let rates = DefaultRates { requests_per_minute: 1, images_per_minute: 10 };
    let show = async |now| {
        let hash = world.pepper.hash(plain.expose());
        world.store.show_key(&hash, rates, now).await.unwrap().unwrap()
    };
    for left in (0..6).rev() {
        let shown = show(NOON).await;
        assert_eq!(shown.admission, Admission::Admitted);
        assert_eq!(shown.standing.requests_left, f64::from(left));
        assert_eq!((shown.standing.requests_limit, shown.standing.images_limit), (6, 10));
    }
    assert_eq!(show(NOON).await.admission, Admission::NoneLeft);
    assert_eq!(show(NOON + 9_999).await.admission, Admission::NoneLeft);
    assert_eq!(show(NOON + 10_001).await.admission, Admission::Admitted);
    assert_eq!(show(NOON + 10_001).await.admission, Admission::NoneLeft);
    // A clock that goes back gives nothing.
    assert_eq!(show(NOON).await.admission, Admission::NoneLeft);
    assert_eq!(show(NOON + 10_000_000).await.standing.requests_left, 5.0);

    let hold = async |images, now| {
        let request = HoldRequest {
            key: &key,
            account: &account.id,
            process: &world.process,
            amount: PRICE,
            images,
            rates,
            request_id: "req",
            question: None,
            now,
        };
        world.store.hold(&request).await
    };
    let now = NOON + 10_000_000;
    hold(4, now).await.unwrap();
    hold(6, now).await.unwrap();
    let Err(StoreError::Images { limit: 10, seconds }) = hold(1, now).await else {
        panic!("ten were taken")
    };
    assert!((5.9..=6.1).contains(&seconds), "{seconds}");
    let later = now + 60_000;
    assert_eq!(show(later).await.standing.images_left, 10.0);
    // A request of more than a minute's pictures takes them all.
    hold(1000, later).await.unwrap();
    assert!(hold(1, later).await.is_err());
}

pub(crate) async fn what_makes_no_sense_is_refused(world: World) {
    let account = world.account(0).await;
    let key = |role, account: Option<&str>| NewKey::new(account.map(str::to_owned), role, "k");
    let own = || key(Role::Inference, Some(&account.id));
    for (new, why) in [
        (key(Role::Admin, Some(&account.id)), "belongs to no account"),
        (key(Role::Manager, None), "needs an account"),
        (key(Role::Inference, Some("acct_none")), "there is no account"),
        (NewKey { name: String::new(), ..own() }, "1 to 200 characters"),
        (NewKey { name: "a\nb".into(), ..own() }, "control character"),
        (NewKey { cap: Some(MicroDollars::new(-1)), ..own() }, "negative"),
        (NewKey { images_per_minute: Some(0), ..own() }, "at least 1"),
    ] {
        let error = world.store.create_key(&new, &world.pepper, &act()).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    let admin = key(Role::Admin, None);
    assert!(world.store.create_key(&admin, &world.pepper, &act()).await.is_ok());
}
