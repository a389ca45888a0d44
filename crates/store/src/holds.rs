//! The two transactions of a call: its price is set aside, then it is charged or given back.

use ledger::{Account, Hold, Kind, MicroDollars, Open, Refusal, Reset, Settled, Tier};

use crate::accounts::{AccountRow, new_id};
use crate::answers::{self, Question, StoredAnswer};
use crate::database::{Connection, Store, number, optional_number, text};
use crate::error::StoreError;
use crate::keys::{DefaultRates, KeyRow, at_most_a_minute, refilled, standing};
use crate::processes::Process;

/// What a call may cost.
#[derive(Clone, Debug)]
pub struct HoldRequest<'a> {
    /// The key that was shown.
    pub key: &'a KeyRow,
    /// Whose key it is.
    pub account: &'a str,
    /// Who works on it.
    pub process: &'a Process,
    /// The most that it may cost.
    pub amount: MicroDollars,
    /// Pictures, for the limit a minute.
    pub images: u64,
    /// The limit of keys that have none.
    pub rates: DefaultRates,
    /// The id of the HTTP request.
    pub request_id: &'a str,
    /// When the call may be asked again.
    pub question: Option<&'a Question>,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// What became of it.
#[derive(Debug)]
pub enum Holding {
    /// The money is set aside.
    Held(Hold<Open>),
    /// The same was asked before, and this was the answer.
    Answered(StoredAnswer),
}

/// What a call took.
#[derive(Clone, Debug)]
pub struct Charge<'a> {
    /// What it costs.
    pub cost: MicroDollars,
    /// The model's id.
    pub model: &'a str,
    /// How urgent it was.
    pub tier: Tier,
    /// Pictures that were embedded.
    pub images: u64,
    /// Pictures that were in the cache.
    pub cached_images: u64,
    /// Texts that were embedded, labels not among them.
    pub texts: u64,
    /// The id of the HTTP request.
    pub request_id: &'a str,
    /// What is sent, when the call may be asked again.
    pub answer: Option<&'a StoredAnswer>,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// Takes the amount from the key: its cap of this period and its pictures of this minute; a request of more than a minute's
/// pictures takes them all. `$2` is now, `$3` and `$4` the server's limits, `$5` the amount, `$6` when the period began, `$7`
/// the pictures.
const TAKE_FROM_KEY: &str = concat!(
    "UPDATE keys SET held = held + $5, requests_left = ",
    refilled!("requests_left", "requests_per_minute", "$3"),
    ", images_left = ",
    refilled!("images_left", "images_per_minute", "$4"),
    " - ",
    at_most_a_minute!(),
    ", refilled_at = CASE WHEN $2 < refilled_at THEN refilled_at ELSE $2 END \
     WHERE id = $1 AND deleted_at IS NULL AND disabled_at IS NULL \
     AND (cap IS NULL OR (CASE WHEN period_start = $6 THEN spent ELSE 0 END) + held + $5 <= cap) AND ",
    refilled!("images_left", "images_per_minute", "$4"),
    " >= ",
    at_most_a_minute!(),
);

impl Store {
    /// Sets the price of a call aside, on its account and on its key, or finds that it was answered before.
    ///
    /// # Errors
    /// When the credit, the cap or the minute does not allow it; nothing is set aside then.
    pub async fn hold(&self, request: &HoldRequest<'_>) -> Result<Holding, StoreError> {
        self.hold_as(new_id("hold"), request).await
    }

