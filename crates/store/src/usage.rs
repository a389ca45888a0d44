//! What was used: by day, model and key.

use ledger::MicroDollars;
use serde::Serialize;

use crate::database::{Store, number, optional_text, text};
use crate::error::StoreError;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Which calls are counted.
#[derive(Clone, Debug, Default)]
pub struct UsageFilter {
    /// Of one account; none: of all.
    pub account: Option<String>,
    /// From this moment on, in milliseconds since 1970; none: from the beginning.
    pub from: Option<i64>,
    /// Before this moment; none: until now.
    pub until: Option<i64>,
}

impl UsageFilter {
    /// From the first day to the last one, each given by the moment at which it begins.
    pub fn days(account: Option<String>, first: Option<i64>, last: Option<i64>) -> Self {
        Self { account, from: first, until: last.map(|day| day + DAY) }
    }
}

/// The calls of a day, with one key and one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageRow {
    /// When the day began, in milliseconds since 1970, UTC.
    pub day: i64,
    /// Whose.
    pub account_id: String,
    /// With which key.
    pub key_id: Option<String>,
    /// The key's name.
    pub key_name: Option<String>,
    /// With which model.
    pub model: Option<String>,
    /// Calls.
    pub requests: i64,
    /// Pictures that were embedded.
    pub images: i64,
    /// Pictures that were in the cache.
    pub cached_images: i64,
    /// Texts that were embedded.
    pub texts: i64,
    /// What they cost.
    pub cost: MicroDollars,
}

impl Store {
    /// What an account spent on calls, ever.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn spent(&self, account: &str) -> Result<MicroDollars, StoreError> {
        let sql = "SELECT CAST(COALESCE(-SUM(amount), 0) AS BIGINT) AS spent FROM transfers \
                   WHERE account_id = $1 AND kind = 'charge'";
        let row = sqlx::query(sql).bind(account.to_owned()).fetch_one(self.reader()).await?;
        Ok(MicroDollars::new(number(&row, "spent")?))
    }

    /// What was used, by day, account, key and model, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn usage(&self, filter: &UsageFilter) -> Result<Vec<UsageRow>, StoreError> {
        let sql = "SELECT at / 86400000 AS day, transfers.account_id, key_id, keys.name AS key_name, model, \
                   COUNT(*) AS requests, CAST(SUM(images) AS BIGINT) AS images, \
                   CAST(SUM(cached_images) AS BIGINT) AS cached_images, CAST(SUM(texts) AS BIGINT) AS texts, \
                   CAST(-SUM(amount) AS BIGINT) AS cost \
                   FROM transfers LEFT JOIN keys ON keys.id = key_id \
                   WHERE kind = 'charge' AND ($1 IS NULL OR transfers.account_id = $1) AND at >= $2 AND at < $3 \
                   GROUP BY at / 86400000, transfers.account_id, key_id, keys.name, model \
                   ORDER BY 1, 2, 3, 5";
        let rows = sqlx::query(sql)
            .bind(filter.account.clone())
            .bind(filter.from.unwrap_or(0))
            .bind(filter.until.unwrap_or(i64::MAX))
            .fetch_all(self.reader())
            .await?;
        let row = |row| {
            Ok(UsageRow {
                day: number(row, "day")? * DAY,
                account_id: text(row, "account_id")?,
                key_id: optional_text(row, "key_id")?,
                key_name: optional_text(row, "key_name")?,
                model: optional_text(row, "model")?,
                requests: number(row, "requests")?,
                images: number(row, "images")?,
                cached_images: number(row, "cached_images")?,
                texts: number(row, "texts")?,
                cost: MicroDollars::new(number(row, "cost")?),
            })
        };
        rows.iter().map(row).collect()
    }
}
