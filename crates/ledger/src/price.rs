//! What a call costs.

use serde::{Deserialize, Serialize};

use crate::error::LedgerError;
use crate::money::MicroDollars;

/// Units that a price is for.
const THOUSAND: i128 = 1000;

/// Micro-dollars for 1,000 units of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// For 1,000 pictures that were embedded.
    pub images: MicroDollars,
    /// For 1,000 texts that were embedded; label texts are not among them.
    pub texts: MicroDollars,
    /// For 1,000 calls.
    pub requests: MicroDollars,
}

impl Prices {
    /// What a model costs that nobody gave a price: 94,000 micro-dollars for 1,000 pictures, nothing else.
    pub const DEFAULT: Self = Self {
        images: MicroDollars::new(94_000),
        texts: MicroDollars::ZERO,
        requests: MicroDollars::ZERO,
    };
}

/// What a call took, or may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    /// Pictures.
    pub images: u64,
    /// Texts.
    pub texts: u64,
    /// Calls.
    pub requests: u64,
}

/// How urgent a call is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// At once, for the whole price.
    #[default]
    Standard,
    /// When there is time, for half of it.
    Batch,
}

impl Tier {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Batch => "batch",
        }
    }

    const fn divisor(self) -> i128 {
        match self {
            Self::Standard => 1,
            Self::Batch => 2,
        }
    }
}

/// Price times units, all kinds together, rounded up once to a whole micro-dollar.
///
/// # Errors
/// When a price is negative or the cost does not fit 64 bits.
pub fn cost(prices: &Prices, units: &Units, tier: Tier) -> Result<MicroDollars, LedgerError> {
    let parts = [
        (prices.images, units.images),
        (prices.texts, units.texts),
        (prices.requests, units.requests),
    ];
    let mut thousandfold = 0_i128;
    for (price, count) in parts {
        if price < MicroDollars::ZERO {
            return Err(LedgerError::Negative(price));
        }
        // 63 bits times 64 bits, three times: below 2^129, so the product may overflow and the sum may.
        let part = i128::from(price.get()).checked_mul(i128::from(count));
        let sum = part.and_then(|part| thousandfold.checked_add(part));
        thousandfold = sum.ok_or(LedgerError::Overflow)?;
    }
    let divisor = THOUSAND * tier.divisor();
    let whole = thousandfold / divisor + i128::from(thousandfold % divisor != 0);
    i64::try_from(whole).map(MicroDollars::new).map_err(|_| LedgerError::Overflow)
}

/// From a moment on, a model has these prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PriceChange {
    /// Its id; every model without prices of its own when absent.
    pub model: Option<String>,
    /// Milliseconds since 1970.
    pub from: i64,
    /// The prices.
    pub prices: Prices,
}

/// All prices that ever were or are announced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList(Vec<PriceChange>);

impl PriceList {
    /// In the order of their dates; of two of the same date the later in the list counts.
    pub fn new(mut changes: Vec<PriceChange>) -> Self {
        changes.sort_by_key(|change| change.from);
        Self(changes)
    }

    /// What a model costs at a moment, in milliseconds since 1970: its own latest prices, else the latest for every model,
    /// else [`Prices::DEFAULT`].
    pub fn at(&self, model: &str, time: i64) -> Prices {
        let past = || self.0.iter().rev().skip_while(|change| change.from > time);
        let own = past().find(|change| change.model.as_deref() == Some(model));
        let found = own.or_else(|| past().find(|change| change.model.is_none()));
        found.map_or(Prices::DEFAULT, |change| change.prices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(count: u64) -> Units {
        Units { images: count, ..Units::default() }
    }

    #[test]
    fn a_call_is_rounded_up_once() {
        let cost = |units, tier| cost(&Prices::DEFAULT, &units, tier).unwrap().get();
        assert_eq!(cost(images(1000), Tier::Standard), 94_000);
        assert_eq!(cost(images(1), Tier::Standard), 94);
        assert_eq!(cost(images(0), Tier::Standard), 0);
        assert_eq!(cost(images(1), Tier::Batch), 47);
        let odd = Prices {
            images: MicroDollars::new(1),
            texts: MicroDollars::new(1),
            requests: MicroDollars::new(1),
        };
        let units = Units { images: 1, texts: 1, requests: 1 };
        assert_eq!(super::cost(&odd, &units, Tier::Standard).unwrap().get(), 1);
        let units = Units { images: 1000, texts: 1, requests: 0 };
        assert_eq!(super::cost(&odd, &units, Tier::Standard).unwrap().get(), 2);
        assert_eq!(super::cost(&odd, &units, Tier::Batch).unwrap().get(), 1);
    }

    #[test]
    fn what_does_not_fit_is_an_error_and_no_small_number() {
        let dear = Prices { images: MicroDollars::new(i64::MAX), ..Prices::DEFAULT };
        let all = Units { images: u64::MAX, texts: u64::MAX, requests: u64::MAX };
        assert_eq!(cost(&dear, &all, Tier::Standard), Err(LedgerError::Overflow));
        let worst = Prices { images: dear.images, texts: dear.images, requests: dear.images };
        assert_eq!(cost(&worst, &all, Tier::Batch), Err(LedgerError::Overflow));
        let negative = Prices { texts: MicroDollars::new(-1), ..Prices::DEFAULT };
        assert!(matches!(
            cost(&negative, &images(1), Tier::Standard),
            Err(LedgerError::Negative(_))
        ));
    }

    #[test]
    fn the_latest_price_of_the_model_counts_then_that_of_every_model() {
        let price = |amount| Prices { images: MicroDollars::new(amount), ..Prices::default() };
        let change = |model: Option<&str>, from, amount| PriceChange {
            model: model.map(str::to_owned),
            from,
            prices: price(amount),
        };
        let list = PriceList::new(vec![
            change(Some("a"), 300, 3),
            change(None, 200, 2),
            change(Some("a"), 100, 1),
            change(Some("a"), 100, 5),
        ]);
        assert_eq!(list.at("a", 99), Prices::DEFAULT);
        assert_eq!(list.at("a", 100), price(5));
        assert_eq!(list.at("a", 250), price(5));
        assert_eq!(list.at("a", 300), price(3));
        assert_eq!(list.at("b", 199), Prices::DEFAULT);
        assert_eq!(list.at("b", 200), price(2));
    }
}
