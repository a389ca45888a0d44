//! Whose money it is.

use ledger::{Account, MicroDollars};
use serde::Serialize;
use serde_json::json;
use sqlx::any::AnyRow;

use crate::audit::{Act, record};
use crate::database::{Store, number, optional_number, optional_text, text};
use crate::error::StoreError;

/// Characters of a name.
pub(crate) const LONGEST_NAME: usize = 200;

/// Whether an account or a key may do anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may.
    Enabled,
    /// It may not.
    Disabled,
}

/// An account to be made.
#[derive(Clone, Debug, Default)]
pub struct NewAccount {
    /// What people call it.
    pub name: String,
    /// Where its owner is reached; no two accounts have the same.
    pub email: Option<String>,
    /// How low its balance may go.
    pub floor: MicroDollars,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountRow {
    /// `acct_…`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where its owner is reached.
    pub email: Option<String>,
    /// What it has.
    pub balance: MicroDollars,
    /// What of it is set aside for calls that are being worked on.
    pub held: MicroDollars,
    /// How low the balance may go.
    pub floor: MicroDollars,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Since when it may do nothing.
    pub disabled_at: Option<i64>,
}

impl AccountRow {
    /// The same as arithmetic.
    pub fn account(&self) -> Account {
        Account { balance: self.balance, held: self.held, floor: self.floor }
    }

    pub(crate) fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: text(row, "id")?,
            name: text(row, "name")?,
            email: optional_text(row, "email")?,
            balance: MicroDollars::new(number(row, "balance")?),
            held: MicroDollars::new(number(row, "held")?),
            floor: MicroDollars::new(number(row, "floor")?),
            created_at: number(row, "created_at")?,
            disabled_at: optional_number(row, "disabled_at")?,
        })
    }
}

/// A new id of a kind of thing; later ones sort behind earlier ones.
pub(crate) fn new_id(kind: &str) -> String {
    format!("{kind}_{}", uuid::Uuid::now_v7().simple())
}

pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    let length = name.chars().count();
    if length == 0 || length > LONGEST_NAME || name.chars().any(char::is_control) {
        let message =
            format!("a name has 1 to {LONGEST_NAME} characters, none of them a control character");
        return Err(StoreError::Invalid(message));
    }
    Ok(())
}

/// An address as two spellings of it are compared: small letters, without what stands behind a plus.
///
/// # Errors
/// When it is no address.
pub(crate) fn email_address(text: &str) -> Result<String, StoreError> {
    let wrong = || StoreError::Invalid(format!("{text:?} is no e-mail address"));
    let (local, domain) = text.trim().rsplit_once('@').ok_or_else(wrong)?;
    let local = local.split('+').next().unwrap_or("");
    let plain = |part: &str| {
        !part.is_empty()
            && !part
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || "<>,;:\"@\\".contains(c))
    };
    if !plain(local) || !plain(domain) || !domain.contains('.') || text.len() > 254 {
        return Err(wrong());
    }
    Ok(format!("{local}@{domain}").to_lowercase())
}

impl Store {
    /// Makes an account with nothing in it.
    ///
    /// # Errors
    /// When the name or the address is not usable, or another account has the address.
    pub async fn create_account(
        &self,
        new: &NewAccount,
        act: &Act,
    ) -> Result<AccountRow, StoreError> {
        check_name(&new.name)?;
        let email = new.email.as_deref().map(email_address).transpose()?;
        let id = new_id("acct");
        let mut transaction = self.transaction().await?;
        let sql = "INSERT INTO accounts (id, name, email, floor, created_at) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (email) DO NOTHING RETURNING *";
        let row = sqlx::query(sql)
            .bind(id.clone())
            .bind(new.name.clone())
            .bind(email.clone())
            .bind(new.floor.get())
            .bind(act.now)
            .fetch_optional(&mut *transaction)
            .await?;
        let row = row.ok_or_else(|| StoreError::EmailTaken(email.clone().unwrap_or_default()))?;
        let row = AccountRow::read(&row)?;
        let details = json!({ "name": new.name, "email": email, "floor": new.floor });
        record(&mut transaction, act, "account.create", &id, &details).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// An account by its id, its e-mail address or, when only one has it, its name.
    ///
    /// # Errors
    /// When there is none, or several.
    pub async fn account(&self, named: &str) -> Result<AccountRow, StoreError> {
        let sql =
            "SELECT * FROM accounts WHERE id = $1 OR email = $2 OR name = $1 ORDER BY id LIMIT 3";
        let email = email_address(named).unwrap_or_default();
        let rows = sqlx::query(sql).bind(named.to_owned()).bind(email);
        let rows = rows.fetch_all(self.reader()).await?;
        let rows = rows.iter().map(AccountRow::read).collect::<Result<Vec<_>, _>>()?;
        match rows.as_slice() {
            [row] => Ok(row.clone()),
            [] => Err(StoreError::Missing { what: "account", id: named.to_owned() }),
            several => several.iter().find(|row| row.id == named).cloned().ok_or_else(|| {
                StoreError::Invalid(format!("several accounts are called {named:?}; use the id"))
            }),
        }
    }

    /// All accounts, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        let sql = "SELECT * FROM accounts ORDER BY id";
        let rows = sqlx::query(sql).fetch_all(self.reader()).await?;
        rows.iter().map(AccountRow::read).collect()
    }

    /// Lets an account do nothing any more, or again.
    ///
    /// # Errors
    /// When there is no such account.
    pub async fn set_account_access(
        &self,
        id: &str,
        access: Access,
        act: &Act,
    ) -> Result<AccountRow, StoreError> {
        let mut transaction = self.transaction().await?;
        let sql = "UPDATE accounts SET disabled_at = $2 WHERE id = $1 RETURNING *";
        let disabled_at = (access == Access::Disabled).then_some(act.now);
        let row = sqlx::query(sql).bind(id.to_owned()).bind(disabled_at);
        let row = row.fetch_optional(&mut *transaction).await?;
        let missing = || StoreError::Missing { what: "account", id: id.to_owned() };
        let row = AccountRow::read(&row.ok_or_else(missing)?)?;
        let action = match access {
            Access::Enabled => "account.enable",
            Access::Disabled => "account.disable",
        };
        record(&mut transaction, act, action, id, &json!({})).await?;
        transaction.commit().await?;
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::email_address;

    #[test]
    fn two_spellings_of_an_address_are_one() {
        for text in ["ann@example.com", " Ann@Example.COM ", "ann+again@example.com"] {
            assert_eq!(email_address(text).unwrap(), "ann@example.com");
        }
        for text in ["", "ann", "@example.com", "ann@", "ann@host", "a b@c.d", "a@b@c.d", "+x@c.d"]
        {
            assert!(email_address(text).is_err(), "{text}");
        }
    }
}
