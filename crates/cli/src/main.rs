//! `polysight`: zero-shot classification, image-text scores and embeddings with SigLIP, from one binary.
//!
//! This crate reads arguments, the environment and the configuration file, opens pictures and prints. What a tower
//! computes, how a picture is decoded and where models are kept is knowledge of the crates below it.
//!
//! Results go to standard output, everything else to standard error. The exit code is 0 when all inputs succeeded, 1
//! when one failed, 2 when the command line makes no sense.
#![forbid(unsafe_code)]

mod accounts;
mod api;
mod arguments;
mod bench;
mod classify;
mod configuration;
mod console;
mod embed;
mod embedded;
mod environment;
mod eval;
mod exit;
mod given;
mod hub_access;
mod inputs;
mod keys;
mod labels;
mod model_command;
mod model_source;
mod named_model;
mod npy;
mod output_file;
mod pictures;
mod pipeline;
mod reply;
mod retrieval;
mod score;
mod serve;
mod serve_settings;
mod settings;
mod table;
mod texts;
mod train;
mod worker;

use std::process::ExitCode;

use clap::Parser;

use crate::accounts::Action;
use crate::arguments::{Arguments, Command};
use crate::environment::Environment;
use crate::exit::Outcome;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    exit::code(run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let environment = &Environment::read(arguments.config.as_deref())?;
    match &arguments.command {
        Command::Classify(arguments) => classify::run(arguments, environment),
        Command::Embed(arguments) => embed::run(arguments, environment),
        Command::Score(arguments) => score::run(arguments, environment),
        Command::Bench(arguments) => bench::run(arguments, environment),
        Command::Serve(arguments) => serve::run(arguments, environment),
        Command::Worker(arguments) => worker::run(arguments, environment),
        Command::Eval(arguments) => eval::run(arguments, environment),
        Command::Model(arguments) => model_command::run(arguments, environment),
        Command::Train(arguments) => train::run(arguments, environment),
        Command::Index(arguments) => retrieval::index(arguments, environment),
        Command::Search(arguments) => retrieval::search(arguments, environment),
        Command::Dedupe(arguments) => retrieval::dedupe(arguments, environment),
        Command::Account(arguments) => accounts::run(&Action::Account(arguments), environment),
        Command::Key(arguments) => accounts::run(&Action::Key(arguments), environment),
        Command::Credit(arguments) => accounts::run(&Action::Credit(arguments), environment),
        Command::Usage(arguments) => accounts::run(&Action::Usage(arguments), environment),
        Command::Ledger(arguments) => accounts::run(&Action::Ledger(arguments), environment),
        Command::Migrate(arguments) => accounts::run(&Action::Migrate(arguments), environment),
    }
}
