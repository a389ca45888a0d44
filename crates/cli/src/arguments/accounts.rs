//! The arguments of the operator's commands: accounts, keys and money.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use ledger::{MicroDollars, Reset};

use super::OutputOptions;

/// Where accounts are.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Accounts")]
pub(crate) struct DatabaseOptions {
    /// The database of accounts: a file, or `postgres://USER:PASSWORD@HOST/DATABASE`
    /// [default: polysight.db in the data folder; variable: POLYSIGHT_DATABASE]
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) database: Option<OsString>,

    /// The folder of what the server keeps
    /// [default: ~/.local/share/polysight; variable: POLYSIGHT_DATA_FOLDER]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data_folder: Option<OsString>,

    /// The file of the secret that keys are hashed with: 64 hexadecimal digits, the same for all servers of a database; it
    /// is made when it is missing [default: pepper in the data folder; variable: POLYSIGHT_PEPPER_FILE]
    #[arg(long, value_name = "FILE")]
    pub(crate) pepper_file: Option<OsString>,
}

/// What every one of these commands takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct AccountsOptions {
    #[command(flatten)]
    pub(crate) output: OutputOptions,

    #[command(flatten)]
    pub(crate) database: DatabaseOptions,
}

/// Make and see the accounts whose money calls cost
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight account create \"Customer X\" --email x@example.com
  polysight account list")]
pub(crate) struct AccountArguments {
    #[command(subcommand)]
    pub(crate) action: AccountAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountAction {
    Create(AccountCreateArguments),
    List(AccountListArguments),
    Show(AccountNamed),
    Enable(AccountNamed),
    Disable(AccountNamed),
}

/// Make an account with nothing in it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  polysight account create \"Customer X\" --email x@example.com")]
pub(crate) struct AccountCreateArguments {
    /// What people call it
    pub(crate) name: String,

    /// Where its owner is reached; no two accounts have the same
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Option<String>,

    /// How much it may owe, in dollars
    #[arg(long, value_name = "DOLLARS", default_value = "0")]
    pub(crate) overdraft: MicroDollars,

    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// List all accounts
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  polysight account list --json")]
pub(crate) struct AccountListArguments {
    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// Do it with one account: show it, or let it do nothing any more, or again
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  polysight account show \"Customer X\"\n  polysight account disable x@example.com"
)]
pub(crate) struct AccountNamed {
    /// Its id, its e-mail address or its name
    pub(crate) account: String,

    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// Make, see and end the keys that calls show
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight key create \"Customer X\" --cap 1 --reset daily --images-per-minute 600
  polysight key create --role admin
  polysight key list \"Customer X\"")]
pub(crate) struct KeyArguments {
    #[command(subcommand)]
    pub(crate) action: KeyAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyAction {
    Create(Box<KeyCreateArguments>),
    List(KeyListArguments),
    Enable(KeyNamed),
    Disable(KeyNamed),
    Delete(KeyNamed),
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyRole {
    /// The operator's: every account, key and price; computes nothing
    Admin,
    /// Computes, and makes keys of its account
    Manager,
    /// Computes
    Inference,
}

/// Make a key; it is shown now and never again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight key create \"Customer X\" --cap 1 --reset daily --images-per-minute 600
  polysight key create --role admin --name \"my laptop\"")]
pub(crate) struct KeyCreateArguments {
    /// Whose it is: an account's id, e-mail address or name; nobody's with --role admin
    #[arg(required_unless_present = "role")]
    pub(crate) account: Option<String>,

    /// What it is for
    #[arg(
        long,
        value_name = "ROLE",
        default_value = "inference",
        default_value_if("role", "admin", "admin")
    )]
    pub(crate) role: KeyRole,

    /// What people call it
    #[arg(long, value_name = "NAME", default_value = "key")]
    pub(crate) name: String,

    /// A model that it may use; may be repeated [default: all]
    #[arg(long = "only-model", value_name = "ID")]
    pub(crate) models: Vec<String>,

    /// The most that it may spend in a period, in dollars [default: all that the account has]
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) cap: Option<MicroDollars>,

    /// When spending begins anew: never, daily, weekly or monthly, UTC
    #[arg(long, value_name = "PERIOD", default_value = "never")]
    pub(crate) reset: Reset,

    /// Calls a minute [default: as many as the server allows anybody]
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_minute: Option<u32>,

    /// Pictures a minute [default: as many as the server allows anybody]
    #[arg(long, value_name = "N")]
    pub(crate) images_per_minute: Option<u32>,

    /// When it ends, like 2027-01-31T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<jiff::Timestamp>,

    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// List the keys of an account, or all
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  polysight key list \"Customer X\"")]
pub(crate) struct KeyListArguments {
    /// Whose [default: everybody's]
    pub(crate) account: Option<String>,

    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// Do it with one key: let it do nothing any more, or again, or end it for good
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  polysight key disable key_0199a0b1c2d37e4f")]
pub(crate) struct KeyNamed {
    /// Its id
    pub(crate) key: String,

    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// Add money to accounts, and see what moved
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight credit add \"Customer X\" 5
  polysight credit list \"Customer X\"")]
