//! What can be wrong with money.

use crate::money::MicroDollars;

/// Why an amount cannot be computed or a hold not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A number beyond 64 bits.
    #[error("the amount does not fit 64 bits of micro-dollars")]
    Overflow,
    /// A hold or a charge below zero.
    #[error("an amount of {0} cannot be held or charged; it must not be negative")]
    Negative(MicroDollars),
    /// More than was held.
    #[error("a cost of {cost} is more than the {held} that were held for it")]
    BeyondHold {
        /// What was to be charged.
        cost: MicroDollars,
        /// What the hold is.
        held: MicroDollars,
    },
}

/// Why an account or a key does not give what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The account's credit is short.
    #[error("the call needs {needed}, and the account has {left} left")]
    Credit {
        /// The most that the call may cost.
        needed: MicroDollars,
        /// What the account could spend.
        left: MicroDollars,
    },
    /// The key's cap is reached.
    #[error("the call needs {needed}, and the key has {left} of its cap left")]
    Cap {
        /// The most that the call may cost.
        needed: MicroDollars,
        /// What the key could spend in this period.
        left: MicroDollars,
    },
    /// The numbers themselves.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
