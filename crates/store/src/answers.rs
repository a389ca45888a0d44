//! What was answered to calls with an `Idempotency-Key`, so that asking again costs nothing.

use sqlx::Row;

use crate::database::{Connection, Store};
use crate::error::StoreError;

/// A call that may be asked again.
#[derive(Clone, Debug)]
pub struct Question {
    /// The caller's own name for the call.
    pub idempotency_key: String,
    /// SHA-256 of what was asked.
    pub digest: [u8; 32],
}

/// An answer as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// HTTP's.
    pub status: u16,
    /// A text that the server reads again.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Reserves the question for a hold, or finds its answer.
pub(crate) async fn ask(
    connection: Connection<'_>,
    account: &str,
    question: &Question,
    hold: &str,
    now: i64,
) -> Result<Option<StoredAnswer>, StoreError> {
    let sql = "INSERT INTO answers (account_id, idempotency_key, question, hold_id, created_at) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, idempotency_key) DO NOTHING";
    let done = sqlx::query(sql)
        .bind(account.to_owned())
        .bind(question.idempotency_key.clone())
        .bind(question.digest.to_vec())
        .bind(hold.to_owned())
        .bind(now)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 1 {
        return Ok(None);
    }
    let sql = "SELECT question, status, headers, body FROM answers \
               WHERE account_id = $1 AND idempotency_key = $2";
    let row = sqlx::query(sql)
        .bind(account.to_owned())
        .bind(question.idempotency_key.clone())
        .fetch_optional(connection)
        .await?;
    // It was given back a moment ago.
    let Some(row) = row else { return Err(StoreError::InFlight) };
    if row.try_get::<Vec<u8>, _>("question")? != question.digest {
        return Err(StoreError::OtherQuestion);
    }
    let Some(status) = row.try_get::<Option<i64>, _>("status")? else {
        return Err(StoreError::InFlight);
    };
    Ok(Some(StoredAnswer {
        status: u16::try_from(status).unwrap_or(500),
        headers: row.try_get::<Option<String>, _>("headers")?.unwrap_or_default(),
        body: row.try_get::<Option<Vec<u8>>, _>("body")?.unwrap_or_default(),
    }))
}

/// Keeps the answer of a hold that is being settled.
pub(crate) async fn keep(
    connection: Connection<'_>,
    hold: &str,
    answer: &StoredAnswer,
) -> Result<(), StoreError> {
    let sql = "UPDATE answers SET status = $2, headers = $3, body = $4 WHERE hold_id = $1";
    sqlx::query(sql)
        .bind(hold.to_owned())
        .bind(i64::from(answer.status))
        .bind(answer.headers.clone())
        .bind(answer.body.clone())
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets the question of a hold that is released.
pub(crate) async fn forget(connection: Connection<'_>, hold: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM answers WHERE hold_id = $1 AND status IS NULL";
    sqlx::query(sql).bind(hold.to_owned()).execute(connection).await?;
    Ok(())
}

impl Store {
    /// Forgets answers that were given before a moment.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_answers(&self, before: i64) -> Result<u64, StoreError> {
        let sql = "DELETE FROM answers WHERE created_at < $1 AND status IS NOT NULL";
        let done = sqlx::query(sql).bind(before).execute(self.quick_writer()).await?;
        Ok(done.rows_affected())
    }
}
