//! `polysight credit`.

use ledger::Kind;
use store::{Credit, TransferRow};

use super::{Tables, at_desk, moment};
use crate::arguments::accounts::{CreditAction, CreditArguments, CreditKind};
use crate::environment::Environment;
use crate::exit::Outcome;

pub(super) fn run(
    arguments: &CreditArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let options = match &arguments.action {
        CreditAction::Add(arguments) => &arguments.options,
        CreditAction::List(arguments) => &arguments.options,
    };
    at_desk(options, environment, Tables::Current, async |desk| {
        match &arguments.action {
            CreditAction::Add(add) => {
                let kind = match add.kind {
                    CreditKind::Payment => Kind::Payment,
                    CreditKind::Grant => Kind::Grant,
                    CreditKind::Adjustment => Kind::Adjustment,
                };
                let credit = Credit { amount: add.dollars, kind, note: add.note.clone() };
                let row = desk.store.add_credit(&add.account, &credit, &super::act()).await?;
                let sentence = format!("{} has {} now", row.name, row.balance);
                desk.print(&row, &sentence)?;
            }
            CreditAction::List(list) => {
                let account = match &list.account {
                    Some(named) => Some(desk.store.account(named).await?.id),
                    None => None,
                };
                let rows = desk.store.transfers(account.as_deref(), list.last).await?;
                let heading =
                    ["transfer", "at", "account", "kind", "amount", "balance", "by", "note"];
                desk.list(&rows, &heading, cells)?;
            }
        }
        Ok(Outcome::Complete)
    })
}

fn cells(row: &TransferRow) -> Vec<String> {
    vec![
        row.id.to_string(),
        moment(row.at),
        row.account_id.clone(),
        row.kind.name().to_owned(),
        row.amount.to_string(),
        row.balance_after.to_string(),
        row.actor.clone(),
        row.note.clone().unwrap_or_default(),
    ]
}
