//! The server's side of accounts: the store, today's prices, and what has to be done now and then.

use std::fs::TryLockError;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ledger::{PriceList, Prices};
use store::{DefaultRates, Location, Pepper, Process, Shown, Store, StoreError};

use crate::settings::{AccountSettings, Rates, SignUp};

/// How often a server says that it is alive.
pub(crate) const BEAT: Duration = Duration::from_secs(5);

/// A server that was silent for so long is dead, and the money of its calls is given back.
const LEASE: i64 = 30_000;

/// How long an answer can be asked for again, in milliseconds.
const ANSWERS: i64 = 86_400_000;

/// Accounts that are switched on.
pub(crate) struct Accounts {
    pub(crate) store: Store,
    pub(crate) pepper: Pepper,
    pub(crate) process: Process,
    pub(crate) rates: DefaultRates,
    pub(crate) sign_up: Option<SignUp>,
    pub(crate) mailer: crate::mail::Mailer,
    prices: RwLock<Arc<PriceList>>,
    /// Whether the database answered last.
    answers: AtomicBool,
    /// Held for as long as this server lives: no other has the same file.
    _lock: Option<fs_err::File>,
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

impl Accounts {
    /// Opens the database, brings its tables up to date where no other server can be at work with older ones, and gives
    /// back what servers that died had set aside.
    ///
    /// # Errors
    /// When the database cannot be opened, or has tables of another version.
    pub(crate) async fn open(settings: AccountSettings, rates: Rates) -> Result<Self, StoreError> {
        let store = Store::open(&settings.location).await?;
        let migrations = store.migrations().await?;
        let applied = migrations.iter().filter(|migration| migration.applied).count();
        if store.is_shared() && applied > 0 && applied < migrations.len() {
            let message = "servers of an older version may be at work with them".to_owned();
            return Err(StoreError::Version(message));
        }
        let lock = lock(&settings.location)?;
        store.migrate().await?;
        let process = store.enter(now()).await?;
        let dead = if lock.is_some() { i64::MAX } else { now() - LEASE };
        let released = store.release_dead(&process, dead).await?;
        if released > 0 {
            tracing::info!(released, "gave back the money of calls that died with a server");
        }
        if store.keys(None).await?.is_empty() {
            tracing::warn!(
                "there is no key yet: `polysight key create --role admin` makes the operator's own"
            );
        }
        let prices = RwLock::new(Arc::new(store.prices().await?));
        Ok(Self {
            store,
            pepper: settings.pepper,
            process,
            rates: DefaultRates {
                requests_per_minute: rates.requests_per_minute,
                images_per_minute: rates.images_per_minute,
            },
            mailer: crate::mail::Mailer::new(settings.smtp)?,
            sign_up: settings.sign_up,
            prices,
            answers: AtomicBool::new(true),
            _lock: lock,
        })
    }

    /// What a model costs now.
    pub(crate) fn prices(&self, model: &str) -> Prices {
        self.prices.read().unwrap_or_else(PoisonError::into_inner).at(model, now())
    }

    /// The key of a text. It takes as long for a wrong one: its hash is looked up as well.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn show(&self, text: &str) -> Result<Option<Shown>, StoreError> {
        self.store.show_key(&self.pepper.hash(text), self.rates, now()).await
    }

    /// Says that this server is alive, looks after those that are not, learns the prices and forgets old answers.
    pub(crate) async fn care(&self) {
        let done = async {
            self.store.beat(&self.process, now()).await?;
            let released = self.store.release_dead(&self.process, now() - LEASE).await?;
            if released > 0 {
                tracing::warn!(released, "gave back the money of calls that died with a server");
            }
            let prices = Arc::new(self.store.prices().await?);
            *self.prices.write().unwrap_or_else(PoisonError::into_inner) = prices;
            self.store.forget_answers(now() - ANSWERS).await?;
            self.store.tidy().await?;
            Ok::<_, StoreError>(())
        };
        let done = done.await;
        self.answers.store(done.is_ok(), Ordering::Relaxed);
        if let Err(error) = done {
            tracing::error!(%error, "the accounts' database");
        }
    }

    /// Whether the database answered when it was asked last.
    pub(crate) fn is_well(&self) -> bool {
        self.answers.load(Ordering::Relaxed)
    }

    /// Ends in order.
    pub(crate) async fn leave(&self) {
        if let Err(error) = self.store.leave(&self.process).await {
            tracing::error!(%error, "the accounts' database");
        }
        self.store.close().await;
    }
}

/// The lock beside a SQLite file; none on PostgreSQL.
///
/// # Errors
/// When another server has it: each would take the other's calls for those of a dead one.
fn lock(location: &Location) -> Result<Option<fs_err::File>, StoreError> {
    let Location::Sqlite(path) = location else { return Ok(None) };
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = fs_err::OpenOptions::new();
    let file = options.create(true).append(true).open(PathBuf::from(name))?;
    match file.file().try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            let message =
                format!("another server uses {location}; several servers share a PostgreSQL");
            Err(StoreError::Location(message))
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
