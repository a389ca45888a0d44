//! `/v1/keys`: an account's keys, in OpenRouter's shape and more.

use axum::extract::Path;
use http::StatusCode;
use ledger::{MicroDollars, Reset};
use serde::Serialize;
use serde_json::Value;
use store::{Access, Change, KeyRow, NewKey, Role};

use super::{Member, Query, dollars, failed, moment};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::fields::{Fields, missing, wrong};

/// A key, without the key.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Key {
    id: String,
    /// `key`.
    object: &'static str,
    /// The same as `id`, where OpenRouter's clients look for it.
    hash: String,
    name: String,
    /// The first and last characters of the key.
    label: String,
    /// `admin`, `manager` or `inference`.
    #[schema(value_type = String)]
    role: Role,
    #[schema(required)]
    account_id: Option<String>,
    /// Models that it may use; `null`: all.
    #[schema(required)]
    models: Option<Vec<String>>,
    /// Dollars that it may spend in a period; `null`: all that the account has.
    #[schema(required)]
    limit: Option<f64>,
    #[schema(required)]
    limit_remaining: Option<f64>,
    /// `daily`, `weekly`, `monthly`, or `null` for the key's life.
    #[schema(required)]
    limit_reset: Option<&'static str>,
    /// Dollars spent in this period.
    usage: f64,
    #[schema(required)]
    requests_per_minute: Option<u32>,
    #[schema(required)]
    images_per_minute: Option<u32>,
    disabled: bool,
    created_at: String,
    #[schema(required)]
    expires_at: Option<String>,
    #[schema(required)]
    last_used_at: Option<String>,
}

impl Key {
    pub(crate) fn new(row: KeyRow, now: i64) -> Self {
        let spent = row.allowance().spent_at(now);
        let used = spent.plus(row.held).unwrap_or(spent);
        let left = |cap: MicroDollars| cap.minus(used).unwrap_or_default().max(MicroDollars::ZERO);
        Self {
            hash: row.id.clone(),
            id: row.id,
            object: "key",
            name: row.name,
            label: row.hint,
            role: row.role,
            account_id: row.account_id,
            models: row.models,
            limit: row.cap.map(dollars),
            limit_remaining: row.cap.map(left).map(dollars),
            limit_reset: (row.reset != Reset::Never).then_some(row.reset.name()),
            usage: dollars(spent),
            requests_per_minute: row.requests_per_minute,
            images_per_minute: row.images_per_minute,
            disabled: row.disabled_at.is_some(),
            created_at: moment(row.created_at),
            expires_at: row.expires_at.map(moment),
            last_used_at: row.last_used_at.map(moment),
        }
    }
}

/// One key.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct KeyReply {
    data: Key,
    /// The key itself, in the answer that makes it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// Several keys.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct KeysReply {
    /// `list`.
    object: &'static str,
    data: Vec<Key>,
}

/// A key that is gone.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeletedReply {
    id: String,
    /// `key`.
    object: &'static str,
    /// `true`.
    deleted: bool,
}

/// `GET /v1/keys`; an admin may name an `account_id`.
pub(crate) async fn list(member: Member, query: Query) -> Answer {
    member.must_manage()?;
    let scope = member.scope(query.text("account_id"))?;
    let rows = member.accounts.store.keys(scope.as_deref()).await.map_err(failed)?;
    let data = rows.into_iter().map(|row| Key::new(row, member.act.now)).collect();
    Ok(Reply::new(&KeysReply { object: "list", data }))
}

/// `GET /v1/keys/{id}`.
pub(crate) async fn one(member: Member, Path(id): Path<String>) -> Answer {
    member.must_manage()?;
    let scope = member.scope(None)?;
    let row = member.accounts.store.key(&id, scope.as_deref()).await.map_err(failed)?;
    Ok(Reply::new(&KeyReply { data: Key::new(row, member.act.now), key: None }))
}

/// `GET /v1/key`: the key that asks.
pub(crate) async fn own(member: Member) -> Answer {
    Ok(Reply::new(&KeyReply { data: Key::new(member.key, member.act.now), key: None }))
}

