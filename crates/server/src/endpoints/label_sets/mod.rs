//! `/v1/label_sets`: named label sets in versions that never change, in the manner of OpenAI's objects.

mod create;
mod reply;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use http::HeaderMap;
use serde_json::Value;
use store::{LabelSetPage, Order};

use super::account::Query;
use crate::app::App;
use crate::archive::Owner;
use crate::call::{self, Answer, Call, Reply};
use crate::error::ApiError;
use crate::fields::{Fields, missing, wrong};
use crate::label_sets::{self, Patience, Reference, failed, look_up};
pub(crate) use create::create;
pub(crate) use reply::{DeletedLabelSetReply, LabelSetReply, LabelSetsReply};

/// Sets of a page when nobody says.
const PAGE: usize = 20;

/// Sets of a page.
const MOST_OF_A_PAGE: usize = 100;

/// Characters of an alias.
const LONGEST_ALIAS: usize = 64;

/// `GET /v1/label_sets`.
pub(crate) async fn list(State(app): State<Arc<App>>, owner: Owner, query: Query) -> Answer {
    let mut query = fields_of(&query, &["limit", "order", "after"])?;
    let most = query.whole("limit", 1..=MOST_OF_A_PAGE)?.unwrap_or(PAGE);
    let order = match query.word("order", &["asc", "desc"])? {
        Some("asc") => Order::Ascending,
        _ => Order::Descending,
    };
    let page = LabelSetPage { after: query.text("after")?, order, most: most + 1 };
    let archive = app.archive().await?;
    let rows = archive.store.label_sets(&owner.0, &page).await.map_err(|error| failed(&error))?;
    Ok(Reply::new(&LabelSetsReply::new(rows, most)))
}

/// `GET /v1/label_sets/{id}`, with or without a version.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    owner: Owner,
    Path(id): Path<String>,
) -> Answer {
    let found = look_up(&app, &owner, &id).await?;
    Ok(Reply::new(&LabelSetReply::whole(found.row, &found.set.definition, None)))
}

/// `GET /v1/label_sets/{id}/versions`.
pub(crate) async fn versions(
    State(app): State<Arc<App>>,
    owner: Owner,
    Path(id): Path<String>,
) -> Answer {
    let archive = app.archive().await?;
    let rows = archive.store.label_set_versions(&owner.0, &id).await;
    let rows = rows.map_err(|error| failed(&error))?;
    let most = rows.len();
    Ok(Reply::new(&LabelSetsReply::new(rows, most)))
}

/// `POST /v1/label_sets/{id}`: moves aliases.
pub(crate) async fn update(owner: Owner, Path(id): Path<String>, mut call: Call) -> Answer {
    let moves = match call.fields.take("aliases") {
        Some(Value::Object(aliases)) => aliases,
        Some(other) => return Err(wrong("aliases", &other, "an object of names and versions")),
        None => return Err(missing("aliases", "an object of names and versions")),
    };
    let mut parsed = BTreeMap::new();
    for (alias, version) in moves {
        check_alias(&alias, "aliases")?;
        let place = format!("aliases.{alias}");
        let version = match version {
            Value::Null => None,
            Value::Number(number) if number.as_i64().is_some_and(|version| version > 0) => {
                number.as_i64()
            }
            other => return Err(wrong(&place, &other, "a version, or null")),
        };
        parsed.insert(alias, version);
    }
    let archive = call.app.archive().await?;
    let row = archive.store.move_label_set_aliases(&owner.0, &id, &parsed).await;
    let row = row.map_err(|error| failed(&error))?;
    let found = look_up(&call.app, &owner, &row.id).await?;
    let reply = LabelSetReply::whole(row, &found.set.definition, None);
    Ok(Reply::new(&reply).ignoring(call.fields))
}

/// `DELETE /v1/label_sets/{id}`: the set with all its versions.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    owner: Owner,
    Path(id): Path<String>,
) -> Answer {
    let archive = app.archive().await?;
    let deleted = archive.store.delete_label_set(&owner.0, &id).await;
    deleted.map_err(|error| failed(&error))?;
    Ok(Reply::new(&DeletedLabelSetReply::new(id)))
}

/// `GET /v1/label_sets/{id}/doctor?model=&cosine=`.
pub(crate) async fn doctor(
    State(app): State<Arc<App>>,
    owner: Owner,
    Path(id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    let mut query = fields_of(&query, &["model", "cosine"])?;
    let name = query.text("model")?;
    let patience = query.fraction("cosine")?.map_or_else(Patience::default, Patience);
    let found = look_up(&app, &owner, &id).await?;
    let model = app.registry.get(name.as_deref(), call::patience(&headers)).await?;
    let version = found.row.version;
    let diagnosis = label_sets::examine(&app, &model, found.set, version, patience).await?;
    Ok(Reply::new(&diagnosis))
}

/// The parameters behind a `?`, where numbers are numbers.
fn fields_of(query: &Query, names: &[&str]) -> Result<Fields, ApiError> {
    let value = |name: &&str| {
        let text = query.text(name)?;
        let number = serde_json::from_str::<serde_json::Number>(&text).map(Value::Number);
        let value = match *name {
            "limit" | "cosine" => number.unwrap_or(Value::String(text)),
            _ => Value::String(text),
        };
        Some(((*name).to_owned(), value))
    };
    Fields::of(Value::Object(names.iter().filter_map(value).collect()))
}

/// A name of a version: lower case, and no number, which would be a version.
fn check_alias(alias: &str, place: &str) -> Result<(), ApiError> {
    let begins = alias.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let goes_on = alias.bytes().all(|byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    });
    if begins && goes_on && alias.len() <= LONGEST_ALIAS {
        return Ok(());
    }
    let message = format!(
        "{place} has a name that is none for a version: 1 to {LONGEST_ALIAS} of a-z, 0-9, - _ . with a letter first"
    );
    Err(ApiError::invalid("invalid_value", message).at(place))
}

/// The id of a set without a version.
///
/// # Errors
/// When it has one: a new version follows all others.
fn bare(text: &str) -> Result<String, ApiError> {
    let reference = Reference::read(text);
    if reference.id == text {
        return Ok(reference.id);
    }
    let message = format!("id is {text:?}; the next version of a set needs the set's id alone");
    Err(ApiError::invalid("invalid_value", message).at("id"))
}
