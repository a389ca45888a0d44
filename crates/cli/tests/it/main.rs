//! The program as its users run it, and the rules of the house it stands in.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod accounts;
#[cfg(unix)]
mod batches;
mod bench;
mod classify;
mod config;
mod embed;
mod eval;
#[cfg(unix)]
mod files;
mod golden;
mod help;
mod hostile;
mod house;
mod hub_server;
mod inputs;
mod instruction_sets;
#[cfg(unix)]
mod label_sets;
mod mini;
mod model_command;
mod packed_cache;
mod pipes;
mod precision_loss;
#[cfg(feature = "mpi")]
mod processes;
mod program;
mod retrieval;
mod score;
mod serve;
mod settings;
mod tiny;
mod train;
#[cfg(unix)]
mod vector_stores;