/// `POST /v1/keys`.
pub(crate) async fn create(member: Member, mut call: Call) -> Answer {
    member.must_manage()?;
    let fields = &mut call.fields;
    let account_id = member.scope(fields.text("account_id")?)?;
    let role = match fields.word("role", &["admin", "manager", "inference"])? {
        None | Some("inference") => Role::Inference,
        Some("manager") => Role::Manager,
        Some(_) if member.key.role == Role::Admin => Role::Admin,
        Some(_) => {
            let message = "only an admin makes keys of admins";
            return Err(ApiError::forbidden("not_an_admin", message).at("role"));
        }
    };
    let name = fields.text("name")?.ok_or_else(|| missing("name", "what people call the key"))?;
    let change = change(fields)?;
    let account_id = if role == Role::Admin { None } else { account_id };
    let new = NewKey {
        account_id,
        role,
        name,
        models: change.models.flatten(),
        cap: change.cap.flatten(),
        reset: change.reset.unwrap_or_default(),
        requests_per_minute: change.requests_per_minute.flatten(),
        images_per_minute: change.images_per_minute.flatten(),
        expires_at: change.expires_at.flatten(),
    };
    let accounts = &member.accounts;
    let made = accounts.store.create_key(&new, &accounts.pepper, &member.act).await;
    let (row, plain) = made.map_err(failed)?;
    let key = Some(plain.expose().to_owned());
    let reply = KeyReply { data: Key::new(row, member.act.now), key };
    Ok(Reply::with_status(StatusCode::CREATED, &reply).ignoring(call.fields))
}

/// `PATCH /v1/keys/{id}`.
pub(crate) async fn update(member: Member, Path(id): Path<String>, mut call: Call) -> Answer {
    member.must_manage()?;
    let scope = member.scope(None)?;
    let name = call.fields.text("name")?;
    let access = call.fields.flag("disabled")?;
    let access = access.map(|disabled| if disabled { Access::Disabled } else { Access::Enabled });
    let change = Change { name, access, ..change(&mut call.fields)? };
    let store = &member.accounts.store;
    let row =
        store.change_key(&id, scope.as_deref(), &change, &member.act).await.map_err(failed)?;
    let reply = KeyReply { data: Key::new(row, member.act.now), key: None };
    Ok(Reply::new(&reply).ignoring(call.fields))
}

/// `DELETE /v1/keys/{id}`.
pub(crate) async fn delete(member: Member, Path(id): Path<String>) -> Answer {
    member.must_manage()?;
    let scope = member.scope(None)?;
    let store = &member.accounts.store;
    store.delete_key(&id, scope.as_deref(), &member.act).await.map_err(failed)?;
    Ok(Reply::new(&DeletedReply { id, object: "key", deleted: true }))
}

/// The limits that a body names; `null` takes a limit off.
fn change(fields: &mut Fields) -> Result<Change, ApiError> {
    Ok(Change {
        models: given(fields, "models", |fields| fields.texts("models"))?,
        cap: given(fields, "limit", money)?,
        reset: given(fields, "limit_reset", |fields| {
            fields.word("limit_reset", &["never", "daily", "weekly", "monthly"])
        })?
        .map(|word| word.and_then(|word| word.parse::<Reset>().ok()).unwrap_or_default()),
        requests_per_minute: given(fields, "requests_per_minute", |fields| {
            rate(fields, "requests_per_minute")
        })?,
        images_per_minute: given(fields, "images_per_minute", |fields| {
            rate(fields, "images_per_minute")
        })?,
        expires_at: given(fields, "expires_at", expiry)?,
        ..Change::default()
    })
}

/// Tells a field that is absent from one that is `null`.
#[expect(clippy::option_option, reason = "the outer one says whether, the inner one what")]
fn given<T>(
    fields: &mut Fields,
    name: &str,
    read: impl FnOnce(&mut Fields) -> Result<Option<T>, ApiError>,
) -> Result<Option<Option<T>>, ApiError> {
    if !fields.names(name) {
        return Ok(None);
    }
    read(fields).map(Some)
}

fn rate(fields: &mut Fields, name: &'static str) -> Result<Option<u32>, ApiError> {
    let rate = fields.whole(name, 1..=u32::MAX as usize)?;
    Ok(rate.and_then(|rate| u32::try_from(rate).ok()))
}

fn money(fields: &mut Fields) -> Result<Option<MicroDollars>, ApiError> {
    let Some(value) = fields.take("limit") else { return Ok(None) };
    let text = match &value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        other => return Err(wrong("limit", other, "dollars, at most six digits after the point")),
    };
    let money = text.parse::<MicroDollars>();
    money
        .map(Some)
        .map_err(|error| ApiError::invalid("invalid_value", error.to_string()).at("limit"))
}

fn expiry(fields: &mut Fields) -> Result<Option<i64>, ApiError> {
    let Some(text) = fields.text("expires_at")? else { return Ok(None) };
    let time = text.parse::<jiff::Timestamp>().map_err(|_| {
        let message =
            format!("expires_at is {text:?}; it must be a time like 2027-01-31T00:00:00Z");
        ApiError::invalid("invalid_value", message).at("expires_at")
    })?;
    Ok(Some(time.as_millisecond()))
}
