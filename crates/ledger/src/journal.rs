//! Every change of a balance, and whether they add up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::MicroDollars;

/// Where money is. What one book gives, another takes, so that all books together are always zero.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Book {
    /// A customer's, by its id.
    Account(String),
    /// What customers paid in, or were paid back.
    Payments,
    /// Credit that was given away.
    Grants,
    /// Corrections by the operator.
    Adjustments,
    /// What was earned.
    Revenue,
}

/// Why money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A customer paid, or with a negative amount was paid back.
    Payment,
    /// Free credit.
    Grant,
    /// The operator set something right.
    Adjustment,
    /// A call; its amount is negative or zero.
    Charge,
}

impl Kind {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Grant => "grant",
            Self::Adjustment => "adjustment",
            Self::Charge => "charge",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Payment, Self::Grant, Self::Adjustment, Self::Charge]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// The book on the other side.
    pub const fn counter_book(self) -> Book {
        match self {
            Self::Payment => Book::Payments,
            Self::Grant => Book::Grants,
            Self::Adjustment => Book::Adjustments,
            Self::Charge => Book::Revenue,
        }
    }
}

/// Money that moved between an account and the book of its kind, as one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Rows are in the order of their ids.
    pub id: i64,
    /// Whose balance changed.
    pub account: String,
    /// Why.
    pub kind: Kind,
    /// What the account got; negative when it paid.
    pub amount: MicroDollars,
    /// The account's balance since then.
    pub balance_after: MicroDollars,
}

/// The first thing that does not add up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Wrong {
    /// A row whose balance is not that of the row before and its amount.
    #[error(
        "transfer {id} of account {account}: its balance is {stored}, and the rows add up to {expected}"
    )]
    Row {
        /// The row.
        id: i64,
        /// Its account.
        account: String,
        /// What it says.
        stored: MicroDollars,
        /// What it should say.
        expected: MicroDollars,
    },
    /// A call that gave money.
    #[error("transfer {id} of account {account}: a charge of {amount} must not be positive")]
    Sign {
        /// The row.
        id: i64,
        /// Its account.
        account: String,
        /// What it says.
        amount: MicroDollars,
    },
    /// A sum beyond 64 bits.
    #[error("transfer {id} of account {account}: the sum does not fit 64 bits")]
    Overflow {
        /// The row.
        id: i64,
        /// Its account.
        account: String,
    },
    /// An account whose balance is not that of its last row.
    #[error("account {account}: its balance is {stored}, and its transfers add up to {expected}")]
    Balance {
        /// The account.
        account: String,
        /// What it says.
        stored: MicroDollars,
        /// What it should say.
        expected: MicroDollars,
    },
    /// An account whose holds are not those that are open.
    #[error(
        "account {account}: {stored} are marked as held, and its open holds add up to {expected}"
    )]
    Held {
        /// The account.
        account: String,
        /// What it says.
        stored: MicroDollars,
        /// What it should say.
        expected: MicroDollars,
    },
    /// A key whose holds are not those that are open.
    #[error("key {key}: {stored} are marked as held, and its open holds add up to {expected}")]
    KeyHeld {
        /// The key.
        key: String,
        /// What it says.
        stored: MicroDollars,
        /// What it should say.
        expected: MicroDollars,
    },
}

/// Adds transfers up.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    books: BTreeMap<Book, i128>,
}

impl Journal {
    /// Takes the next row.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add(&mut self, transfer: &Transfer) -> Result<(), Wrong> {
        let Transfer { id, account, kind, amount, balance_after } = transfer;
        if *kind == Kind::Charge && *amount > MicroDollars::ZERO {
            return Err(Wrong::Sign { id: *id, account: account.clone(), amount: *amount });
        }
        let expected = self
            .balance(account)
            .plus(*amount)
            .map_err(|_| Wrong::Overflow { id: *id, account: account.clone() })?;
        if expected != *balance_after {
            let (account, stored) = (account.clone(), *balance_after);
            return Err(Wrong::Row { id: *id, account, stored, expected });
        }
        let amount = i128::from(amount.get());
        *self.books.entry(Book::Account(account.clone())).or_default() += amount;
        *self.books.entry(kind.counter_book()).or_default() -= amount;
        Ok(())
    }

    /// What the rows of an account add up to.
    ///
    /// # Panics
    /// Never: [`add`](Self::add) takes no row whose sum does not fit.
    pub fn balance(&self, account: &str) -> MicroDollars {
        let sum = self.books.get(&Book::Account(account.to_owned())).copied().unwrap_or(0);
        MicroDollars::new(i64::try_from(sum).expect("every row was checked to fit"))
    }

    /// What a book has.
    pub fn book(&self, book: &Book) -> i128 {
        self.books.get(book).copied().unwrap_or(0)
    }

    /// The sum over all books: zero.
    pub fn sum(&self) -> i128 {
        self.books.values().sum()
    }

    /// Whether an account's stored balance is that of its rows.
    ///
    /// # Errors
    /// When it is not.
    pub fn check(&self, account: &str, stored: MicroDollars) -> Result<(), Wrong> {
        let expected = self.balance(account);
        if stored == expected {
            return Ok(());
        }
        Err(Wrong::Balance { account: account.to_owned(), stored, expected })
    }
}
