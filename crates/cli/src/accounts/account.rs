//! `polysight account`.

use ledger::MicroDollars;
use store::{Access, AccountRow, NewAccount};

use super::{Desk, Tables, at_desk, moment};
use crate::arguments::accounts::{AccountAction, AccountArguments};
use crate::environment::Environment;
use crate::exit::Outcome;

pub(super) fn run(
    arguments: &AccountArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let options = match &arguments.action {
        AccountAction::Create(arguments) => &arguments.options,
        AccountAction::List(arguments) => &arguments.options,
        AccountAction::Show(named)
        | AccountAction::Enable(named)
        | AccountAction::Disable(named) => &named.options,
    };
    at_desk(options, environment, Tables::Current, async |desk| {
        let act = super::act();
        match &arguments.action {
            AccountAction::Create(new) => {
                let new = NewAccount {
                    name: new.name.clone(),
                    email: new.email.clone(),
                    floor: MicroDollars::ZERO.minus(new.overdraft)?,
                };
                let row = desk.store.create_account(&new, &act).await?;
                let sentence = format!("made the account {} ({})", row.id, row.name);
                desk.print(&row, &sentence)?;
            }
            AccountAction::List(_) => {
                let rows = desk.store.accounts().await?;
                let heading = ["account", "name", "e-mail", "balance", "held", "since", "state"];
                desk.list(&rows, &heading, cells)?;
            }
            AccountAction::Show(named) => {
                let row = desk.store.account(&named.account).await?;
                show(desk, &row)?;
            }
            AccountAction::Enable(named) => {
                let id = desk.store.account(&named.account).await?.id;
                let row = desk.store.set_account_access(&id, Access::Enabled, &act).await?;
                show(desk, &row)?;
            }
            AccountAction::Disable(named) => {
                let id = desk.store.account(&named.account).await?.id;
                let row = desk.store.set_account_access(&id, Access::Disabled, &act).await?;
                show(desk, &row)?;
            }
        }
        Ok(Outcome::Complete)
    })
}

fn show(desk: &mut Desk, row: &AccountRow) -> anyhow::Result<()> {
    let sentence = cells(row).join("  ");
    desk.print(row, &sentence)
}

fn cells(row: &AccountRow) -> Vec<String> {
    vec![
        row.id.clone(),
        row.name.clone(),
        row.email.clone().unwrap_or_default(),
        row.balance.to_string(),
        row.held.to_string(),
        moment(row.created_at),
        if row.disabled_at.is_some() { "disabled" } else { "enabled" }.to_owned(),
    ]
}
