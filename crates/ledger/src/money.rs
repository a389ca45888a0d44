//! An amount of money.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::LedgerError;

/// Micro-dollars in a dollar.
const DOLLAR: i64 = 1_000_000;

/// Digits after the point of a dollar.
const DIGITS: usize = 6;

/// A whole number of millionths of a US dollar; may be negative.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MicroDollars(i64);

impl MicroDollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many millionths of a dollar.
    pub const fn new(amount: i64) -> Self {
        Self(amount)
    }

    /// Millionths of a dollar.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum.
    ///
    /// # Errors
    /// When it does not fit 64 bits: about nine million million dollars.
    pub fn plus(self, other: Self) -> Result<Self, LedgerError> {
        self.0.checked_add(other.0).map(Self).ok_or(LedgerError::Overflow)
    }

    /// The difference.
    ///
    /// # Errors
    /// When it does not fit 64 bits.
    pub fn minus(self, other: Self) -> Result<Self, LedgerError> {
        self.0.checked_sub(other.0).map(Self).ok_or(LedgerError::Overflow)
    }

    /// As a decimal number of dollars without a sign of the currency, at least two digits after the point: `-0.000094`.
    pub fn dollars(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        let fraction = format!("{:0DIGITS$}", amount % DOLLAR as u64);
        let shown = fraction.trim_end_matches('0').len().max(2);
        format!("{sign}{}.{}", amount / DOLLAR as u64, &fraction[..shown])
    }
}

impl fmt::Display for MicroDollars {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.dollars();
        let (sign, amount) = match dollars.strip_prefix('-') {
            Some(amount) => ("-", amount),
            None => ("", dollars.as_str()),
        };
        formatter.pad(&format!("{sign}${amount}"))
    }
}

/// Why a text is no amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no amount of dollars; write 5, 0.25 or -1.000001, six digits after the point at most"
)]
pub struct MoneyError {
    text: String,
}

impl FromStr for MicroDollars {
    type Err = MoneyError;

    /// From decimal dollars: `5`, `$5`, `0.25`, `-1.000001`.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let wrong = || MoneyError { text: text.to_owned() };
        let (negative, amount) = match text.trim().strip_prefix('-') {
            Some(amount) => (true, amount),
            None => (false, text.trim()),
        };
        let amount = amount.strip_prefix('$').unwrap_or(amount);
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
        let digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > DIGITS {
            return Err(wrong());
        }
        let whole = whole.parse::<i64>().ok().and_then(|whole| whole.checked_mul(DOLLAR));
        let fraction = format!("{fraction:0<DIGITS$}").parse::<i64>().ok();
        let amount = whole.zip(fraction).and_then(|(whole, fraction)| whole.checked_add(fraction));
        let amount = amount.ok_or_else(wrong)?;
        Ok(Self(if negative { -amount } else { amount }))
    }
}

#[cfg(test)]
mod tests {
    use super::MicroDollars;

    #[test]
    fn money_is_written_as_dollars_and_read_back() {
        for (amount, text) in [
            (0, "$0.00"),
            (94, "$0.000094"),
            (5_000_000, "$5.00"),
            (-1_500_000, "-$1.50"),
            (i64::MIN + 1, "-$9223372036854.775807"),
        ] {
            let money = MicroDollars::new(amount);
            assert_eq!(money.to_string(), text);
            assert_eq!(text.parse(), Ok(money));
        }
        assert_eq!("5".parse(), Ok(MicroDollars::new(5_000_000)));
        assert_eq!(" 0.25 ".parse(), Ok(MicroDollars::new(250_000)));
    }

    #[test]
    fn what_is_no_money_is_refused() {
        for text in [
            "",
            "-",
            "$",
            ".",
            "1.",
            ".5",
            "1e3",
            "0.0000001",
            "1,5",
            "--1",
            "NaN",
            "9223372036855",
        ] {
            let error = text.parse::<MicroDollars>().unwrap_err();
            assert!(error.to_string().contains("is no amount of dollars"), "{text}");
        }
    }
}
