//! What a call costs: its price is set aside before the work and settled with the answer.
//!
//! [`reserve`](Bill::reserve) and [`measure`](Bill::measure) are called where pictures and texts are embedded, so that no
//! endpoint can forget them; the layer that authenticates [`close`](Bill::close)s the bill when the answer is there. A call
//! that fails, times out or whose client hangs up before its answer is settled costs nothing: what was set aside goes back
//! when the bill is dropped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use ledger::{Hold, MicroDollars, Open, Prices, Refusal, Tier, Units, cost};
use store::{
    Charge, HoldRequest, Holding, KeyRow, LineCharge, Question, Store, StoreError, StoredAnswer,
};

use crate::accounts::{Accounts, now};
use crate::app::App;
use crate::error::{ApiError, Instead};

const COST: HeaderName = HeaderName::from_static("x-cost-usd");
const BALANCE: HeaderName = HeaderName::from_static("x-balance-usd");
const TIER: &str = "x-tier";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The longest name of a call.
pub(crate) const LONGEST_IDEMPOTENCY_KEY: usize = 255;

/// The headers that accounts bring.
pub(crate) const HEADERS: [HeaderName; 2] = [COST, BALANCE];

/// Who pays, and how.
pub(crate) struct Payer {
    pub(crate) key: KeyRow,
    pub(crate) request_id: String,
    pub(crate) balance: Option<MicroDollars>,
    tier: Tier,
    idempotency_key: Option<String>,
}

impl Payer {
    /// From the key and the headers of a call.
    ///
    /// # Errors
    /// When a header makes no sense.
    pub(crate) fn new(
        key: KeyRow,
        balance: Option<MicroDollars>,
        request_id: String,
        headers: &HeaderMap,
    ) -> Result<Self, ApiError> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
        let tier = match text(TIER) {
            None | Some("" | "standard") => Tier::Standard,
            Some("batch") => Tier::Batch,
            Some(_) => {
                let message = "the header x-tier is neither standard nor batch";
                return Err(ApiError::invalid("invalid_tier", message).at("x-tier"));
            }
        };
        let idempotency_key = text(IDEMPOTENCY_KEY).filter(|name| !name.is_empty());
        if idempotency_key
            .is_some_and(|name| name.len() > LONGEST_IDEMPOTENCY_KEY || name.contains('\u{fffd}'))
        {
            let message = format!(
                "the header idempotency-key has 1 to {LONGEST_IDEMPOTENCY_KEY} visible ASCII characters"
            );
            return Err(ApiError::invalid("invalid_idempotency_key", message).at("idempotency-key"));
        }
        let idempotency_key = idempotency_key.map(str::to_owned);
        Ok(Self { key, request_id, balance, tier, idempotency_key })
    }
}

/// What a call asks for beside its work.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Whether only its price is wanted.
    pub(crate) dry_run: bool,
    /// SHA-256 of what is asked.
    pub(crate) digest: [u8; 32],
}

/// A call's bill.
#[derive(Default)]
pub(crate) struct Bill {
    payer: Option<Payer>,
    tier: Tier,
    /// Nobody waits for a batch's line, and it takes nothing of the minute.
    origin: Origin,
    order: OnceLock<Order>,
    reserved: Mutex<Option<Reserved>>,
    /// Pictures that were taken from the minute.
    images: AtomicU64,
}

/// Where a call comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A client.
    #[default]
    Client,
    /// A line of a batch.
    Line,
}

/// Money that is set aside for a call, and what it is for.
struct Reserved {
    held: Held,
    model: String,
    prices: Prices,
    measured: Option<Measured>,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// Pictures that were embedded.
    pub(crate) images: u64,
    /// Pictures that were known.
    pub(crate) cached_images: u64,
    /// Texts that were embedded.
    pub(crate) texts: u64,
    cost: MicroDollars,
}

impl Measured {
    pub(crate) fn new(images: u64, cached_images: u64, texts: u64) -> Self {
        Self { images, cached_images, texts, cost: MicroDollars::ZERO }
    }

    fn units(self) -> Units {
        Units { images: self.images, texts: self.texts, requests: 1 }
    }
}

/// A hold that goes back when it is dropped.
pub(crate) struct Held {
    hold: Option<Hold<Open>>,
    store: Store,
}

impl Held {
    pub(crate) fn new(hold: Hold<Open>, store: Store) -> Self {
        Self { hold: Some(hold), store }
    }

