//! `polysight ledger` and `polysight migrate`.

use ledger::{MicroDollars, PriceChange, Prices};
use serde_json::json;
use store::{AuditRow, MigrationRow};

use super::{Desk, Tables, at_desk, midnight, moment};
use crate::arguments::accounts::{
    LedgerAction, LedgerArguments, LedgerPriceArguments, MigrateArguments,
};
use crate::environment::Environment;
use crate::exit::Outcome;

pub(super) fn run(
    arguments: &LedgerArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let options = match &arguments.action {
        LedgerAction::Verify(arguments) => &arguments.options,
        LedgerAction::Price(arguments) => &arguments.options,
        LedgerAction::Prices(arguments) => &arguments.options,
        LedgerAction::Audit(arguments) => &arguments.options,
        LedgerAction::Backup(arguments) => &arguments.options,
    };
    at_desk(options, environment, Tables::Current, async |desk| {
        match &arguments.action {
            LedgerAction::Verify(_) => return verify(desk).await,
            LedgerAction::Price(price) => set_price(desk, price).await?,
            LedgerAction::Prices(_) => {
                let rows = desk.store.price_changes().await?;
                let heading = ["model", "from", "1,000 images", "1,000 texts", "1,000 calls"];
                desk.list(&rows, &heading, price_cells)?;
            }
            LedgerAction::Audit(audit) => {
                let rows = desk.store.audit(audit.last).await?;
                let heading = ["row", "at", "by", "action", "of", "details"];
                desk.list(&rows, &heading, audit_cells)?;
            }
            LedgerAction::Backup(backup) => {
                desk.store.back_up(&backup.file).await?;
                let file = backup.file.display().to_string();
                desk.print(&json!({ "file": file }), &format!("wrote {file}"))?;
            }
        }
        Ok(Outcome::Complete)
    })
}

async fn verify(desk: &mut Desk) -> anyhow::Result<Outcome> {
    let found = desk.store.verify().await?;
    let sentence = match &found.wrong {
        Some(wrong) => format!("WRONG: {wrong}"),
        None => format!(
            "{} transfers of {} accounts add up, and so do {} open holds",
            found.transfers, found.accounts, found.open_holds
        ),
    };
    desk.print(&found, &sentence)?;
    Ok(Outcome::from_failures(usize::from(found.wrong.is_some())))
}

async fn set_price(desk: &mut Desk, price: &LedgerPriceArguments) -> anyhow::Result<()> {
    let act = super::act();
    let change = PriceChange {
        model: price.model.clone(),
        from: price.from.map(midnight).transpose()?.unwrap_or(act.now),
        prices: Prices { images: price.images, texts: price.texts, requests: price.requests },
    };
    desk.store.set_prices(&change, &act).await?;
    let sentence = format!("from {} on: {}", moment(change.from), price_cells(&change).join("  "));
    desk.print(&change, &sentence)
}

fn price_cells(change: &PriceChange) -> Vec<String> {
    let Prices { images, texts, requests } = change.prices;
    let model = change.model.clone().unwrap_or_else(|| "every other".to_owned());
    let money = [images, texts, requests].map(|money: MicroDollars| money.to_string());
    [model, moment(change.from)].into_iter().chain(money).collect()
}

fn audit_cells(row: &AuditRow) -> Vec<String> {
    vec![
        row.id.to_string(),
        moment(row.at),
        row.actor.clone(),
        row.action.clone(),
        row.subject.clone(),
        row.details.to_string(),
    ]
}

/// `polysight migrate`.
pub(super) fn migrate(
    arguments: &MigrateArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    at_desk(&arguments.options, environment, Tables::Any, async |desk| {
        if !arguments.list {
            desk.store.migrate().await?;
        }
        let rows = desk.store.migrations().await?;
        let cells = |row: &MigrationRow| {
            let state = if row.applied { "there" } else { "missing" };
            vec![row.version.to_string(), row.name.clone(), state.to_owned()]
        };
        desk.list(&rows, &["version", "brings", "state"], cells)?;
        Ok(Outcome::Complete)
    })
}
