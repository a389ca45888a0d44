//! The arguments of `polysight worker`.

use std::ffi::OsString;

use clap::Args;

use super::ComputeOptions;
use super::accounts::DatabaseOptions;
use super::serve::{
    AccountsArguments, BatchArguments, FetchArguments, FilesArguments, LimitArguments,
    LogArguments, ServeArguments, ServedModelArguments, TimeArguments, VectorsArguments,
};

/// Work on the batches of servers, and answer nobody
///
/// Several workers share one PostgreSQL and one storage of files with the servers, on as many machines as there are. Give
/// them the servers' own configuration file: they read the same keys, of the table `serve` too, and serve the same models.
/// A server that keeps its data in a file works on its batches itself. A worker that dies is missed by nobody: after half a
/// minute others take its lines, and no line is charged twice.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight worker --database postgres://polysight@db/polysight --storage /srv/files --model photos=FOLDER
  polysight worker --config polysight.toml --batch-lines 64")]
pub(crate) struct WorkerArguments {
    /// Print the models as JSON when the worker works
    #[arg(long)]
    pub(crate) json: bool,

    /// Accounts pay for their batches [default: on where --database is given, else off; variable: POLYSIGHT_ACCOUNTS]
    #[arg(
        long,
        value_name = "on|off",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "on"
    )]
    pub(crate) accounts: Option<OsString>,

    /// How long lines may go on after the worker was told to stop [default: 30s; variable: POLYSIGHT_SHUTDOWN_TIMEOUT]
    #[arg(long, value_name = "DURATION")]
    pub(crate) shutdown_timeout: Option<OsString>,

    #[command(flatten)]
    pub(crate) database: DatabaseOptions,

    #[command(flatten)]
    pub(crate) files: FilesArguments,

    #[command(flatten)]
    pub(crate) vectors: VectorsArguments,

    #[command(flatten)]
    pub(crate) batches: BatchArguments,

    #[command(flatten)]
    pub(crate) fetch: FetchArguments,

    #[command(flatten)]
    pub(crate) limits: LimitArguments,

    #[command(flatten)]
    pub(crate) log: LogArguments,

    #[command(flatten)]
    pub(crate) models: ServedModelArguments,

    #[command(flatten)]
    pub(crate) compute: ComputeOptions,
}

impl WorkerArguments {
    /// The same as a server's: what a worker does not take is what nobody gave.
    pub(crate) fn of_server(&self) -> ServeArguments {
        ServeArguments {
            accounts: AccountsArguments {
                accounts: self.accounts.clone(),
                database: self.database.clone(),
                ..AccountsArguments::default()
            },
            times: TimeArguments {
                shutdown_timeout: self.shutdown_timeout.clone(),
                ..TimeArguments::default()
            },
            json: self.json,
            files: self.files.clone(),
            vectors: self.vectors.clone(),
            batches: self.batches.clone(),
            fetch: self.fetch.clone(),
            limits: self.limits.clone(),
            log: self.log.clone(),
            models: self.models.clone(),
            compute: self.compute.clone(),
            ..ServeArguments::default()
        }
    }
}
