//! What stays.

use ledger::{Kind, MicroDollars, PriceChange, Prices};
use store::{Access, Charge, Credit, Location, NewAccount, Store, UsageFilter};

use crate::world::{NOON, PRICE, World, act, charge};

pub(crate) async fn every_change_is_on_record_and_no_record_changes(world: World) {
    let account = world.account(940).await;
    let key = world.key(&account).await;
    world.store.set_account_access(&account.id, Access::Disabled, &act()).await.unwrap();
    world.store.delete_key(&key.id, None, &act()).await.unwrap();
    let audit = world.store.audit(10).await.unwrap();
    let actions = audit.iter().rev().map(|row| (row.action.as_str(), row.subject.as_str()));
    let (a, k) = (account.id.as_str(), key.id.as_str());
    let expected =
        [("account.create", a), ("key.create", k), ("account.disable", a), ("key.delete", k)];
    assert_eq!(actions.collect::<Vec<_>>(), expected);
    assert!(audit.iter().all(|row| (row.actor.as_str(), row.at) == ("test", NOON)));
    assert!(audit.iter().all(|row| row.request_id.as_deref() == Some("req_1")));
    let transfers = world.store.transfers(Some(&account.id), 10).await.unwrap();
    assert_eq!((transfers[0].kind, transfers[0].amount.get()), (Kind::Payment, 940));
    for sql in [
        "UPDATE transfers SET amount = 1",
        "DELETE FROM transfers",
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "DELETE FROM prices WHERE id IN (SELECT id FROM transfers)",
    ] {
        match world.raw(sql).await {
            Err(error) => assert!(error.to_string().contains("append-only"), "{sql}: {error}"),
            // SQLite's triggers are asked for each row, and there is no price.
            Ok(()) => assert!(sql.contains("prices") && !world.store.is_shared(), "{sql}"),
        }
    }
}

/// Takes the locks off first, as whoever tampers would.
async fn tamper(world: &World, sql: &'static str) {
    let unlock = if world.store.is_shared() {
        "DROP TRIGGER IF EXISTS transfers_append_only ON transfers"
    } else {
        "DROP TRIGGER IF EXISTS transfers_no_update"
    };
    world.raw(unlock).await.unwrap();
    world.raw(sql).await.unwrap();
}

pub(crate) async fn the_first_row_that_does_not_add_up_is_named(world: World) {
    let account = world.account(940).await;
    let key = world.key(&account).await;
    for _ in 0..5 {
        let hold = world.hold(&key, PRICE).await.unwrap();
        world.settle(hold, PRICE).await.unwrap();
    }
    let verified = world.store.verify().await.unwrap();
    assert_eq!((verified.transfers, verified.accounts, verified.open_holds), (6, 1, 0));
    assert_eq!((verified.revenue, verified.payments), (470, 940));
    assert_eq!(verified.wrong, None);
    tamper(&world, "UPDATE transfers SET amount = -93 WHERE id >= 4").await;
    let wrong = world.store.verify().await.unwrap().wrong.unwrap();
    let id = &account.id;
    assert_eq!(
        wrong,
        format!(
            "transfer 4 of account {id}: its balance is $0.000658, and the rows add up to $0.000659"
        )
    );
}

pub(crate) async fn a_balance_or_a_hold_that_does_not_add_up_is_named(world: World) {
    let account = world.account(940).await;
    let key = world.key(&account).await;
    let _open = world.hold(&key, PRICE).await.unwrap();
    assert_eq!(world.store.verify().await.unwrap().open_holds, 1);
    let id = &account.id;
    tamper(&world, "UPDATE accounts SET balance = 941").await;
    let wrong = world.store.verify().await.unwrap().wrong.unwrap();
    assert_eq!(
        wrong,
        format!("account {id}: its balance is $0.000941, and its transfers add up to $0.00094")
    );
    tamper(&world, "UPDATE accounts SET balance = 940, held = 93").await;
    let wrong = world.store.verify().await.unwrap().wrong.unwrap();
    assert_eq!(
        wrong,
        format!(
            "account {id}: $0.000093 are marked as held, and its open holds add up to $0.000094"
        )
    );
    tamper(&world, "UPDATE accounts SET held = 94").await;
    tamper(&world, "UPDATE keys SET held = 0").await;
    let wrong = world.store.verify().await.unwrap().wrong.unwrap();
    assert!(wrong.starts_with(&format!("key {}: $0.00 are marked", key.id)), "{wrong}");
}

