//! `POST /v1/accounts`: an account for whoever has an e-mail address, with free credit once.
//!
//! The answer is the same whether the address has an account, has none, or was asked for too often; only what is no address
//! at all is told apart. A link makes a key of its account, for a new account and for one whose key was lost.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use store::{Act, NewKey, Role, StoreError};

use super::{dollars, failed};
use crate::accounts::{Accounts, now};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::fields::missing;
use crate::settings::SignUp;

/// That a link was sent, if there is somebody to send it to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SentReply {
    /// `account.link`.
    object: &'static str,
    message: &'static str,
}

/// An account and a key of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OpenedReply {
    /// `account`.
    object: &'static str,
    id: String,
    /// Whether this link made it.
    created: bool,
    /// Dollars.
    balance: f64,
    key_id: String,
    /// Shown now and never again.
    key: String,
}

/// The accounts, and how people get one.
///
/// # Errors
/// 403 where only the operator makes them.
fn switched_on(call: &Call) -> Result<(Arc<Accounts>, SignUp), ApiError> {
    let off = || ApiError::forbidden("sign_up_off", "the operator of this server makes accounts");
    let accounts = call.app.accounts.clone().ok_or_else(off)?;
    let sign_up = accounts.sign_up.clone().ok_or_else(off)?;
    Ok((accounts, sign_up))
}

fn act(call: &Call) -> Act {
    Act { actor: "server".to_owned(), request_id: Some(call.request_id.clone()), now: now() }
}

/// `POST /v1/accounts`.
pub(crate) async fn ask(mut call: Call) -> Answer {
    let (accounts, sign_up) = switched_on(&call)?;
    let email = call.fields.text("email")?;
    let email = email.ok_or_else(|| missing("email", "your e-mail address"))?;
    match accounts.store.create_link(&email, &accounts.pepper, &act(&call)).await {
        Ok(link) => {
            // Beside the answer, whose time must not tell how the mail server took it.
            tokio::spawn(async move {
                let address = format!(
                    "{}/confirm#{}",
                    sign_up.public_url.trim_end_matches('/'),
                    link.secret.expose()
                );
                accounts.mailer.send(&link.email, &address).await;
            });
        }
        Err(StoreError::TooManyLinks) => {}
        Err(error) => return Err(failed(error).at("email")),
    }
    let message = "if the address can have an account, a link is on its way to it";
    let reply = SentReply { object: "account.link", message };
    Ok(Reply::with_status(StatusCode::ACCEPTED, &reply).ignoring(call.fields))
}

/// `POST /v1/accounts/confirm`.
pub(crate) async fn confirm(mut call: Call) -> Answer {
    let (accounts, sign_up) = switched_on(&call)?;
    let token = call.fields.text("token")?;
    let token = token.ok_or_else(|| missing("token", "what stands behind # in the link"))?;
    let act = act(&call);
    let hash = accounts.pepper.hash(&token);
    let opened = accounts.store.open_link(&hash, sign_up.free_credit, &act).await;
    let opened = opened.map_err(failed)?;
    let name = if opened.is_new { "first key" } else { "key from a link" };
    let new = NewKey::new(Some(opened.account.id.clone()), Role::Manager, name);
    let made = accounts.store.create_key(&new, &accounts.pepper, &act).await.map_err(failed)?;
    let (row, plain) = made;
    let reply = OpenedReply {
        object: "account",
        id: opened.account.id,
        created: opened.is_new,
        balance: dollars(opened.account.balance),
        key_id: row.id,
        key: plain.expose().to_owned(),
    };
    Ok(Reply::new(&reply).ignoring(call.fields))
}
