//! `polysight worker`: a process that works on the batches of servers which share its database.

use std::io::{Write, stdout};
use std::net::{Ipv4Addr, SocketAddr};

use serde::Serialize;
use store::Location;

use crate::arguments::worker::WorkerArguments;
use crate::environment::Environment;
use crate::exit::{Outcome, UsageError};
use crate::keys;
use crate::reply::json;
use crate::serve::{begin_log, find_models, server_settings};
use crate::serve_settings::ServeSettings;

/// What scripts are told when the worker works.
#[derive(Serialize)]
struct Started<'a> {
    models: &'a [String],
    database: &'a str,
}

/// Runs the command: works until the process is told to stop.
///
/// # Errors
/// When the settings make no sense, the database is not one that servers share, or a model is not found.
pub(crate) fn run(
    arguments: &WorkerArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    // It listens nowhere, so that no address needs a key.
    let nowhere = |_: &_| Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]);
    let settings = ServeSettings::resolve(&arguments.of_server(), environment, nowhere)?;
    let location = settings.place.as_ref().map(|place| &place.location);
    let Some(location @ Location::Postgres(_)) = location else {
        let message = "a worker needs a PostgreSQL that it shares with servers \
                       (--database postgres://USER:PASSWORD@HOST/DATABASE); \
                       a server that keeps its data in a file works on its batches itself";
        return Err(UsageError::new(message).into());
    };
    if settings.batch_lines == 0 {
        let flag = keys::BATCH_LINES.flag;
        return Err(UsageError::new(format!("{flag}: a worker works on 1 line at least")).into());
    }
    let database = location.to_string();
    let models = find_models(&settings, environment)?;
    begin_log(&settings, environment);
    let ids = models.iter().map(|model| model.id.clone()).collect::<Vec<_>>();
    let settings = server_settings(settings, models, environment)?;
    server::work(settings, |working| {
        let started = if arguments.json {
            json(&Started { models: &ids, database: &database }) + "\n"
        } else {
            format!("polysight works on the batches of {database} with {}\n", working.model)
        };
        let _nobody_reads = stdout().write_all(started.as_bytes());
    })?;
    Ok(Outcome::Complete)
}
