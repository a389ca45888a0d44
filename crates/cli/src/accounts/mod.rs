//! The operator's commands: accounts, keys and money, in the database that the server uses.

mod account;
mod credit;
mod key;
mod ledger;
mod place;
mod usage;

use std::future::Future;

use anyhow::Context;
use serde::Serialize;
use store::{Act, Store};

use crate::arguments::accounts::{
    AccountArguments, AccountsOptions, CreditArguments, KeyArguments, LedgerArguments,
    MigrateArguments, UsageArguments,
};
use crate::console::Console;
use crate::environment::Environment;
use crate::exit::Outcome;
use crate::reply::json;
use crate::table;

pub(crate) use place::{Place, data_folder};

/// An operator's command.
pub(crate) enum Action<'a> {
    Account(&'a AccountArguments),
    Key(&'a KeyArguments),
    Credit(&'a CreditArguments),
    Usage(&'a UsageArguments),
    Ledger(&'a LedgerArguments),
    Migrate(&'a MigrateArguments),
}

/// Runs the command.
///
/// # Errors
/// When the database cannot be opened, or what is asked makes no sense.
pub(crate) fn run(action: &Action<'_>, environment: &Environment) -> anyhow::Result<Outcome> {
    match action {
        Action::Account(arguments) => account::run(arguments, environment),
        Action::Key(arguments) => key::run(arguments, environment),
        Action::Credit(arguments) => credit::run(arguments, environment),
        Action::Usage(arguments) => usage::run(arguments, environment),
        Action::Ledger(arguments) => ledger::run(arguments, environment),
        Action::Migrate(arguments) => ledger::migrate(arguments, environment),
    }
}

/// An open database and where results go.
struct Desk {
    store: Store,
    place: Place,
    console: Console,
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Text,
}

/// Which tables a command needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tables {
    /// Those of this version; they are brought up to date.
    Current,
    /// Whatever there is.
    Any,
}

/// Opens the database and does the work.
fn at_desk<F, T>(
    options: &AccountsOptions,
    environment: &Environment,
    tables: Tables,
    work: F,
) -> anyhow::Result<T>
where
    F: AsyncFnOnce(&mut Desk) -> anyhow::Result<T>,
{
    let place = Place::find(&options.database, environment)?;
    let console = Console::new(environment, &options.output);
    let format = if options.output.json { Format::Json } else { Format::Text };
    block_on(async {
        let opened = async {
            let store = Store::open(&place.location).await?;
            if tables == Tables::Current {
                // A file belongs to one machine; the tables of a shared database are changed when the operator says so.
                if store.is_shared() {
                    let missing = store.migrations().await?.iter().any(|version| !version.applied);
                    if missing {
                        anyhow::bail!(
                            "its tables are older than this program; run `polysight migrate` first"
                        );
                    }
                } else {
                    store.migrate().await?;
                }
            }
            anyhow::Ok(store)
        };
        let store = opened.await.with_context(|| place.location.to_string())?;
        let mut desk = Desk { store, place, console, format };
        let done = work(&mut desk).await;
        desk.store.close().await;
        desk.console.flush()?;
        done
    })?
}

fn block_on<F: Future>(work: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("the runtime")?.block_on(work))
}

impl Desk {
    /// One thing: as JSON, or as a sentence.
    fn print(&mut self, value: &impl Serialize, sentence: &str) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.console.print(format!("{}\n", json(value)))?,
            Format::Text => self.console.print(format!("{sentence}\n"))?,
        }
        Ok(())
    }

    /// Several: as a JSON list, or as a table.
    fn list<T: Serialize>(
        &mut self,
        rows: &[T],
        heading: &[&str],
        cells: impl Fn(&T) -> Vec<String>,
    ) -> anyhow::Result<()> {
        if self.format == Format::Json {
            let list = serde_json::json!({ "object": "list", "data": rows });
            return self.console.print(format!("{list}\n"));
        }
        if rows.is_empty() {
            self.console.note("there is nothing yet");
            return Ok(());
        }
        let heading = heading.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
        let rows = rows.iter().map(cells).collect::<Vec<_>>();
        let table = table::columns(&heading, &rows, self.console.colour());
        self.console.print(table)
    }
}

/// What the operator does now.
fn act() -> Act {
    Act::operator(now())
}

/// Milliseconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A moment, to the second.
fn moment(milliseconds: i64) -> String {
    let time = jiff::Timestamp::from_second(milliseconds.div_euclid(1000));
    time.map_or_else(|_| String::new(), |time| time.to_string())
}

/// A moment that may not be.
fn moment_or(milliseconds: Option<i64>, otherwise: &str) -> String {
    milliseconds.map_or_else(|| otherwise.to_owned(), moment)
}

/// When a day begins, UTC, in milliseconds since 1970.
fn midnight(day: jiff::civil::Date) -> anyhow::Result<i64> {
    let time = jiff::tz::TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0));
    Ok(time.with_context(|| format!("{day} is too far away"))?.as_millisecond())
}
