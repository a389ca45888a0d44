//! The server's side of accounts: the store, today's prices, and what has to be done now and then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ledger::{PriceList, Prices};
use store::{DefaultRates, Pepper, Process, Shown, Store, StoreError};

use crate::archive::Archive;
use crate::settings::{AccountSettings, Rates, SignUp};

/// How often a server says that it is alive.
pub(crate) const BEAT: Duration = Duration::from_secs(5);

/// A server that was silent for so long is dead, and the money of its calls is given back.
pub(crate) const LEASE: i64 = 30_000;

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
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

impl Accounts {
    /// Gives back what servers that died had set aside, and learns the prices.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn open(
        archive: &Archive,
        settings: AccountSettings,
        rates: Rates,
    ) -> Result<Self, StoreError> {
        let (store, process) = (archive.store.clone(), archive.process.clone());
        let dead = if archive.is_alone() { i64::MAX } else { now() - LEASE };
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

    /// Looks after servers that are not alive, learns the prices and forgets old answers.
    pub(crate) async fn care(&self) {
        let done = async {
            let released = self.store.release_dead(&self.process, now() - LEASE).await?;
            if released > 0 {
                tracing::warn!(released, "gave back the money of calls that died with a server");
            }
            let prices = Arc::new(self.store.prices().await?);
            *self.prices.write().unwrap_or_else(PoisonError::into_inner) = prices;
            self.store.forget_answers(now() - ANSWERS).await?;
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
}