pub(crate) struct CreditArguments {
    #[command(subcommand)]
    pub(crate) action: CreditAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CreditAction {
    Add(CreditAddArguments),
    List(CreditListArguments),
}

/// Why money is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CreditKind {
    /// The customer paid
    Payment,
    /// A present
    Grant,
    /// Something is set right
    Adjustment,
}

/// Add dollars to an account; a negative amount takes them
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  polysight credit add \"Customer X\" 5 --note \"invoice 17\"")]
pub(crate) struct CreditAddArguments {
    /// An account's id, e-mail address or name
    pub(crate) account: String,

    /// Dollars, six digits after the point at most
    #[arg(allow_hyphen_values = true)]
    pub(crate) dollars: MicroDollars,

    /// Why
    #[arg(long, value_name = "KIND", default_value = "payment")]
    pub(crate) kind: CreditKind,

    /// What to remember of it
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,

    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// List what moved on an account, or on all, newest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  polysight credit list \"Customer X\" --last 20")]
pub(crate) struct CreditListArguments {
    /// Whose [default: everybody's]
    pub(crate) account: Option<String>,

    /// How many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) last: u32,

    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// See what was used, by day, key and model
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight usage \"Customer X\" --from 2026-11-01
  polysight usage --csv > usage.csv")]
pub(crate) struct UsageArguments {
    /// Whose [default: everybody's]
    pub(crate) account: Option<String>,

    /// The first day, UTC
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<jiff::civil::Date>,

    /// The last day, UTC
    #[arg(long, value_name = "DAY")]
    pub(crate) to: Option<jiff::civil::Date>,

    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,

    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// Check and keep the books: sums, prices, records, copies
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight ledger verify
  polysight ledger price --images 0.094
  polysight ledger backup polysight-2026-11-28.db")]
pub(crate) struct LedgerArguments {
    #[command(subcommand)]
    pub(crate) action: LedgerAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerAction {
    Verify(LedgerVerifyArguments),
    Price(LedgerPriceArguments),
    Prices(LedgerPricesArguments),
    Audit(LedgerAuditArguments),
    Backup(LedgerBackupArguments),
}

/// Add every transfer up again and name the first that is wrong; the exit code is 1 then
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  polysight ledger verify")]
pub(crate) struct LedgerVerifyArguments {
    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// Announce prices; those of the past stay on record
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  polysight ledger price --model mini --images 0.05 --from 2027-01-01"
)]
pub(crate) struct LedgerPriceArguments {
    /// The model's id [default: every model without prices of its own]
    #[arg(long = "model", value_name = "ID")]
    pub(crate) model: Option<String>,

    /// Dollars for 1,000 pictures that are not in the cache
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) images: MicroDollars,

    /// Dollars for 1,000 texts that are no labels
    #[arg(long, value_name = "DOLLARS", default_value = "0")]
    pub(crate) texts: MicroDollars,

    /// Dollars for 1,000 calls
    #[arg(long, value_name = "DOLLARS", default_value = "0")]
    pub(crate) requests: MicroDollars,

    /// The first day, UTC [default: from now on]
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<jiff::civil::Date>,

    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// List all prices that ever were or are announced
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  polysight ledger prices")]
pub(crate) struct LedgerPricesArguments {
    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// List who changed which account, key or price, newest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  polysight ledger audit --last 20")]
pub(crate) struct LedgerAuditArguments {
    /// How many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) last: u32,

    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// Write a copy of the embedded database that is whole, while the server works
///
/// To restore it: stop the server, put the copy where the database was, remove the files beside it whose names end in -wal
/// and -shm, and start the server. Keep the pepper with it: without it no key is known.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  polysight ledger backup polysight-2026-11-28.db")]
pub(crate) struct LedgerBackupArguments {
    /// The file to write; it must not exist
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}

/// Bring the database's tables to this version, or list what is missing
///
/// A server does it by itself where no other can be at work with older tables: with a file, and with a new PostgreSQL. Stop
/// older servers of a shared one first.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  polysight migrate --database postgres://polysight@db/polysight"
)]
pub(crate) struct MigrateArguments {
    /// List the versions and change nothing
    #[arg(long)]
    pub(crate) list: bool,

    #[command(flatten)]
    pub(crate) options: AccountsOptions,
}
