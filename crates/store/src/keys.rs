//! Who may call, and how much.

use ledger::{Allowance, MicroDollars, Reset};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::accounts::{Access, check_name, new_id};
use crate::audit::{Act, record};
use crate::database::{Store, number, optional_number, optional_text, text};
use crate::error::StoreError;
use crate::secret::{KeyHash, Pepper, PlainKey};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The operator's: every account, key and price; it belongs to no account and computes nothing.
    Admin,
    /// Its account's owner's: computes, and makes and changes its account's keys.
    Manager,
    /// Computes.
    Inference,
}

impl Role {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Inference => "inference",
        }
    }

    /// The role of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Admin, Self::Manager, Self::Inference].into_iter().find(|role| role.name() == name)
    }
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whose it is; none for an admin's.
    pub account_id: Option<String>,
    /// What it is for.
    pub role: Role,
    /// What people call it.
    pub name: String,
    /// Ids of the models that it may use; none: all.
    pub models: Option<Vec<String>>,
    /// The most that it may spend in a period; none: all that the account has.
    pub cap: Option<MicroDollars>,
    /// When spending begins anew.
    pub reset: Reset,
    /// Calls a minute; none: as many as the server allows anybody.
    pub requests_per_minute: Option<u32>,
    /// Pictures a minute; none: as many as the server allows anybody.
    pub images_per_minute: Option<u32>,
    /// When it ends, in milliseconds since 1970.
    pub expires_at: Option<i64>,
}

impl NewKey {
    /// A key without limits of its own.
    pub fn new(account_id: Option<String>, role: Role, name: impl Into<String>) -> Self {
        Self {
            account_id,
            role,
            name: name.into(),
            models: None,
            cap: None,
            reset: Reset::Never,
            requests_per_minute: None,
            images_per_minute: None,
            expires_at: None,
        }
    }
}

/// What of a key is changed; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// See [`NewKey::name`].
    pub name: Option<String>,
    /// See [`NewKey::models`].
    pub models: Option<Option<Vec<String>>>,
    /// See [`NewKey::cap`].
    pub cap: Option<Option<MicroDollars>>,
    /// See [`NewKey::reset`].
    pub reset: Option<Reset>,
    /// See [`NewKey::requests_per_minute`].
    pub requests_per_minute: Option<Option<u32>>,
    /// See [`NewKey::images_per_minute`].
    pub images_per_minute: Option<Option<u32>>,
    /// See [`NewKey::expires_at`].
    pub expires_at: Option<Option<i64>>,
    /// Whether it may do anything.
    pub access: Option<Access>,
}

/// A key, without the key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyRow {
    /// `key_…`.
    pub id: String,
    /// See [`NewKey::account_id`].
    pub account_id: Option<String>,
    /// What it is for.
    pub role: Role,
    /// What people call it.
    pub name: String,
    /// Its first and last characters.
    pub hint: String,
    /// See [`NewKey::models`].
    pub models: Option<Vec<String>>,
    /// See [`NewKey::cap`].
    pub cap: Option<MicroDollars>,
    /// When spending begins anew.
    pub reset: Reset,
    /// When the period of `spent` began, in milliseconds since 1970.
    pub period_start: i64,
    /// Spent in that period.
    pub spent: MicroDollars,
    /// Set aside for calls that are being worked on.
    pub held: MicroDollars,
    /// See [`NewKey::requests_per_minute`].
    pub requests_per_minute: Option<u32>,
    /// See [`NewKey::images_per_minute`].
    pub images_per_minute: Option<u32>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// Since when it may do nothing.
    pub disabled_at: Option<i64>,
    /// Milliseconds since 1970.
    pub last_used_at: Option<i64>,
}

impl KeyRow {
    /// The cap and what of it is used.
    pub fn allowance(&self) -> Allowance {
        Allowance {
            cap: self.cap,
            reset: self.reset,
            period_start: self.period_start,
            spent: self.spent,
            held: self.held,
        }
    }

