//! A database for each test, and what tests do over and over.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use ledger::{Hold, Kind, MicroDollars, Open, Tier};
use store::{
    AccountRow, Act, Charge, Credit, DefaultRates, HoldRequest, Holding, KeyRow, Location,
    NewAccount, NewKey, Pepper, Process, Question, Role, Store, StoreError,
};

/// 2026-11-28, 12:00 UTC.
pub(crate) const NOON: i64 = 1_795_867_200_000;

pub(crate) const PRICE: MicroDollars = MicroDollars::new(94);

pub(crate) const RATES: DefaultRates =
    DefaultRates { requests_per_minute: 1_000_000, images_per_minute: 1_000_000 };

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) location: Location,
    pub(crate) pepper: Pepper,
    pub(crate) process: Process,
}

pub(crate) fn on_sqlite<F: Future<Output = ()>>(test: fn(World) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(folder.path().join("a folder/polysight.db"));
    runtime().block_on(async { test(World::open(location).await).await });
}

/// Tells the databases of this process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

pub(crate) fn on_postgres<F: Future<Output = ()>>(test: fn(World) -> F) {
    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let Ok(server) = std::env::var("POLYSIGHT_TEST_POSTGRES") else {
        eprintln!("skipped: POLYSIGHT_TEST_POSTGRES names no server");
        return;
    };
    on_server(&server, |runtime, url| {
        runtime.block_on(async { test(World::open(Location::Postgres(url)).await).await });
    });
}

/// A database of its own on a server, for as long as a test runs.
pub(crate) fn on_server(server: &str, test: impl FnOnce(&tokio::runtime::Runtime, url::Url)) {
    let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut url = server.parse::<url::Url>().unwrap();
    let runtime = runtime();
    sqlx::any::install_default_drivers();
    let admin = runtime.block_on(sqlx::AnyPool::connect(server)).unwrap();
    let run = |sql: String| {
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        runtime.block_on(sql.execute(&admin)).unwrap();
    };
    run(format!("CREATE DATABASE {name}"));
    url.set_path(&name);
    test(&runtime, url);
    run(format!("DROP DATABASE {name} WITH (FORCE)"));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

pub(crate) fn act() -> Act {
    Act { actor: "test".into(), request_id: Some("req_1".into()), now: NOON }
}

impl World {
    async fn open(location: Location) -> Self {
        let store = Store::open(&location).await.unwrap();
        store.migrate().await.unwrap();
        let process = store.enter(NOON).await.unwrap();
        let pepper = Pepper::read(&"ab".repeat(32)).unwrap();
        Self { store, location, pepper, process }
    }

    pub(crate) async fn account(&self, credit: i64) -> AccountRow {
        let account = NewAccount { name: "Ann".into(), ..NewAccount::default() };
        let account = self.store.create_account(&account, &act()).await.unwrap();
        self.pay(&account.id, credit).await
    }

    pub(crate) async fn pay(&self, account: &str, amount: i64) -> AccountRow {
        let credit = Credit { amount: MicroDollars::new(amount), kind: Kind::Payment, note: None };
        self.store.add_credit(account, &credit, &act()).await.unwrap()
    }

    pub(crate) async fn key(&self, account: &AccountRow) -> KeyRow {
        self.key_like(NewKey::new(Some(account.id.clone()), Role::Inference, "a key")).await
    }

    pub(crate) async fn key_like(&self, new: NewKey) -> KeyRow {
        self.store.create_key(&new, &self.pepper, &act()).await.unwrap().0
    }

    pub(crate) async fn hold(
        &self,
        key: &KeyRow,
        amount: MicroDollars,
    ) -> Result<Hold<Open>, StoreError> {
        match self.ask(key, amount, None, NOON).await? {
            Holding::Held(hold) => Ok(hold),
            Holding::Answered(answer) => panic!("nobody asked that: {answer:?}"),
        }
    }

    pub(crate) async fn ask(
        &self,
        key: &KeyRow,
        amount: MicroDollars,
        question: Option<&Question>,
        now: i64,
    ) -> Result<Holding, StoreError> {
        let request = HoldRequest {
            key,
            account: key.account_id.as_ref().unwrap(),
            process: &self.process,
            amount,
            images: 1,
            rates: RATES,
            request_id: "req_1",
            question,
            now,
        };
        self.store.hold(&request).await
    }

    pub(crate) async fn settle(
        &self,
        hold: Hold<Open>,
        cost: MicroDollars,
    ) -> Result<AccountRow, StoreError> {
        self.store.settle(hold, &charge(cost)).await
    }

    pub(crate) async fn assert_clean(&self) {
        let verified = self.store.verify().await.unwrap();
        assert_eq!(verified.wrong, None);
    }

    /// A connection that knows no rules.
    pub(crate) async fn raw(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        let url = match &self.location {
            Location::Sqlite(path) => format!("sqlite://{}", path.display()).replace(' ', "%20"),
            Location::Postgres(url) => url.to_string(),
        };
        let pool = sqlx::AnyPool::connect(&url).await?;
        let done = sqlx::raw_sql(sql).execute(&pool).await.map(drop);
        pool.close().await;
        done
    }
}

pub(crate) fn charge(cost: MicroDollars) -> Charge<'static> {
    Charge {
        cost,
        model: "mini",
        tier: Tier::Standard,
        images: 1,
        cached_images: 0,
        texts: 0,
        request_id: "req_1",
        answer: None,
        now: NOON,
    }
}
