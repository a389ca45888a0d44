//! What the holder of a key asks about it, its account, and the account's other keys.

pub(crate) mod keys;
pub(crate) mod sign_up;
pub(crate) mod usage;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use jiff::Timestamp;
use ledger::MicroDollars;
use store::{Act, KeyRow, Role, StoreError};

use crate::accounts::{Accounts, now};
use crate::app::App;
use crate::bill::{SharedBill, unavailable};
use crate::error::ApiError;

/// The holder of a key, on a server with accounts.
pub(crate) struct Member {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) key: KeyRow,
    pub(crate) act: Act,
}

impl FromRequestParts<Arc<App>> for Member {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let bill = parts.extensions.get::<SharedBill>();
        let payer = bill.and_then(|bill| bill.payer());
        let (Some(accounts), Some(payer)) = (&app.accounts, payer) else {
            return Err(ApiError::internal("the route of accounts is open without them"));
        };
        let act = Act {
            actor: payer.key.id.clone(),
            request_id: Some(payer.request_id.clone()),
            now: now(),
        };
        Ok(Self { accounts: Arc::clone(accounts), key: payer.key.clone(), act })
    }
}

/// The parameters behind the `?` of a path.
pub(crate) struct Query(HashMap<String, String>);

impl FromRequestParts<Arc<App>> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

impl Query {
    /// A parameter that is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|text| !text.is_empty()).cloned()
    }
}

impl Member {
    /// The account whose things may be seen: its own, for an admin the one that is named, or all.
    ///
    /// # Errors
    /// 404 when another account is named.
    pub(crate) fn scope(&self, named: Option<String>) -> Result<Option<String>, ApiError> {
        match (&self.key.account_id, named) {
            (None, named) => Ok(named),
            (Some(own), None) => Ok(Some(own.clone())),
            (Some(own), Some(named)) if *own == named => Ok(Some(named)),
            (Some(_), Some(named)) => Err(ApiError::not_found(
                "account_not_found",
                format!("there is no account {named:?}"),
            )),
        }
    }

    /// That the key may manage keys.
    ///
    /// # Errors
    /// 403 for a key that only computes.
    pub(crate) fn must_manage(&self) -> Result<(), ApiError> {
        if self.key.role == Role::Inference {
            let message = "this key computes and manages no keys; use a key with the role manager";
            return Err(ApiError::forbidden("not_a_manager", message));
        }
        Ok(())
    }
}

/// What the store says, as the API says it.
pub(crate) fn failed(error: StoreError) -> ApiError {
    match error {
        StoreError::Missing { what, .. } => {
            let code = if what == "key" { "key_not_found" } else { "account_not_found" };
            ApiError::not_found(code, error.to_string())
        }
        StoreError::Invalid(message) => ApiError::invalid("invalid_value", message),
        StoreError::Refused(refusal) => ApiError::invalid("invalid_value", refusal.to_string()),
        StoreError::LinkInvalid => ApiError::invalid("link_invalid", error.to_string()),
        other => unavailable(&other),
    }
}

/// Dollars as a JSON number.
pub(crate) fn dollars(money: MicroDollars) -> f64 {
    money.get() as f64 / 1e6
}

/// A moment as RFC 3339.
pub(crate) fn moment(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .map_or_else(|_| String::new(), |time| time.to_string())
}
