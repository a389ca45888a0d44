//! Pages of OpenAI's lists: `limit`, `order`, `after`, `before`.

use store::Order;

use super::account::Query;
use crate::error::ApiError;

/// What a list is asked for.
pub(super) struct PageFields {
    pub(super) after: Option<String>,
    pub(super) before: Option<String>,
    pub(super) order: Order,
    most: usize,
}

impl PageFields {
    /// Reads them; a page has `default` rows when nobody says, and at most `most`.
    ///
    /// # Errors
    /// 400 when one of them makes no sense.
    pub(super) fn take(query: &Query, default: usize, most: usize) -> Result<Self, ApiError> {
        let order = match query.text("order").as_deref() {
            None | Some("desc") => Order::Descending,
            Some("asc") => Order::Ascending,
            Some(_) => {
                let message = "order is neither asc nor desc";
                return Err(ApiError::invalid("invalid_value", message).at("order"));
            }
        };
        let most = match query.text("limit") {
            None => default,
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
                limit.ok_or_else(|| {
                    let message = format!("limit must be a whole number from 1 to {most}");
                    ApiError::invalid("invalid_value", message).at("limit")
                })?
            }
        };
        let after = query.text("after");
        Ok(Self { after, before: None, order, most })
    }

    /// The same of a list that may be read from its end, too.
    pub(super) fn or_before(mut self, query: &Query) -> Self {
        self.before = query.text("before");
        self
    }

    /// How many rows to ask for: one more than the page has tells whether there are others.
    pub(super) fn wanted(&self) -> usize {
        self.most + 1
    }

    /// Without that one, and whether it was there: a list that is read from its end has it first.
    pub(super) fn cut<T>(&self, mut rows: Vec<T>) -> (Vec<T>, bool) {
        let has_more = rows.len() > self.most;
        if has_more && self.before.is_some() {
            rows.remove(0);
        }
        rows.truncate(self.most);
        (rows, has_more)
    }
}
