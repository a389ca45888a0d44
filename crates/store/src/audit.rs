//! Who changed what.

use serde::Serialize;
use serde_json::Value;

use crate::database::{Connection, Store, number, optional_text, text};
use crate::error::StoreError;

/// Who does something, at which moment, for which request.
#[derive(Clone, Debug)]
pub struct Act {
    /// A key's id, `operator` for the command line, `server` for what it does by itself.
    pub actor: String,
    /// The id of the HTTP request.
    pub request_id: Option<String>,
    /// Milliseconds since 1970.
    pub now: i64,
}

impl Act {
    /// What the operator does on the command line.
    pub fn operator(now: i64) -> Self {
        Self { actor: "operator".to_owned(), request_id: None, now }
    }
}

/// A change of an account, a key or a price.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditRow {
    /// Rows are in the order of their ids.
    pub id: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// See [`Act::actor`].
    pub actor: String,
    /// See [`Act::request_id`].
    pub request_id: Option<String>,
    /// `account.create`, `key.update` and so on.
    pub action: String,
    /// The id of what was changed.
    pub subject: String,
    /// What it was changed to. Never a secret.
    pub details: Value,
}

/// Writes a row in the transaction that makes the change.
pub(crate) async fn record(
    connection: Connection<'_>,
    act: &Act,
    action: &'static str,
    subject: &str,
    details: &Value,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO audit (at, actor, request_id, action, subject, details) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    sqlx::query(sql)
        .bind(act.now)
        .bind(act.actor.clone())
        .bind(act.request_id.clone())
        .bind(action)
        .bind(subject.to_owned())
        .bind(details.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// The latest changes, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn audit(&self, most: u32) -> Result<Vec<AuditRow>, StoreError> {
        let sql = "SELECT id, at, actor, request_id, action, subject, details FROM audit \
                   ORDER BY id DESC LIMIT $1";
        let rows = sqlx::query(sql).bind(i64::from(most)).fetch_all(self.reader()).await?;
        let row = |row| {
            Ok(AuditRow {
                id: number(row, "id")?,
                at: number(row, "at")?,
                actor: text(row, "actor")?,
                request_id: optional_text(row, "request_id")?,
                action: text(row, "action")?,
                subject: text(row, "subject")?,
                details: serde_json::from_str(&text(row, "details")?).unwrap_or_default(),
            })
        };
        rows.iter().map(row).collect()
    }
}
