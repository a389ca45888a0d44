//! What an account has.

use crate::error::{LedgerError, Refusal};
use crate::hold::{Hold, Open, Released, Settled};
use crate::money::MicroDollars;

/// A balance, what of it is set aside, and how low it may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Everything that came in less everything that was charged.
    pub balance: MicroDollars,
    /// The sum of the open holds.
    pub held: MicroDollars,
    /// The balance may not go below it: 0 for prepaid accounts, less for those that may owe.
    pub floor: MicroDollars,
}

impl Account {
    /// What a new call may cost.
    ///
    /// # Errors
    /// When a number does not fit.
    pub fn available(&self) -> Result<MicroDollars, LedgerError> {
        self.balance.minus(self.held)?.minus(self.floor)
    }

    /// Sets an amount aside.
    ///
    /// # Errors
    /// When the account has less; nothing is set aside then.
    pub fn hold(
        &mut self,
        id: impl Into<String>,
        amount: MicroDollars,
    ) -> Result<Hold<Open>, Refusal> {
        let hold = Hold::open(id, amount)?;
        let left = self.available()?;
        // An account that owes more than it may can still do what is free.
        if amount > left && amount > MicroDollars::ZERO {
            return Err(Refusal::Credit { needed: amount, left: left.max(MicroDollars::ZERO) });
        }
        self.held = self.held.plus(amount)?;
        Ok(hold)
    }

    /// Charges a settled hold.
    ///
    /// # Errors
    /// When a number does not fit.
    pub fn settle(&mut self, hold: &Hold<Settled>) -> Result<(), LedgerError> {
        self.balance = self.balance.minus(hold.cost())?;
        self.held = self.held.minus(hold.amount())?;
        Ok(())
    }

    /// Gives a released hold back.
    ///
    /// # Errors
    /// When a number does not fit.
    pub fn release(&mut self, hold: &Hold<Released>) -> Result<(), LedgerError> {
        self.held = self.held.minus(hold.amount())?;
        Ok(())
    }

    /// Adds credit, or with a negative amount takes it.
    ///
    /// # Errors
    /// When a number does not fit.
    pub fn add(&mut self, amount: MicroDollars) -> Result<(), LedgerError> {
        self.balance = self.balance.plus(amount)?;
        Ok(())
    }
}