    /// Whether it may do anything at a moment.
    pub fn is_usable(&self, now: i64) -> bool {
        self.disabled_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it may use a model.
    pub fn allows(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|allowed| allowed == model))
    }

    pub(crate) fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let broken = |column: &str| StoreError::Invalid(format!("keys.{column} cannot be read"));
        let models = optional_text(row, "models")?;
        let models = models.map(|models| serde_json::from_str(&models)).transpose();
        let money = |amount: Option<i64>| amount.map(MicroDollars::new);
        let rate = |number: Option<i64>| number.map(|rate| u32::try_from(rate).unwrap_or(u32::MAX));
        Ok(Self {
            id: text(row, "id")?,
            account_id: optional_text(row, "account_id")?,
            role: Role::from_name(&text(row, "role")?).ok_or_else(|| broken("role"))?,
            name: text(row, "name")?,
            hint: text(row, "hint")?,
            models: models.map_err(|_| broken("models"))?,
            cap: money(optional_number(row, "cap")?),
            reset: text(row, "reset")?.parse().map_err(|_| broken("reset"))?,
            period_start: number(row, "period_start")?,
            spent: MicroDollars::new(number(row, "spent")?),
            held: MicroDollars::new(number(row, "held")?),
            requests_per_minute: rate(optional_number(row, "requests_per_minute")?),
            images_per_minute: rate(optional_number(row, "images_per_minute")?),
            created_at: number(row, "created_at")?,
            expires_at: optional_number(row, "expires_at")?,
            disabled_at: optional_number(row, "disabled_at")?,
            last_used_at: optional_number(row, "last_used_at")?,
        })
    }
}

/// What a key has of its minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Calls a minute.
    pub requests_limit: u32,
    /// Calls that are left now.
    pub requests_left: f64,
    /// Pictures a minute.
    pub images_limit: u32,
    /// Pictures that are left now.
    pub images_left: f64,
}

/// The limits of a key that has none of its own.
#[derive(Clone, Copy, Debug)]
pub struct DefaultRates {
    /// Calls a minute.
    pub requests_per_minute: u32,
    /// Pictures a minute.
    pub images_per_minute: u32,
}

/// Whether a call was left of a key's minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It was, and is taken.
    Admitted,
    /// The minute is used up.
    NoneLeft,
}

/// A key that was shown, and what is left of its minute.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The key.
    pub key: KeyRow,
    /// After this call, if it was let in.
    pub standing: Standing,
    /// Whether a call was left for it.
    pub admission: Admission,
    /// What its account has; none for an admin's.
    pub balance: Option<MicroDollars>,
}

/// What was left of a minute, filled again evenly since then. `$2` is now, the last argument the server's limit.
macro_rules! refilled {
    ($left:literal, $limit:literal, $default:literal) => {
        concat!(
            // A clock that goes back gives nothing.
            "(CASE WHEN $2 < refilled_at THEN ",
            $left,
            " WHEN ",
            $left,
            " + (CAST($2 AS DOUBLE PRECISION) - refilled_at) * COALESCE(",
            $limit,
            ", ",
            $default,
            ") / 60000.0 ",
            "> COALESCE(",
            $limit,
            ", ",
            $default,
            ") THEN COALESCE(",
            $limit,
            ", ",
            $default,
            ") * 1.0 ",
            "ELSE ",
            $left,
            " + (CAST($2 AS DOUBLE PRECISION) - refilled_at) * COALESCE(",
            $limit,
            ", ",
            $default,
            ") / 60000.0 END)"
        )
    };
}

/// The pictures `$7`, or a minute's if they are more.
macro_rules! at_most_a_minute {
    () => {
        "(CASE WHEN $7 > COALESCE(images_per_minute, $4) THEN COALESCE(images_per_minute, $4) ELSE $7 END)"
    };
}

pub(crate) use {at_most_a_minute, refilled};

impl Store {
    /// Makes a key; this is the only time that it can be seen.
    ///
    /// # Errors
    /// When a value is not usable or the account does not exist.
    pub async fn create_key(
        &self,
        new: &NewKey,
        pepper: &Pepper,
        act: &Act,
    ) -> Result<(KeyRow, PlainKey), StoreError> {
        check(new)?;
        if let Some(account) = &new.account_id
            && self.account(account).await?.id != *account
        {
            return Err(StoreError::Missing { what: "account", id: account.clone() });
        }
        let (id, plain) = (new_id("key"), PlainKey::generate()?);
        let mut transaction = self.transaction().await?;
        let sql = "INSERT INTO keys (id, account_id, role, name, hash, hint, models, cap, reset, \
                   requests_per_minute, images_per_minute, created_at, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING *";
        let row = sqlx::query(sql)
            .bind(id.clone())
            .bind(new.account_id.clone())
            .bind(new.role.name())
            .bind(new.name.clone())
            .bind(pepper.hash(plain.expose()).bytes())
            .bind(plain.hint())
            .bind(new.models.as_ref().map(|models| json!(models).to_string()))
            .bind(new.cap.map(MicroDollars::get))
            .bind(new.reset.name())
            .bind(new.requests_per_minute.map(i64::from))
            .bind(new.images_per_minute.map(i64::from))
            .bind(act.now)
            .bind(new.expires_at)
            .fetch_one(&mut *transaction)
            .await?;
        let row = KeyRow::read(&row)?;
        record(&mut transaction, act, "key.create", &id, &described(&row)).await?;
        transaction.commit().await?;
        Ok((row, plain))
    }