    /// The hold itself, for whoever settles it.
    pub(crate) fn take(mut self) -> Option<Hold<Open>> {
        self.hold.take()
    }

    /// Gives it back, and waits until it is.
    async fn release(mut self) {
        if let Some(task) = self.give_back() {
            let _failures_are_logged = task.await;
        }
    }

    /// In a task of its own, which whoever hangs up does not stop.
    fn give_back(&mut self) -> Option<tokio::task::JoinHandle<()>> {
        let hold = self.hold.take()?;
        let store = self.store.clone();
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        Some(runtime.spawn(async move {
            if let Err(error) = store.release(hold).await {
                tracing::error!(%error, "a hold could not be released");
            }
        }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What a batch's line costs.
pub(crate) struct Due {
    held: Held,
    hold: String,
    amount: MicroDollars,
    measured: Measured,
    model: String,
    tier: Tier,
}

impl Due {
    /// The charge to be written with the line's result. Where that fails the money has to be [released](Self::release).
    pub(crate) fn charge<'a>(&'a mut self, request_id: &'a str) -> Option<LineCharge<'a>> {
        let hold = self.held.hold.take()?;
        let charge = Charge {
            cost: self.measured.cost,
            model: &self.model,
            tier: self.tier,
            images: self.measured.images,
            cached_images: self.measured.cached_images,
            texts: self.measured.texts,
            request_id,
            answer: None,
            now: now(),
        };
        Some(LineCharge { hold, charge })
    }

    /// Gives back what was set aside, also when a charge of it was tried and failed.
    pub(crate) async fn release(mut self) {
        if self.held.hold.is_none() {
            self.held.hold = Hold::open(self.hold, self.amount).ok();
        }
        self.held.release().await;
    }
}

impl Bill {
    /// The bill of an account's call.
    pub(crate) fn of(payer: Payer) -> Self {
        Self { tier: payer.tier, payer: Some(payer), ..Self::default() }
    }

    /// The bill of a batch's line, at the tier of batches; nobody pays without accounts.
    pub(crate) fn of_line(key: Option<KeyRow>, request_id: &str) -> Self {
        let payer = key.map(|key| Payer {
            key,
            request_id: request_id.to_owned(),
            balance: None,
            tier: Tier::Batch,
            idempotency_key: None,
        });
        Self { payer, tier: Tier::Batch, origin: Origin::Line, ..Self::default() }
    }

    /// Where the call comes from.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// Who pays; nobody without accounts.
    pub(crate) fn payer(&self) -> Option<&Payer> {
        self.payer.as_ref()
    }

    /// Takes what the body says of it, once.
    pub(crate) fn order(&self, order: Order) {
        let _once = self.order.set(order);
    }

    /// Whether what is asked has to be known for a later question.
    pub(crate) fn wants_digest(&self) -> bool {
        self.payer.as_ref().is_some_and(|payer| payer.idempotency_key.is_some())
    }

    /// How urgent the call is.
    pub(crate) fn tier(&self) -> Tier {
        self.tier
    }

    /// Pictures that were taken from the minute.
    pub(crate) fn images(&self) -> u64 {
        self.images.load(Ordering::Relaxed)
    }

    /// Sets the most aside that the call may cost.
    ///
    /// # Errors
    /// When the account or the key cannot pay, and when only the price was wanted or the answer is known already.
    pub(crate) async fn reserve(
        &self,
        app: &App,
        model: &str,
        images: u64,
        texts: u64,
    ) -> Result<(), ApiError> {
        let units = Units { images, texts, requests: 1 };
        self.set_aside(app, model, units, images).await
    }

    /// The same for pictures that are embedded later, for a price of their own: that it could be paid now. Nothing of it is held
    /// when this comes back, since those who embed them begin at once.
    ///
    /// # Errors
    /// Those of [`reserve`](Self::reserve).
    pub(crate) async fn reserve_for_later(
        &self,
        app: &App,
        model: &str,
        images: u64,
    ) -> Result<(), ApiError> {
        self.set_aside(app, model, Units { images, texts: 0, requests: 1 }, 0).await?;
        let reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reserved) = reserved {
            reserved.held.release().await;
            self.set_aside(app, model, Units { images: 0, texts: 0, requests: 1 }, 0).await?;
        }
        self.measure(Measured::new(0, 0, 0));
        Ok(())
    }

    /// `images` are taken from the minute.
    async fn set_aside(
        &self,
        app: &App,
        model: &str,
        units: Units,
        images: u64,
    ) -> Result<(), ApiError> {
        let accounts = self.payer.as_ref().zip(app.accounts.as_deref());
        let prices = accounts.map_or(Prices::default(), |(_, accounts)| accounts.prices(model));
        let amount = cost(&prices, &units, self.tier())
            .map_err(|error| ApiError::invalid("too_dear", error.to_string()))?;
        let order = self.order.get_or_init(Order::default);
        if order.dry_run {
            return Err(ApiError::instead(quote(model, &units, self.tier(), amount)));
        }
        let Some((payer, accounts)) = accounts else { return Ok(()) };
        if !payer.key.allows(model) {
            let message = format!("the key may not use the model {model}");
            return Err(ApiError::forbidden("model_not_allowed", message).at("model"));
        }
        let Some(account) = payer.key.account_id.clone() else {
            let message =
                "an admin's key manages accounts and computes nothing; use a key of an account";
            return Err(ApiError::forbidden("admin_key", message));
        };
        let holding = self.hold(accounts, payer, account, amount, images, order).await;
        let held = holding.map_err(refused)?;
        self.images.store(images, Ordering::Relaxed);
        let reserved = Reserved { held, model: model.to_owned(), prices, measured: None };
        *self.reserved.lock().unwrap_or_else(PoisonError::into_inner) = Some(reserved);
        Ok(())
    }

    /// In a task of its own: a client that hangs up must not leave a hold behind.
    async fn hold(
        &self,
        accounts: &Accounts,
        payer: &Payer,
        account: String,
        amount: MicroDollars,
        images: u64,
        order: &Order,
    ) -> Result<Held, StoreError> {
        let (store, process, rates) =
            (accounts.store.clone(), accounts.process.clone(), accounts.rates);
        let (key, request_id) = (payer.key.clone(), payer.request_id.clone());
        let images = match self.origin {
            Origin::Client => images,
            Origin::Line => 0,
        };
        let question = payer
            .idempotency_key
            .clone()
            .map(|idempotency_key| Question { idempotency_key, digest: order.digest });
        let task = tokio::spawn(async move {
            let request = HoldRequest {
                key: &key,
                account: &account,
                process: &process,
                amount,
                images,
                rates,
                request_id: &request_id,
                question: question.as_ref(),
                now: now(),
            };
            Ok(match store.hold(&request).await? {
                Holding::Held(hold) => Ok(Held::new(hold, store)),
                Holding::Answered(answer) => Err(answer),
            })
        });
        match task.await.expect("a hold does not panic") {
            Ok(Ok(held)) => Ok(held),
            Ok(Err(answer)) => Err(StoreError::Answered(Box::new(answer))),
            Err(error) => Err(error),
        }
    }

    /// Takes what was done.
    pub(crate) fn measure(&self, mut measured: Measured) {
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reserved) = reserved.as_mut() {
            let most = reserved.held.hold.as_ref().map_or(MicroDollars::ZERO, Hold::amount);
            let cost = cost(&reserved.prices, &measured.units(), self.tier());
            measured.cost = cost.unwrap_or(most).min(most);
            reserved.measured = Some(measured);
        }
    }

    /// What the call costs, in micro-dollars, as far as it was measured.
    pub(crate) fn cost(&self) -> u64 {
        let reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        let measured = reserved.as_ref().and_then(|reserved| reserved.measured);
        measured.map_or(0, |measured| measured.cost.get().unsigned_abs())
    }

    /// What a batch's line costs, to be charged together with its result; nothing where nothing was set aside.
    pub(crate) fn due(&self) -> Option<Due> {
        let reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let hold = reserved.held.hold.as_ref()?;
        Some(Due {
            hold: hold.id().to_owned(),
            amount: hold.amount(),
            measured: reserved.measured.unwrap_or_default(),
            model: reserved.model,
            tier: self.tier,
            held: reserved.held,
        })
    }

    /// Settles the bill of a good answer and writes on it what it cost; a bad one costs nothing.
    pub(crate) async fn close(&self, app: &App, response: Response) -> Response {
        let Some(payer) = &self.payer else { return response };
        let reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (mut response, paid, balance) = match (reserved, app.accounts.as_deref()) {
            (Some(reserved), Some(accounts)) if response.status().is_success() => {
                match self.settle(accounts, payer, reserved, response).await {
                    Ok((response, paid, balance)) => (response, paid, Some(balance)),
                    Err(error) => {
                        (unavailable(&error).into_response(), MicroDollars::ZERO, payer.balance)
                    }
                }
            }
            (reserved, _) => {
                if let Some(reserved) = reserved {
                    // Before the answer: whoever tries again at once must not meet the old hold.
                    reserved.held.release().await;
                }
                (response, MicroDollars::ZERO, payer.balance)
            }
        };
        let mut write = |name: HeaderName, money: MicroDollars| {
            if let Ok(value) = HeaderValue::try_from(money.dollars()) {
                response.headers_mut().insert(name, value);
            }
        };
        write(COST, paid);
        if let Some(balance) = balance {
            write(BALANCE, balance);
        }
        response
    }

    async fn settle(
        &self,
        accounts: &Accounts,
        payer: &Payer,
        mut reserved: Reserved,
        response: Response,
    ) -> Result<(Response, MicroDollars, MicroDollars), StoreError> {
        let measured = reserved.measured.unwrap_or_default();
        let (response, answer) = if payer.idempotency_key.is_some() {
            let (response, answer) = kept(response).await?;
            (response, Some(answer))
        } else {
            (response, None)
        };
        let hold = reserved.held.hold.take().expect("it is settled once");
        let (store, tier) = (accounts.store.clone(), payer.tier);
        let request_id = payer.request_id.clone();
        let model = std::mem::take(&mut reserved.model);
        // A client that hangs up now must not stop half way.
        let task = tokio::spawn(async move {
            let charge = Charge {
                cost: measured.cost,
                model: &model,
                tier,
                images: measured.images,
                cached_images: measured.cached_images,
                texts: measured.texts,
                request_id: &request_id,
                answer: answer.as_ref(),
                now: now(),
            };
            store.settle(hold, &charge).await
        });
        let account = task.await.expect("a settlement does not panic")?;
        Ok((response, measured.cost, account.balance))
    }
}

/// The price of a call that is not made.
fn quote(model: &str, units: &Units, tier: Tier, amount: MicroDollars) -> Instead {
    let body = serde_json::json!({
        "object": "quote",
        "model": model,
        "tier": tier.name(),
        "images": units.images,
        "texts": units.texts,
        "cost": amount.get(),
        "cost_usd": amount.dollars(),
    });
    Instead::json(body.to_string())
}

/// The whole body of an answer, and the answer with it again. Only headers that belong to the body are kept.
async fn kept(response: Response) -> Result<(Response, StoredAnswer), StoreError> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await;
    let body =
        body.map_err(|error| StoreError::Invalid(format!("the answer broke off: {error}")))?;
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let answer = StoredAnswer {
        status: parts.status.as_u16(),
        headers: kind.unwrap_or("application/json").to_owned(),
        body: body.to_vec(),
    };
    Ok((Response::from_parts(parts, Body::from(body)), answer))
}

/// Why a call cannot be paid, as the API says it.
fn refused(error: StoreError) -> ApiError {
    match error {
        StoreError::Answered(answer) => ApiError::instead(Instead::again(*answer)),
        StoreError::Refused(refusal @ Refusal::Credit { .. }) => {
            ApiError::unpaid("insufficient_credit", refusal.to_string())
        }
        StoreError::Refused(refusal @ Refusal::Cap { .. }) => {
            ApiError::unpaid("key_cap_reached", refusal.to_string())
        }
        StoreError::Images { limit, seconds } => ApiError::used_up(limit, "images", seconds),
        StoreError::Unusable(_) => ApiError::unknown_key(),
        StoreError::InFlight => ApiError::conflict("idempotency_key_in_use", error.to_string()),
        StoreError::OtherQuestion => {
            ApiError::undecodable("idempotency_key_reused", error.to_string()).at(IDEMPOTENCY_KEY)
        }
        other => unavailable(&other),
    }
}

/// 503: the database does not answer, which the log says.
pub(crate) fn unavailable(error: &StoreError) -> ApiError {
    tracing::error!(%error, "the accounts' database");
    let message = "the accounts cannot be asked now; nothing was charged";
    ApiError::unavailable("accounts_unavailable", message, 1)
}

/// Shares a bill with whoever works on the call.
pub(crate) type SharedBill = Arc<Bill>;