pub(crate) async fn usage_is_by_day_key_and_model(world: World) {
    const DAY: i64 = 86_400_000;
    let account = world.account(10_000).await;
    let other = world.account(10_000).await;
    let (key, other_key) = (world.key(&account).await, world.key(&other).await);
    for (key, now, model) in [
        (&key, NOON, "mini"),
        (&key, NOON + 1, "mini"),
        (&key, NOON, "large"),
        (&key, NOON + DAY, "mini"),
        (&other_key, NOON, "mini"),
    ] {
        let hold = world.hold(key, MicroDollars::new(188)).await.unwrap();
        let charge = Charge {
            now,
            model,
            images: 2,
            cached_images: 1,
            texts: 3,
            ..charge(MicroDollars::new(188))
        };
        world.store.settle(hold, &charge).await.unwrap();
    }
    let filter = UsageFilter { account: Some(account.id.clone()), ..UsageFilter::default() };
    let usage = world.store.usage(&filter).await.unwrap();
    let midnight = NOON - DAY / 2;
    let rows = usage.iter().map(|row| {
        assert_eq!((row.key_id.as_ref(), row.key_name.as_deref()), (Some(&key.id), Some("a key")));
        let counts = [row.requests, row.images, row.cached_images, row.texts, row.cost.get()];
        (row.day - midnight, row.model.as_deref().unwrap(), counts)
    });
    let expected = [
        (0, "large", [1, 2, 1, 3, 188]),
        (0, "mini", [2, 4, 2, 6, 376]),
        (DAY, "mini", [1, 2, 1, 3, 188]),
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    assert_eq!(world.store.usage(&UsageFilter::default()).await.unwrap().len(), 4);
    let late = UsageFilter { from: Some(NOON + 2), until: Some(NOON + 2 * DAY), ..filter.clone() };
    assert_eq!(world.store.usage(&late).await.unwrap().len(), 1);
    let never = UsageFilter { until: Some(NOON), ..filter };
    assert_eq!(world.store.usage(&never).await.unwrap(), []);
}

pub(crate) async fn prices_are_by_date(world: World) {
    let prices = |amount| Prices { images: MicroDollars::new(amount), ..Prices::default() };
    let set = async |model: Option<&str>, from, amount| {
        let change = PriceChange { model: model.map(str::to_owned), from, prices: prices(amount) };
        world.store.set_prices(&change, &act()).await
    };
    set(Some("mini"), NOON, 10).await.unwrap();
    set(None, NOON + 100, 20).await.unwrap();
    set(Some("mini"), NOON + 200, 30).await.unwrap();
    let list = world.store.prices().await.unwrap();
    assert_eq!(list.at("mini", NOON), prices(10));
    assert_eq!(list.at("mini", NOON + 200), prices(30));
    assert_eq!(list.at("large", NOON + 99), Prices::DEFAULT);
    assert_eq!(list.at("large", NOON + 100), prices(20));
    assert!(set(None, NOON - 1, 1).await.unwrap_err().to_string().contains("past"));
    assert!(set(None, NOON, -1).await.unwrap_err().to_string().contains("negative"));
    assert_eq!(world.store.audit(10).await.unwrap().len(), 3);
}

pub(crate) async fn many_programs_may_bring_the_tables_up_at_once(world: World) {
    // New tables where that takes no more than another file.
    let location = match &world.location {
        Location::Sqlite(path) => Location::Sqlite(path.with_file_name("new.db")),
        shared @ Location::Postgres(_) => shared.clone(),
    };
    let migrate = async || {
        let store = Store::open(&location).await.unwrap();
        store.migrate().await.unwrap();
        store.close().await;
    };
    futures_util::future::join_all((0..8).map(|_| migrate())).await;
    let rows = world.store.migrations().await.unwrap();
    assert!(rows.iter().all(|row| row.applied) && !rows.is_empty(), "{rows:?}");
}

pub(crate) async fn no_secret_is_in_the_database(world: World) {
    let account = world.account(940).await;
    let new = store::NewKey::new(Some(account.id.clone()), store::Role::Inference, "k");
    let (_, key) = world.store.create_key(&new, &world.pepper, &act()).await.unwrap();
    let link = world.store.create_link("ann@example.com", &world.pepper, &act()).await.unwrap();
    let Location::Sqlite(path) = &world.location else {
        // The same statements wrote it; its files are the server's.
        return;
    };
    let mut seen = 0;
    for file in fs_err::read_dir(path.parent().unwrap()).unwrap() {
        let bytes = fs_err::read(file.unwrap().path()).unwrap();
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        seen += usize::from(has("ann@example.com"));
        for secret in [key.expose(), &key.expose()[10..40], link.secret.expose(), &"ab".repeat(32)]
        {
            assert!(!has(secret));
        }
        assert!(!has(&String::from_utf8_lossy(&[0xab; 32])));
    }
    assert!(seen > 0, "the files were looked at");
}

pub(crate) async fn a_copy_is_whole_while_the_server_works(world: World) {
    let Location::Sqlite(path) = &world.location else {
        let error = world.store.back_up("copy".as_ref()).await.unwrap_err();
        assert!(error.to_string().contains("pg_dump"));
        return;
    };
    let account = world.account(94_000).await;
    let key = world.key(&account).await;
    let copy = path.with_file_name("copy.db");
    let work = async {
        for _ in 0..50 {
            let hold = world.hold(&key, PRICE).await.unwrap();
            world.settle(hold, PRICE).await.unwrap();
        }
    };
    let (backed_up, ()) = tokio::join!(world.store.back_up(&copy), work);
    backed_up.unwrap();
    assert!(world.store.back_up(&copy).await.unwrap_err().to_string().contains("exists already"));
    let restored = Store::open(&Location::Sqlite(copy)).await.unwrap();
    restored.migrate().await.unwrap();
    let verified = restored.verify().await.unwrap();
    assert_eq!((verified.wrong, verified.accounts), (None, 1));
    let new = NewAccount { name: "after".into(), ..NewAccount::default() };
    restored.create_account(&new, &act()).await.unwrap();
    let credit = Credit { amount: PRICE, kind: Kind::Grant, note: None };
    restored.add_credit(&account.id, &credit, &act()).await.unwrap();
}
