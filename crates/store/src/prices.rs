//! What a model costs, from when on.

use ledger::{MicroDollars, PriceChange, PriceList, Prices};
use serde_json::json;

use crate::audit::{Act, record};
use crate::database::{Store, number, optional_text};
use crate::error::StoreError;

impl Store {
    /// All prices that ever were or are announced.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn prices(&self) -> Result<PriceList, StoreError> {
        Ok(PriceList::new(self.price_changes().await?))
    }

    /// The same as a list, in the order in which they were entered.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn price_changes(&self) -> Result<Vec<PriceChange>, StoreError> {
        let sql = "SELECT model, valid_from, images, texts, requests FROM prices ORDER BY id";
        let rows = sqlx::query(sql).fetch_all(self.reader()).await?;
        let change = |row| {
            let money = |column| number(row, column).map(MicroDollars::new);
            Ok(PriceChange {
                model: optional_text(row, "model")?,
                from: number(row, "valid_from")?,
                prices: Prices {
                    images: money("images")?,
                    texts: money("texts")?,
                    requests: money("requests")?,
                },
            })
        };
        rows.iter().map(change).collect()
    }

    /// Announces prices. What was true before stays on record.
    ///
    /// # Errors
    /// When a price is negative, or is to be true for the past.
    pub async fn set_prices(&self, change: &PriceChange, act: &Act) -> Result<(), StoreError> {
        let Prices { images, texts, requests } = change.prices;
        if [images, texts, requests].iter().any(|price| *price < MicroDollars::ZERO) {
            return Err(StoreError::Invalid("a price must not be negative".into()));
        }
        if change.from < act.now {
            return Err(StoreError::Invalid("a price cannot be changed for the past".into()));
        }
        let mut transaction = self.transaction().await?;
        let sql = "INSERT INTO prices (model, valid_from, images, texts, requests) \
                   VALUES ($1, $2, $3, $4, $5)";
        sqlx::query(sql)
            .bind(change.model.clone())
            .bind(change.from)
            .bind(images.get())
            .bind(texts.get())
            .bind(requests.get())
            .execute(&mut *transaction)
            .await?;
        let subject = change.model.as_deref().unwrap_or("*");
        let details = json!({ "from": change.from, "prices": change.prices });
        record(&mut transaction, act, "price.set", subject, &details).await?;
        transaction.commit().await?;
        Ok(())
    }
}
