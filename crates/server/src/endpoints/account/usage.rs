//! `/v1/credits` and `/v1/usage`: what an account has and what it used.

use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use store::{UsageFilter, UsageRow};

use super::{Member, Query, dollars, failed, moment};
use crate::call::{Answer, Reply};
use crate::error::ApiError;

/// What an account has.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CreditsReply {
    data: Credits,
}

/// Dollars, in OpenRouter's shape and more.
#[expect(clippy::struct_field_names, reason = "the first is OpenRouter's")]
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Credits {
    /// Everything that came in.
    total_credits: f64,
    /// Everything that was spent.
    total_usage: f64,
    /// What is left.
    balance: f64,
    /// What of it is set aside for calls that are being worked on.
    held: f64,
}

/// What was used.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct UsageReply {
    /// `list`.
    object: &'static str,
    data: Vec<Day>,
}

/// The calls of a day with one key and one model.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Day {
    /// UTC, as `2026-11-28`.
    date: String,
    account_id: String,
    key_id: String,
    key_name: String,
    model: String,
    requests: i64,
    images: i64,
    cached_images: i64,
    texts: i64,
    /// Dollars.
    usage: f64,
    /// Micro-dollars.
    cost: i64,
}

impl Day {
    fn new(row: UsageRow) -> Self {
        Self {
            date: moment(row.day).split('T').next().unwrap_or_default().to_owned(),
            account_id: row.account_id,
            key_id: row.key_id.unwrap_or_default(),
            key_name: row.key_name.unwrap_or_default(),
            model: row.model.unwrap_or_default(),
            requests: row.requests,
            images: row.images,
            cached_images: row.cached_images,
            texts: row.texts,
            usage: dollars(row.cost),
            cost: row.cost.get(),
        }
    }
}

/// `GET /v1/credits`.
pub(crate) async fn credits(member: Member) -> Answer {
    let Some(id) = &member.key.account_id else {
        let message = "an admin's key has no account; name one in /v1/usage?account_id=";
        return Err(ApiError::forbidden("admin_key", message));
    };
    let account = member.accounts.store.account(id).await.map_err(failed)?;
    let spent = member.accounts.store.spent(id).await.map_err(failed)?;
    let total = account.balance.plus(spent).unwrap_or_default();
    let data = Credits {
        total_credits: dollars(total),
        total_usage: dollars(spent),
        balance: dollars(account.balance),
        held: dollars(account.held),
    };
    Ok(Reply::new(&CreditsReply { data }))
}

/// `GET /v1/usage`: `from` and `to` are its first and last day, `format` is json or csv; an admin may name an `account_id`.
pub(crate) async fn usage(member: Member, query: Query) -> Answer {
    let from = query.text("from").map(|text| day(&text, "from")).transpose()?;
    let to = query.text("to").map(|text| day(&text, "to")).transpose()?;
    let filter = UsageFilter::days(member.scope(query.text("account_id"))?, from, to);
    let rows = member.accounts.store.usage(&filter).await.map_err(failed)?;
    let data = rows.into_iter().map(Day::new).collect::<Vec<_>>();
    match query.text("format").as_deref() {
        None | Some("json") => Ok(Reply::new(&UsageReply { object: "list", data })),
        Some("csv") => {
            let csv = [(CONTENT_TYPE, "text/csv; charset=utf-8")];
            Ok(Reply::from_response((csv, as_csv(&data)).into_response()))
        }
        Some(_) => {
            let message = "format is neither json nor csv";
            Err(ApiError::invalid("invalid_value", message).at("format"))
        }
    }
}

/// A day as the time at which it began.
fn day(text: &str, name: &'static str) -> Result<i64, ApiError> {
    let date = text.parse::<Date>().ok();
    let midnight = date.and_then(|date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok());
    midnight.map(jiff::Timestamp::as_millisecond).ok_or_else(|| {
        let message = format!("{name} is {text:?}; it must be a day like 2026-11-28");
        ApiError::invalid("invalid_value", message).at(name)
    })
}

/// The same rows as comma-separated values with a heading, for spreadsheets.
pub fn usage_csv(rows: Vec<UsageRow>) -> String {
    as_csv(&rows.into_iter().map(Day::new).collect::<Vec<_>>())
}

fn as_csv(days: &[Day]) -> String {
    let mut csv =
        "date,account_id,key_id,key_name,model,requests,images,cached_images,texts,usage_usd\n"
            .to_owned();
    for day in days {
        let usage = ledger::MicroDollars::new(day.cost).dollars();
        let cells = [
            day.date.clone(),
            day.account_id.clone(),
            day.key_id.clone(),
            quoted(&day.key_name),
            quoted(&day.model),
            day.requests.to_string(),
            day.images.to_string(),
            day.cached_images.to_string(),
            day.texts.to_string(),
            usage,
        ];
        csv.push_str(&cells.join(","));
        csv.push('\n');
    }
    csv
}

/// In quotation marks, and never a formula: a spreadsheet would compute what begins like one.
fn quoted(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_computes_no_name() {
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
        assert_eq!(quoted("a \"key\", mine"), "\"a \"\"key\"\", mine\"");
    }

    #[test]
    fn a_day_is_its_midnight() {
        assert_eq!(day("2026-11-28", "from").unwrap(), 1_795_824_000_000);
        assert!(day("yesterday", "from").is_err());
    }
}
