//! Whether everything adds up.

use ledger::{Book, Journal, Kind, MicroDollars, Wrong};
use serde::Serialize;

use crate::database::{Store, number, text};
use crate::error::StoreError;

/// Rows that are read at once.
const PAGE: i64 = 10_000;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Accounts that were checked.
    pub accounts: u64,
    /// Rows that were added up.
    pub transfers: u64,
    /// Calls that are being worked on.
    pub open_holds: u64,
    /// What was earned.
    pub revenue: i128,
    /// What customers paid.
    pub payments: i128,
    /// What was given away.
    pub grants: i128,
    /// The first thing that is wrong.
    pub wrong: Option<String>,
}

impl Store {
    /// Adds all transfers up, row by row, and compares with the balances; adds the open holds up and compares with what is
    /// marked as held. All of it is of one moment, while servers go on.
    ///
    /// # Errors
    /// When the database does not answer. What does not add up is no error but the result.
    pub async fn verify(&self) -> Result<Verified, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let mut journal = Journal::default();
        let mut verified = Verified {
            accounts: 0,
            transfers: 0,
            open_holds: 0,
            revenue: 0,
            payments: 0,
            grants: 0,
            wrong: None,
        };
        let mut last = i64::MIN;
        'pages: loop {
            let page = Self::transfers_behind(&mut snapshot, last, PAGE).await?;
            let Some(end) = page.last() else { break };
            last = end.id;
            for row in &page {
                if let Err(wrong) = journal.add(&row.transfer()) {
                    verified.wrong = Some(wrong.to_string());
                    break 'pages;
                }
                verified.transfers += 1;
            }
        }
        let counted = |kind: Kind| -journal.book(&kind.counter_book());
        verified.revenue = journal.book(&Book::Revenue);
        verified.payments = counted(Kind::Payment);
        verified.grants = counted(Kind::Grant);
        let sql = "SELECT id, balance, held, CAST((SELECT COALESCE(SUM(amount), 0) FROM holds \
                   WHERE account_id = accounts.id) AS BIGINT) AS open FROM accounts ORDER BY id";
        let accounts = sqlx::query(sql).fetch_all(&mut *snapshot).await?;
        for row in &accounts {
            verified.accounts += 1;
            let account = text(row, "id")?;
            let money = |column| number(row, column).map(MicroDollars::new);
            let checked = journal.check(&account, money("balance")?).and_then(|()| {
                held(money("held"), money("open"), |stored, expected| Wrong::Held {
                    account,
                    stored,
                    expected,
                })
            });
            note(&mut verified, checked);
        }
        let sql = "SELECT id, held, CAST((SELECT COALESCE(SUM(amount), 0) FROM holds \
                   WHERE key_id = keys.id) AS BIGINT) AS open FROM keys ORDER BY id";
        for row in &sqlx::query(sql).fetch_all(&mut *snapshot).await? {
            let key = text(row, "id")?;
            let money = |column| number(row, column).map(MicroDollars::new);
            let checked = held(money("held"), money("open"), |stored, expected| Wrong::KeyHeld {
                key,
                stored,
                expected,
            });
            note(&mut verified, checked);
        }
        let holds = sqlx::query("SELECT COUNT(*) AS count FROM holds").fetch_one(&mut *snapshot);
        verified.open_holds = number(&holds.await?, "count")? as u64;
        snapshot.rollback().await?;
        Ok(verified)
    }
}

/// Whether what is marked as held is what is open; a number that cannot be read counts as zero, which is then wrong.
fn held(
    stored: Result<MicroDollars, StoreError>,
    open: Result<MicroDollars, StoreError>,
    wrong: impl FnOnce(MicroDollars, MicroDollars) -> Wrong,
) -> Result<(), Wrong> {
    let (stored, open) = (stored.unwrap_or_default(), open.unwrap_or_default());
    if stored == open { Ok(()) } else { Err(wrong(stored, open)) }
}

fn note(verified: &mut Verified, checked: Result<(), Wrong>) {
    if let Err(wrong) = checked
        && verified.wrong.is_none()
    {
        verified.wrong = Some(wrong.to_string());
    }
}
