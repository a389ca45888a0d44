//! Sign-up: a link that is sent to an address, and the account that it makes.

use ledger::{Kind, MicroDollars};
use serde_json::json;

use crate::accounts::{AccountRow, email_address, new_id};
use crate::audit::{Act, record};
use crate::database::{Store, number, text};
use crate::error::StoreError;
use crate::secret::{KeyHash, Pepper, PlainLink};
use crate::transfers::{Credit, transfer};

/// The hash of a link's secret.
pub type LinkHash = KeyHash;

/// How long a link is valid, in milliseconds.
const LIFE: i64 = 3_600_000;

/// Links that one address gets in an hour.
const MOST_AN_HOUR: i64 = 3;

/// A link that is to be sent.
#[derive(Debug)]
pub struct Link {
    /// Where to.
    pub email: String,
    /// What it has to carry.
    pub secret: PlainLink,
}

/// What a link opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The account of the address.
    pub account: AccountRow,
    /// Whether it is new, with its free credit.
    pub is_new: bool,
}

impl Store {
    /// Makes a link for an address, whether it has an account or not.
    ///
    /// # Errors
    /// When it is no address, or too many links were made for it.
    pub async fn create_link(
        &self,
        email: &str,
        pepper: &Pepper,
        act: &Act,
    ) -> Result<Link, StoreError> {
        let address = email_address(email)?;
        let secret = PlainLink::generate()?;
        let mut transaction = self.transaction().await?;
        let sql = "SELECT COUNT(*) AS count FROM links WHERE email = $1 AND created_at > $2";
        let recent = sqlx::query(sql).bind(address.clone()).bind(act.now - LIFE);
        let recent = number(&recent.fetch_one(&mut *transaction).await?, "count")?;
        if recent >= MOST_AN_HOUR {
            return Err(StoreError::TooManyLinks);
        }
        let sql = "DELETE FROM links WHERE expires_at < $1";
        sqlx::query(sql).bind(act.now - LIFE).execute(&mut *transaction).await?;
        let sql = "INSERT INTO links (hash, email, created_at, expires_at) VALUES ($1, $2, $3, $4)";
        sqlx::query(sql)
            .bind(pepper.hash(secret.expose()).bytes())
            .bind(address)
            .bind(act.now)
            .bind(act.now + LIFE)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Link { email: email.trim().to_owned(), secret })
    }

    /// Uses a link up. An address that has no account gets one, with the free credit, once.
    ///
    /// # Errors
    /// When the link is unknown, used or expired.
    pub async fn open_link(
        &self,
        hash: &LinkHash,
        free_credit: MicroDollars,
        act: &Act,
    ) -> Result<Opened, StoreError> {
        let mut transaction = self.transaction().await?;
        let sql = "UPDATE links SET used_at = $2 WHERE hash = $1 AND used_at IS NULL AND expires_at > $2 \
                   RETURNING email";
        let row = sqlx::query(sql).bind(hash.bytes()).bind(act.now);
        let row = row.fetch_optional(&mut *transaction).await?.ok_or(StoreError::LinkInvalid)?;
        let email = text(&row, "email")?;
        let id = new_id("acct");
        let sql = "INSERT INTO accounts (id, name, email, created_at) VALUES ($1, $2, $2, $3) \
                   ON CONFLICT (email) DO NOTHING";
        let made = sqlx::query(sql).bind(id.clone()).bind(email.clone()).bind(act.now);
        let is_new = made.execute(&mut *transaction).await?.rows_affected() == 1;
        if is_new {
            let details = json!({ "email": email });
            record(&mut transaction, act, "account.create", &id, &details).await?;
            if free_credit > MicroDollars::ZERO {
                let credit = Credit {
                    amount: free_credit,
                    kind: Kind::Grant,
                    note: Some("free credit".to_owned()),
                };
                transfer(&mut transaction, &id, &credit, act).await?;
            }
        }
        let sql = "SELECT * FROM accounts WHERE email = $1";
        let row = sqlx::query(sql).bind(email).fetch_one(&mut *transaction).await?;
        let account = AccountRow::read(&row)?;
        transaction.commit().await?;
        if account.disabled_at.is_some() {
            return Err(StoreError::LinkInvalid);
        }
        Ok(Opened { account, is_new })
    }
}