    /// The same under an id of the caller's: what has the same id is charged once, however often it is tried.
    ///
    /// # Errors
    /// Those of [`hold`](Self::hold), and when there is a hold of this id.
    pub async fn hold_as(
        &self,
        id: String,
        request: &HoldRequest<'_>,
    ) -> Result<Holding, StoreError> {
        let hold = Hold::open(id.clone(), request.amount)?;
        let mut transaction = self.quick_transaction().await?;
        if let Some(question) = request.question
            && let Some(answer) =
                answers::ask(&mut transaction, request.account, question, &id, request.now).await?
        {
            return Ok(Holding::Answered(answer));
        }
        take_from_key(&mut transaction, request).await?;
        take_from_account(&mut transaction, request).await?;
        let sql = "INSERT INTO holds (id, account_id, key_id, amount, process_id, request_id, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        sqlx::query(sql)
            .bind(id)
            .bind(request.account.to_owned())
            .bind(request.key.id.clone())
            .bind(request.amount.get())
            .bind(request.process.id.clone())
            .bind(request.request_id.to_owned())
            .bind(request.now)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Holding::Held(hold))
    }

    /// Charges a call and keeps its answer, both or neither. Gives the account as it is then.
    ///
    /// # Errors
    /// When the cost is more than the hold, or the hold was given back because its process seemed dead: nothing is charged
    /// then.
    pub async fn settle(
        &self,
        hold: Hold<Open>,
        charge: &Charge<'_>,
    ) -> Result<AccountRow, StoreError> {
        let mut transaction = self.charging().await?;
        let account = settle_within(&mut transaction, hold, charge, None).await?;
        transaction.commit().await?;
        Ok(account)
    }

    /// Gives a hold back.
    ///
    /// # Errors
    /// When it was given back before.
    pub async fn release(&self, hold: Hold<Open>) -> Result<(), StoreError> {
        let hold = hold.release();
        let mut transaction = self.quick_transaction().await?;
        let closed = close(&mut transaction, hold.id()).await?;
        let sql = "UPDATE keys SET held = held - $2 WHERE id = $1";
        let key = sqlx::query(sql).bind(closed.key).bind(hold.amount().get());
        key.execute(&mut *transaction).await?;
        let sql = "UPDATE accounts SET held = held - $2 WHERE id = $1";
        let account = sqlx::query(sql).bind(closed.account).bind(hold.amount().get());
        account.execute(&mut *transaction).await?;
        answers::forget(&mut transaction, hold.id()).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Charges a hold within a transaction. `name` is what the charge is known by in the hold's place, where several holds may be
/// made for the same.
pub(crate) async fn settle_within(
    connection: Connection<'_>,
    hold: Hold<Open>,
    charge: &Charge<'_>,
    name: Option<&str>,
) -> Result<AccountRow, StoreError> {
    let hold = hold.settle(charge.cost).map_err(|(error, _)| error)?;
    let closed = close(&mut *connection, hold.id()).await?;
    give_back_to_key(&mut *connection, &closed, &hold, charge.now).await?;
    let sql =
        "UPDATE accounts SET balance = balance - $2, held = held - $3 WHERE id = $1 RETURNING *";
    let row = sqlx::query(sql)
        .bind(closed.account.clone())
        .bind(hold.cost().get())
        .bind(hold.amount().get())
        .fetch_one(&mut *connection)
        .await?;
    let account = AccountRow::read(&row)?;
    let sql = "INSERT INTO transfers (at, account_id, kind, amount, balance_after, actor, request_id, hold_id, \
               key_id, model, tier, images, cached_images, texts) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $6, $9, $10, $11, $12, $13)";
    sqlx::query(sql)
        .bind(charge.now)
        .bind(closed.account)
        .bind(Kind::Charge.name())
        .bind(-hold.cost().get())
        .bind(account.balance.get())
        .bind(closed.key)
        .bind(charge.request_id.to_owned())
        .bind(name.unwrap_or(hold.id()).to_owned())
        .bind(charge.model.to_owned())
        .bind(charge.tier.name())
        .bind(charge.images as i64)
        .bind(charge.cached_images as i64)
        .bind(charge.texts as i64)
        .execute(&mut *connection)
        .await?;
    if let Some(answer) = charge.answer {
        answers::keep(&mut *connection, hold.id(), answer).await?;
    }
    Ok(account)
}

async fn take_from_key(
    connection: Connection<'_>,
    request: &HoldRequest<'_>,
) -> Result<(), StoreError> {
    let images = i64::try_from(request.images).unwrap_or(i64::MAX);
    let done = sqlx::query(TAKE_FROM_KEY)
        .bind(request.key.id.clone())
        .bind(request.now)
        .bind(i64::from(request.rates.requests_per_minute))
        .bind(i64::from(request.rates.images_per_minute))
        .bind(request.amount.get())
        .bind(request.key.reset.period_start(request.now))
        .bind(images)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    let sql = "SELECT * FROM keys WHERE id = $1 AND deleted_at IS NULL AND disabled_at IS NULL";
    let row = sqlx::query(sql).bind(request.key.id.clone()).fetch_optional(connection).await?;
    let unusable = || StoreError::Unusable(request.key.id.clone());
    let row = row.ok_or_else(unusable)?;
    let key = KeyRow::read(&row)?;
    key.allowance().hold(request.amount, request.now)?;
    let standing = standing(&row, &key, request.rates, request.now)?;
    let limit = standing.images_limit;
    let missing = (request.images as f64).min(f64::from(limit)) - standing.images_left;
    let seconds = missing.max(0.0) * 60.0 / f64::from(limit.max(1));
    Err(StoreError::Images { limit, seconds })
}

async fn take_from_account(
    connection: Connection<'_>,
    request: &HoldRequest<'_>,
) -> Result<(), StoreError> {
    let sql = "UPDATE accounts SET held = held + $2 WHERE id = $1 AND disabled_at IS NULL \
               AND ($2 = 0 OR balance - held - $2 >= floor)";
    let done = sqlx::query(sql).bind(request.account.to_owned()).bind(request.amount.get());
    if done.execute(&mut *connection).await?.rows_affected() == 1 {
        return Ok(());
    }
    let sql = "SELECT balance, held, floor, disabled_at FROM accounts WHERE id = $1";
    let row = sqlx::query(sql).bind(request.account.to_owned()).fetch_one(connection).await?;
    if optional_number(&row, "disabled_at")?.is_some() {
        return Err(StoreError::Unusable(request.key.id.clone()));
    }
    let money = |column| number(&row, column).map(MicroDollars::new);
    let account =
        Account { balance: money("balance")?, held: money("held")?, floor: money("floor")? };
    let left = account.available()?.max(MicroDollars::ZERO);
    Err(Refusal::Credit { needed: request.amount, left }.into())
}

/// Whose hold it was.
struct Closed {
    account: String,
    key: String,
    /// When the key's spending begins anew.
    reset: Reset,
}

/// Takes a hold off the list: whoever succeeds may close it, and nobody else.
async fn close(connection: Connection<'_>, hold: &str) -> Result<Closed, StoreError> {
    let sql = "DELETE FROM holds WHERE id = $1 RETURNING account_id, key_id, \
               (SELECT reset FROM keys WHERE keys.id = key_id) AS reset";
    let row = sqlx::query(sql).bind(hold.to_owned()).fetch_optional(connection).await?;
    let row = row.ok_or_else(|| StoreError::HoldLost(hold.to_owned()))?;
    Ok(Closed {
        account: text(&row, "account_id")?,
        key: text(&row, "key_id")?,
        reset: text(&row, "reset")?.parse().map_err(StoreError::Invalid)?,
    })
}

/// Counts what was spent in the period of this moment.
async fn give_back_to_key(
    connection: Connection<'_>,
    closed: &Closed,
    hold: &Hold<Settled>,
    now: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE keys SET spent = CASE WHEN period_start = $4 THEN spent ELSE 0 END + $2, \
               held = held - $3, period_start = $4 WHERE id = $1";
    sqlx::query(sql)
        .bind(closed.key.clone())
        .bind(hold.cost().get())
        .bind(hold.amount().get())
        .bind(closed.reset.period_start(now))
        .execute(connection)
        .await?;
    Ok(())
}
