//! What one key may spend.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::error::{LedgerError, Refusal};
use crate::money::MicroDollars;

/// When a key's spending begins anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// Never: the cap is for the key's life.
    #[default]
    Never,
    /// At midnight, UTC.
    Daily,
    /// On Monday at midnight, UTC.
    Weekly,
    /// On the first of the month at midnight, UTC.
    Monthly,
}

impl Reset {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    /// When the period began in which a moment lies, both in milliseconds since 1970; 0 for [`Never`](Self::Never).
    pub fn period_start(self, time: i64) -> i64 {
        let Ok(timestamp) = Timestamp::from_millisecond(time) else { return 0 };
        let date = TimeZone::UTC.to_datetime(timestamp).date();
        let first = match self {
            Self::Never => return 0,
            Self::Daily => Ok(date),
            Self::Weekly => monday(date),
            Self::Monthly => Ok(date.first_of_month()),
        };
        let midnight = first.and_then(|date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)));
        midnight.map_or(0, Timestamp::as_millisecond)
    }
}

fn monday(date: Date) -> Result<Date, jiff::Error> {
    date.checked_sub(i64::from(date.weekday().to_monday_zero_offset()).days())
}

impl fmt::Display for Reset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Reset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Never, Self::Daily, Self::Weekly, Self::Monthly];
        all.into_iter().find(|reset| reset.name() == text).ok_or_else(|| {
            format!("{text:?} is no reset; one of never, daily, weekly, monthly was expected")
        })
    }
}

/// A key's cap and what of it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// The most that the key may spend in a period; `None`: whatever the account has.
    pub cap: Option<MicroDollars>,
    /// When spending begins anew.
    pub reset: Reset,
    /// When the period began that `spent` is of, in milliseconds since 1970.
    pub period_start: i64,
    /// Settled in that period.
    pub spent: MicroDollars,
    /// Held by calls that are not settled; it counts in whatever period they end.
    pub held: MicroDollars,
}

impl Allowance {
    /// What was spent in the period of a moment.
    pub fn spent_at(&self, time: i64) -> MicroDollars {
        let same = self.period_start == self.reset.period_start(time);
        if same { self.spent } else { MicroDollars::ZERO }
    }

    /// Takes a call's price.
    ///
    /// # Errors
    /// When the cap does not allow it; nothing is taken then.
    pub fn hold(&mut self, amount: MicroDollars, time: i64) -> Result<(), Refusal> {
        let used = self.spent_at(time).plus(self.held)?;
        if let Some(cap) = self.cap
            && used.plus(amount)? > cap
        {
            return Err(Refusal::Cap { needed: amount, left: cap.minus(used)? });
        }
        self.held = self.held.plus(amount)?;
        Ok(())
    }

    /// Gives a hold back and counts what of it was spent.
    ///
    /// # Errors
    /// When a number does not fit.
    pub fn close(
        &mut self,
        held: MicroDollars,
        cost: MicroDollars,
        time: i64,
    ) -> Result<(), LedgerError> {
        self.spent = self.spent_at(time).plus(cost)?;
        self.period_start = self.reset.period_start(time);
        self.held = self.held.minus(held)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn periods_begin_at_midnight_of_their_first_day() {
        // A Saturday.
        let time = milliseconds("2026-11-28T19:45:00Z");
        for (reset, start) in [
            (Reset::Daily, "2026-11-28T00:00:00Z"),
            (Reset::Weekly, "2026-11-23T00:00:00Z"),
            (Reset::Monthly, "2026-11-01T00:00:00Z"),
        ] {
            assert_eq!(reset.period_start(time), milliseconds(start), "{reset}");
            assert_eq!(reset.period_start(milliseconds(start)), milliseconds(start), "{reset}");
            assert_ne!(reset.period_start(milliseconds(start) - 1), milliseconds(start), "{reset}");
            assert_eq!(reset.name().parse(), Ok(reset));
        }
        assert_eq!(Reset::Never.period_start(time), 0);
        assert!("yearly".parse::<Reset>().is_err());
    }

    #[test]
    fn a_cap_counts_what_is_held_and_begins_anew_each_day() {
        let money = MicroDollars::new;
        let mut allowance =
            Allowance { cap: Some(money(100)), reset: Reset::Daily, ..Allowance::default() };
        let (today, tomorrow) =
            (milliseconds("2026-11-28T23:59:59Z"), milliseconds("2026-11-29T00:00:00Z"));
        allowance.hold(money(60), today).unwrap();
        let refused = allowance.hold(money(50), today).unwrap_err();
        assert_eq!(refused, Refusal::Cap { needed: money(50), left: money(40) });
        allowance.close(money(60), money(60), today).unwrap();
        assert!(allowance.hold(money(50), today).is_err());
        allowance.hold(money(50), tomorrow).unwrap();
        allowance.close(money(50), money(10), tomorrow).unwrap();
        assert_eq!((allowance.spent, allowance.held), (money(10), MicroDollars::ZERO));
    }
}
