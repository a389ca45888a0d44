//! `polysight usage`.

use store::{UsageFilter, UsageRow};

use super::{Tables, at_desk, midnight, moment};
use crate::arguments::accounts::UsageArguments;
use crate::environment::Environment;
use crate::exit::Outcome;

const HEADING: [&str; 8] = ["day", "account", "key", "model", "calls", "images", "cached", "cost"];

pub(super) fn run(
    arguments: &UsageArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    at_desk(&arguments.options, environment, Tables::Current, async |desk| {
        let account = match &arguments.account {
            Some(named) => Some(desk.store.account(named).await?.id),
            None => None,
        };
        let from = arguments.from.map(midnight).transpose()?;
        let to = arguments.to.map(midnight).transpose()?;
        let rows = desk.store.usage(&UsageFilter::days(account, from, to)).await?;
        if arguments.csv {
            desk.console.print(server::usage_csv(rows))?;
        } else {
            desk.list(&rows, &HEADING, cells)?;
        }
        Ok(Outcome::Complete)
    })
}

fn cells(row: &UsageRow) -> Vec<String> {
    vec![
        moment(row.day).split('T').next().unwrap_or_default().to_owned(),
        row.account_id.clone(),
        row.key_name.clone().unwrap_or_default(),
        row.model.clone().unwrap_or_default(),
        row.requests.to_string(),
        row.images.to_string(),
        row.cached_images.to_string(),
        row.cost.to_string(),
    ]
}
