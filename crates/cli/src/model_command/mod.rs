//! `polysight model …`: models on this machine.

mod check;
mod family;
mod finite;
mod golden;
mod info;
mod list;
mod loss;
mod loss_report;
mod loss_request;
mod pull;
mod towers;
mod verdict;

use crate::arguments::{ModelAction, ModelArguments};
use crate::environment::Environment;
use crate::exit::Outcome;

/// Runs the command.
///
/// # Errors
/// When the command line makes no sense, there is no such model, or the results cannot be written.
pub(crate) fn run(
    arguments: &ModelArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    match &arguments.action {
        ModelAction::List(arguments) => list::run(arguments, environment),
        ModelAction::Info(arguments) => info::run(arguments, environment),
        ModelAction::Check(arguments) => check::run(arguments, environment),
        ModelAction::Pull(arguments) => pull::run(arguments, environment),
    }
}
