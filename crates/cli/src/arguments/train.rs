//! The arguments of `polysight train`.

use std::path::PathBuf;

use clap::Args;

use super::{ComputeOptions, OutputOptions};

/// Train a model with the sigmoid loss
///
/// A recipe in TOML says what is trained, from what, and in which stages (docs/TRAINING.md). Every checkpoint is a model
/// folder that other commands and transformers can open, with the optimiser's state beside it. A training that was ended
/// in any way goes on with --resume from its latest checkpoint, and comes to the same bytes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight train recipes/mini.toml --out mini/
  polysight train recipes/mini.toml --out mini/ --resume
  polysight train recipe.toml --out run/ --steps 100 --json
  mpirun -n 4 polysight train recipe.toml --out run/ --mpi --threads 2")]
pub(crate) struct TrainArguments {
    /// The recipe
    #[arg(value_name = "RECIPE")]
    pub(crate) recipe: PathBuf,

    /// The folder of checkpoints and of log.jsonl
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,

    /// Go on from the latest checkpoint of the folder
    #[arg(long)]
    pub(crate) resume: bool,

    /// Stop after so many steps of this run, with a checkpoint
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u64>,

    /// Train with the processes that mpirun started: each takes a part of every batch (the program must be built with
    /// --features mpi)
    #[arg(long)]
    pub(crate) mpi: bool,

    #[command(flatten)]
    pub(crate) output: OutputOptions,

    #[command(flatten)]
    pub(crate) compute: ComputeOptions,
}