    /// The key of a hash, with one call taken from its minute. `None` when there is none, or it is not usable now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn show_key(
        &self,
        hash: &KeyHash,
        rates: DefaultRates,
        now: i64,
    ) -> Result<Option<Shown>, StoreError> {
        const TAKE: &str = concat!(
            "UPDATE keys SET requests_left = ",
            refilled!("requests_left", "requests_per_minute", "$3"),
            " - 1, images_left = ",
            refilled!("images_left", "images_per_minute", "$4"),
            ", refilled_at = CASE WHEN $2 < refilled_at THEN refilled_at ELSE $2 END, last_used_at = $2 WHERE hash = $1 AND ",
            refilled!("requests_left", "requests_per_minute", "$3"),
            " >= 1 AND (account_id IS NULL OR EXISTS (SELECT 1 FROM accounts WHERE accounts.id = account_id \
             AND accounts.disabled_at IS NULL)) \
             RETURNING *, (SELECT balance FROM accounts WHERE accounts.id = account_id) AS balance"
        );
        let requests = i64::from(rates.requests_per_minute);
        let images = i64::from(rates.images_per_minute);
        let taken = sqlx::query(TAKE).bind(hash.bytes()).bind(now).bind(requests).bind(images);
        if let Some(row) = taken.fetch_optional(self.quick_writer()).await? {
            return shown(&row, rates, now, Admission::Admitted);
        }
        let sql = "SELECT *, (SELECT balance FROM accounts WHERE accounts.id = account_id) AS balance \
                   FROM keys WHERE hash = $1 AND (account_id IS NULL OR EXISTS \
                   (SELECT 1 FROM accounts WHERE accounts.id = account_id AND accounts.disabled_at IS NULL))";
        let found = sqlx::query(sql).bind(hash.bytes()).fetch_optional(self.reader()).await?;
        found.map_or(Ok(None), |row| shown(&row, rates, now, Admission::NoneLeft))
    }

    /// A key by its id, of an account or of any.
    ///
    /// # Errors
    /// When there is none, or it is another account's.
    pub async fn key(&self, id: &str, account: Option<&str>) -> Result<KeyRow, StoreError> {
        let sql = "SELECT * FROM keys WHERE id = $1 AND deleted_at IS NULL \
                   AND ($2 IS NULL OR account_id = $2)";
        let row = sqlx::query(sql).bind(id.to_owned()).bind(account.map(str::to_owned));
        let row = row.fetch_optional(self.reader()).await?;
        KeyRow::read(&row.ok_or_else(|| missing(id))?)
    }

    /// The keys of an account, or all, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keys(&self, account: Option<&str>) -> Result<Vec<KeyRow>, StoreError> {
        let sql = "SELECT * FROM keys WHERE deleted_at IS NULL AND ($1 IS NULL OR account_id = $1) \
                   ORDER BY id";
        let rows = sqlx::query(sql).bind(account.map(str::to_owned));
        let rows = rows.fetch_all(self.reader()).await?;
        rows.iter().map(KeyRow::read).collect()
    }

    /// Changes a key, of an account or of any.
    ///
    /// # Errors
    /// When there is none, it is another account's, or a value is not usable.
    pub async fn change_key(
        &self,
        id: &str,
        account: Option<&str>,
        change: &Change,
        act: &Act,
    ) -> Result<KeyRow, StoreError> {
        let mut transaction = self.transaction().await?;
        // Locks the row: two changes at once must not undo each other.
        let sql = "UPDATE keys SET name = name WHERE id = $1 AND deleted_at IS NULL \
                   AND ($2 IS NULL OR account_id = $2) RETURNING *";
        let row = sqlx::query(sql).bind(id.to_owned()).bind(account.map(str::to_owned));
        let row = row.fetch_optional(&mut *transaction).await?;
        let old = KeyRow::read(&row.ok_or_else(|| missing(id))?)?;
        let new = NewKey {
            account_id: old.account_id,
            role: old.role,
            name: change.name.clone().unwrap_or(old.name),
            models: change.models.clone().unwrap_or(old.models),
            cap: change.cap.unwrap_or(old.cap),
            reset: change.reset.unwrap_or(old.reset),
            requests_per_minute: change.requests_per_minute.unwrap_or(old.requests_per_minute),
            images_per_minute: change.images_per_minute.unwrap_or(old.images_per_minute),
            expires_at: change.expires_at.unwrap_or(old.expires_at),
        };
        check(&new)?;
        let disabled_at = match change.access {
            None => old.disabled_at,
            Some(Access::Enabled) => None,
            Some(Access::Disabled) => Some(old.disabled_at.unwrap_or(act.now)),
        };
        let sql = "UPDATE keys SET name = $2, models = $3, cap = $4, reset = $5, \
                   requests_per_minute = $6, images_per_minute = $7, expires_at = $8, disabled_at = $9 \
                   WHERE id = $1 RETURNING *";
        let row = sqlx::query(sql)
            .bind(id.to_owned())
            .bind(new.name)
            .bind(new.models.map(|models| json!(models).to_string()))
            .bind(new.cap.map(MicroDollars::get))
            .bind(new.reset.name())
            .bind(new.requests_per_minute.map(i64::from))
            .bind(new.images_per_minute.map(i64::from))
            .bind(new.expires_at)
            .bind(disabled_at)
            .fetch_one(&mut *transaction)
            .await?;
        let row = KeyRow::read(&row)?;
        record(&mut transaction, act, "key.change", id, &described(&row)).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// Ends a key for good; what it did stays on record.
    ///
    /// # Errors
    /// When there is none, or it is another account's.
    pub async fn delete_key(
        &self,
        id: &str,
        account: Option<&str>,
        act: &Act,
    ) -> Result<(), StoreError> {
        let mut transaction = self.transaction().await?;
        let sql = "UPDATE keys SET hash = NULL, deleted_at = $3 WHERE id = $1 AND deleted_at IS NULL \
                   AND ($2 IS NULL OR account_id = $2)";
        let done = sqlx::query(sql).bind(id.to_owned()).bind(account.map(str::to_owned));
        let done = done.bind(act.now).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Err(missing(id));
        }
        record(&mut transaction, act, "key.delete", id, &json!({})).await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn missing(id: &str) -> StoreError {
    StoreError::Missing { what: "key", id: id.to_owned() }
}

/// What is on record of a change.
fn described(key: &KeyRow) -> Value {
    json!({
        "account_id": key.account_id,
        "role": key.role,
        "name": key.name,
        "models": key.models,
        "cap": key.cap,
        "reset": key.reset,
        "requests_per_minute": key.requests_per_minute,
        "images_per_minute": key.images_per_minute,
        "expires_at": key.expires_at,
        "disabled_at": key.disabled_at,
    })
}

fn check(new: &NewKey) -> Result<(), StoreError> {
    check_name(&new.name)?;
    let wrong = |message: &str| Err(StoreError::Invalid(message.to_owned()));
    match (&new.account_id, new.role) {
        (Some(_), Role::Admin) => return wrong("an admin's key belongs to no account"),
        (None, Role::Manager | Role::Inference) => return wrong("the key needs an account"),
        _ => {}
    }
    if new.cap.is_some_and(|cap| cap < MicroDollars::ZERO) {
        return wrong("a cap must not be negative");
    }
    if new.requests_per_minute == Some(0) || new.images_per_minute == Some(0) {
        return wrong("a limit a minute is at least 1; disable the key instead");
    }
    Ok(())
}

/// The key of a row with its account's balance, if it is usable now.
fn shown(
    row: &AnyRow,
    rates: DefaultRates,
    now: i64,
    admission: Admission,
) -> Result<Option<Shown>, StoreError> {
    let key = KeyRow::read(row)?;
    let standing = standing(row, &key, rates, now)?;
    let balance = optional_number(row, "balance")?.map(MicroDollars::new);
    Ok(key.is_usable(now).then_some(Shown { key, standing, admission, balance }))
}

/// What the row has of its minute, filled again until now.
pub(crate) fn standing(
    row: &AnyRow,
    key: &KeyRow,
    rates: DefaultRates,
    now: i64,
) -> Result<Standing, StoreError> {
    use sqlx::Row;
    let requests_limit = key.requests_per_minute.unwrap_or(rates.requests_per_minute);
    let images_limit = key.images_per_minute.unwrap_or(rates.images_per_minute);
    let minutes = (now - number(row, "refilled_at")?).max(0) as f64 / 60_000.0;
    let left = |column: &str, limit: u32| {
        let left = row.try_get::<f64, _>(column)? + minutes * f64::from(limit);
        Ok::<_, StoreError>(left.clamp(0.0, f64::from(limit)))
    };
    Ok(Standing {
        requests_limit,
        requests_left: left("requests_left", requests_limit)?,
        images_limit,
        images_left: left("images_left", images_limit)?,
    })
}
