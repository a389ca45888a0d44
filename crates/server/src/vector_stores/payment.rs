//! What a file of a store costs, set aside while it is embedded.

use ledger::{MicroDollars, Prices, Refusal, Tier, Units, cost};
use store::{Charge, HoldRequest, Holding, Payment, StoreError, StoreFileRow};

use super::contents::{Contents, Problem};
use crate::accounts::now;
use crate::app::App;
use crate::bill::Held;
use crate::work::{Embedded, Kind};

/// The price of a file.
pub(super) struct Purse {
    held: Held,
    prices: Prices,
    most: MicroDollars,
}

/// Sets the price of a file aside, under an id that only this file and this index of its store have. Nothing without accounts.
pub(super) async fn set_aside(
    app: &App,
    row: &StoreFileRow,
    key_id: Option<&str>,
    index_number: i64,
    model: &str,
    contents: &Contents,
) -> Result<Option<Purse>, Problem> {
    let (Some(accounts), Some(key_id)) = (&app.accounts, key_id) else { return Ok(None) };
    let unpaid = |message: String| Problem::fault("server_error", message);
    let key = match accounts.store.key(key_id, None).await {
        Ok(key) => key,
        Err(StoreError::Missing { .. }) => return Err(unpaid("the key was deleted".to_owned())),
        Err(error) => return Err(unanswered(&error)),
    };
    if !key.allows(model) {
        return Err(unpaid(format!("the key may not use the model {model}")));
    }
    let Some(account) = key.account_id.clone() else {
        return Err(unpaid("an admin's key computes nothing".to_owned()));
    };
    let images = u64::from(matches!(contents, Contents::Picture(_)));
    let prices = accounts.prices(model);
    let units = Units { images, texts: 1 - images, requests: 0 };
    let most = cost(&prices, &units, Tier::Standard).map_err(|error| unpaid(error.to_string()))?;
    let request = HoldRequest {
        key: &key,
        account: &account,
        process: &accounts.process,
        amount: most,
        images,
        rates: accounts.rates,
        request_id: &row.vector_store_id,
        question: None,
        now: now(),
    };
    let id = format!("{}/{index_number}", row.vector_id);
    match accounts.store.hold_as(id, &request).await {
        Ok(Holding::Held(hold)) => {
            Ok(Some(Purse { held: Held::new(hold, accounts.store.clone()), prices, most }))
        }
        Ok(Holding::Answered(_)) => Err(unpaid("nobody asked this before".to_owned())),
        Err(StoreError::Refused(refusal @ (Refusal::Credit { .. } | Refusal::Cap { .. }))) => {
            Err(unpaid(refusal.to_string()))
        }
        Err(StoreError::Images { seconds, .. }) => {
            Err(Problem::Later(seconds.ceil().clamp(1.0, 10.0) as u64))
        }
        Err(error @ StoreError::Unusable(_)) => Err(unpaid(error.to_string())),
        Err(error) => Err(unanswered(&error)),
    }
}

/// It is tried again; also where a server that died has set the price aside, until that is given back.
fn unanswered(error: &StoreError) -> Problem {
    tracing::warn!(%error, "the price of a vector store's file cannot be set aside");
    Problem::Later(2)
}

impl Purse {
    /// What of it is charged; a vector that was known costs nothing, as in every call.
    pub(super) fn payment<'a>(
        self,
        embedded: &Embedded,
        model: &'a str,
        store: &'a str,
    ) -> Option<Payment<'a>> {
        let (mut images, mut cached_images, mut texts) = (0, 0, 0);
        match (embedded.kind, embedded.cached) {
            (Kind::Text, _) => texts = 1,
            (Kind::Image, true) => cached_images = 1,
            (Kind::Image, false) => images = 1,
        }
        let units = Units { images, texts, requests: 0 };
        let cost = cost(&self.prices, &units, Tier::Standard).unwrap_or(self.most);
        let charge = Charge {
            cost: cost.min(self.most),
            model,
            tier: Tier::Standard,
            images,
            cached_images,
            texts,
            request_id: store,
            answer: None,
            now: now(),
        };
        self.held.take().map(|hold| Payment { hold, charge })
    }
}
