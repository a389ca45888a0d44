//! Money as arithmetic: prices, holds, settlements, and whether a journal adds up.
//!
//! A call is priced ([`PriceList`], [`cost`]), its price is held on the account and on the key ([`Account::hold`]), and when
//! the work is done the hold is settled for what was delivered, or released. A [`Hold`] is a value that only one of the
//! two can consume. Every change of a balance is a [`Transfer`] between two books, so that the sum over all books is always
//! zero; [`Journal`] adds them up again and names the first that is wrong.
//!
//! What this crate does not know: where any of it is kept, what time it is, and who asks. The `store` does the same in SQL,
//! and its tests compare the two.
#![forbid(unsafe_code)]

mod account;
mod allowance;
mod error;
mod hold;
mod journal;
mod money;
mod price;

pub use account::Account;
pub use allowance::{Allowance, Reset};
pub use error::{LedgerError, Refusal};
pub use hold::{Hold, Open, Released, Settled};
pub use journal::{Book, Journal, Kind, Transfer, Wrong};
pub use money::{MicroDollars, MoneyError};
pub use price::{PriceChange, PriceList, Prices, Tier, Units, cost};
