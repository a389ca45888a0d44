//! Every change of a balance.

use ledger::{Kind, MicroDollars, Transfer};
use serde::Serialize;
use sqlx::any::AnyRow;

use crate::accounts::AccountRow;
use crate::audit::Act;
use crate::database::{Connection, Store, number, optional_text, text};
use crate::error::StoreError;

/// Money that is added to an account, or with a negative amount taken from it.
#[derive(Clone, Debug)]
pub struct Credit {
    /// How much.
    pub amount: MicroDollars,
    /// Why; never [`Kind::Charge`].
    pub kind: Kind,
    /// What the operator wants to remember.
    pub note: Option<String>,
}

/// A change of a balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransferRow {
    /// Rows are in the order of their ids.
    pub id: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Whose balance changed.
    pub account_id: String,
    /// Why.
    pub kind: Kind,
    /// What the account got; negative when it paid.
    pub amount: MicroDollars,
    /// Its balance since then.
    pub balance_after: MicroDollars,
    /// See [`Act::actor`].
    pub actor: String,
    /// The HTTP request.
    pub request_id: Option<String>,
    /// See [`Credit::note`].
    pub note: Option<String>,
    /// Of a charge: the model.
    pub model: Option<String>,
    /// Of a charge: pictures that were embedded.
    pub images: i64,
}

impl TransferRow {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let id = number(row, "id")?;
        let kind = Kind::from_name(&text(row, "kind")?);
        Ok(Self {
            id,
            at: number(row, "at")?,
            account_id: text(row, "account_id")?,
            kind: kind
                .ok_or_else(|| StoreError::Invalid(format!("transfer {id} is of no known kind")))?,
            amount: MicroDollars::new(number(row, "amount")?),
            balance_after: MicroDollars::new(number(row, "balance_after")?),
            actor: text(row, "actor")?,
            request_id: optional_text(row, "request_id")?,
            note: optional_text(row, "note")?,
            model: optional_text(row, "model")?,
            images: number(row, "images")?,
        })
    }

    /// The same as arithmetic.
    pub fn transfer(&self) -> Transfer {
        Transfer {
            id: self.id,
            account: self.account_id.clone(),
            kind: self.kind,
            amount: self.amount,
            balance_after: self.balance_after,
        }
    }
}

/// Changes a balance and writes the row of it.
pub(crate) async fn transfer(
    connection: Connection<'_>,
    account: &str,
    credit: &Credit,
    act: &Act,
) -> Result<AccountRow, StoreError> {
    if credit.kind == Kind::Charge {
        return Err(StoreError::Invalid("a charge is made by a call".into()));
    }
    let sql = "UPDATE accounts SET balance = balance + $2 WHERE id = $1 RETURNING *";
    let row = sqlx::query(sql).bind(account.to_owned()).bind(credit.amount.get());
    let row = row.fetch_optional(&mut *connection).await?;
    let missing = || StoreError::Missing { what: "account", id: account.to_owned() };
    let row = AccountRow::read(&row.ok_or_else(missing)?)?;
    let sql = "INSERT INTO transfers (at, account_id, kind, amount, balance_after, actor, request_id, note) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(sql)
        .bind(act.now)
        .bind(account.to_owned())
        .bind(credit.kind.name())
        .bind(credit.amount.get())
        .bind(row.balance.get())
        .bind(act.actor.clone())
        .bind(act.request_id.clone())
        .bind(credit.note.clone())
        .execute(connection)
        .await?;
    Ok(row)
}

impl Store {
    /// Adds credit to an account.
    ///
    /// # Errors
    /// When there is no such account, or the balance would not fit.
    pub async fn add_credit(
        &self,
        account: &str,
        credit: &Credit,
        act: &Act,
    ) -> Result<AccountRow, StoreError> {
        let before = self.account(account).await?;
        before.balance.plus(credit.amount)?;
        let mut transaction = self.transaction().await?;
        let row = transfer(&mut transaction, &before.id, credit, act).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// The latest changes of an account's balance, or of all, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn transfers(
        &self,
        account: Option<&str>,
        most: u32,
    ) -> Result<Vec<TransferRow>, StoreError> {
        let sql = "SELECT * FROM transfers WHERE ($1 IS NULL OR account_id = $1) \
                   ORDER BY id DESC LIMIT $2";
        let rows = sqlx::query(sql).bind(account.map(str::to_owned)).bind(i64::from(most));
        let rows = rows.fetch_all(self.reader()).await?;
        rows.iter().map(TransferRow::read).collect()
    }

    /// The next rows behind an id, in their order; for `verify`.
    pub(crate) async fn transfers_behind(
        connection: Connection<'_>,
        id: i64,
        most: i64,
    ) -> Result<Vec<TransferRow>, StoreError> {
        let sql = "SELECT * FROM transfers WHERE id > $1 ORDER BY id LIMIT $2";
        let rows = sqlx::query(sql).bind(id).bind(most).fetch_all(connection).await?;
        rows.iter().map(TransferRow::read).collect()
    }
}
