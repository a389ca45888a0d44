//! Money that is set aside for a call until it is known what the call cost.

use crate::error::LedgerError;
use crate::money::MicroDollars;

/// Not closed yet.
#[derive(Debug)]
pub struct Open(());

/// Charged.
#[derive(Debug)]
pub struct Settled {
    cost: MicroDollars,
}

/// Given back whole.
#[derive(Debug)]
pub struct Released(());

/// An amount that is set aside. It cannot be copied: whoever closes it uses it up.
#[derive(Debug)]
#[must_use = "a hold stays on the account until it is settled or released"]
pub struct Hold<State> {
    id: String,
    amount: MicroDollars,
    state: State,
}

impl<State> Hold<State> {
    /// What it is known by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What was set aside.
    pub fn amount(&self) -> MicroDollars {
        self.amount
    }
}

impl Hold<Open> {
    /// A hold that was just made.
    ///
    /// # Errors
    /// When the amount is negative.
    pub fn open(id: impl Into<String>, amount: MicroDollars) -> Result<Self, LedgerError> {
        if amount < MicroDollars::ZERO {
            return Err(LedgerError::Negative(amount));
        }
        Ok(Self { id: id.into(), amount, state: Open(()) })
    }

    /// Closes it for what the call cost; the rest goes back.
    ///
    /// # Errors
    /// When the cost is negative or more than was held, with the hold.
    pub fn settle(self, cost: MicroDollars) -> Result<Hold<Settled>, (LedgerError, Self)> {
        if cost < MicroDollars::ZERO {
            return Err((LedgerError::Negative(cost), self));
        }
        if cost > self.amount {
            return Err((LedgerError::BeyondHold { cost, held: self.amount }, self));
        }
        Ok(Hold { id: self.id, amount: self.amount, state: Settled { cost } })
    }

    /// Closes it for nothing.
    pub fn release(self) -> Hold<Released> {
        Hold { id: self.id, amount: self.amount, state: Released(()) }
    }
}

impl Hold<Settled> {
    /// What was charged.
    pub fn cost(&self) -> MicroDollars {
        self.state.cost
    }
}
