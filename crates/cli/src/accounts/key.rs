//! `polysight key`.

use serde_json::json;
use store::{Access, Change, KeyRow, NewKey, Role};

use super::{Desk, Format, Tables, at_desk, moment_or};
use crate::arguments::accounts::{KeyAction, KeyArguments, KeyCreateArguments, KeyNamed, KeyRole};
use crate::environment::Environment;
use crate::exit::{Outcome, UsageError};

pub(super) fn run(arguments: &KeyArguments, environment: &Environment) -> anyhow::Result<Outcome> {
    let options = match &arguments.action {
        KeyAction::Create(arguments) => &arguments.options,
        KeyAction::List(arguments) => &arguments.options,
        KeyAction::Enable(named) | KeyAction::Disable(named) | KeyAction::Delete(named) => {
            &named.options
        }
    };
    at_desk(options, environment, Tables::Current, async |desk| {
        match &arguments.action {
            KeyAction::Create(new) => create(desk, new).await?,
            KeyAction::List(list) => {
                let account = match &list.account {
                    Some(named) => Some(desk.store.account(named).await?.id),
                    None => None,
                };
                let rows = desk.store.keys(account.as_deref()).await?;
                let heading = [
                    "key",
                    "name",
                    "looks like",
                    "role",
                    "account",
                    "cap",
                    "reset",
                    "spent",
                    "last used",
                    "state",
                ];
                desk.list(&rows, &heading, cells)?;
            }
            KeyAction::Enable(named) => change(desk, named, Access::Enabled).await?,
            KeyAction::Disable(named) => change(desk, named, Access::Disabled).await?,
            KeyAction::Delete(named) => {
                desk.store.delete_key(&named.key, None, &super::act()).await?;
                let deleted = json!({ "id": named.key, "object": "key", "deleted": true });
                desk.print(&deleted, &format!("the key {} is gone", named.key))?;
            }
        }
        Ok(Outcome::Complete)
    })
}

async fn create(desk: &mut Desk, new: &KeyCreateArguments) -> anyhow::Result<()> {
    let role = match new.role {
        KeyRole::Admin => Role::Admin,
        KeyRole::Manager => Role::Manager,
        KeyRole::Inference => Role::Inference,
    };
    let account_id = match &new.account {
        Some(named) => Some(desk.store.account(named).await?.id),
        None if role == Role::Admin => None,
        None => {
            return Err(
                UsageError::new("whose key is it? name an account, or give --role admin").into()
            );
        }
    };
    let new = NewKey {
        account_id,
        role,
        name: new.name.clone(),
        models: (!new.models.is_empty()).then(|| new.models.clone()),
        cap: new.cap,
        reset: new.reset,
        requests_per_minute: new.requests_per_minute,
        images_per_minute: new.images_per_minute,
        expires_at: new.expires.map(jiff::Timestamp::as_millisecond),
    };
    let pepper = desk.place.pepper()?;
    let (row, plain) = desk.store.create_key(&new, &pepper, &super::act()).await?;
    if desk.format == Format::Text {
        desk.console.note(&format!("made {}; keep the key now: it is shown once", row.id));
    }
    let with_key = json!({ "key": plain.expose(), "data": row });
    desk.print(&with_key, plain.expose())
}

async fn change(desk: &mut Desk, named: &KeyNamed, access: Access) -> anyhow::Result<()> {
    let change = Change { access: Some(access), ..Change::default() };
    let row = desk.store.change_key(&named.key, None, &change, &super::act()).await?;
    let sentence = cells(&row).join("  ");
    desk.print(&row, &sentence)
}

fn cells(row: &KeyRow) -> Vec<String> {
    let spent = row.allowance().spent_at(super::now());
    vec![
        row.id.clone(),
        row.name.clone(),
        row.hint.clone(),
        row.role.name().to_owned(),
        row.account_id.clone().unwrap_or_default(),
        row.cap.map_or_else(|| "none".to_owned(), |cap| cap.to_string()),
        row.reset.to_string(),
        spent.to_string(),
        moment_or(row.last_used_at, "never"),
        if row.is_usable(super::now()) { "enabled" } else { "disabled" }.to_owned(),
    ]
}
