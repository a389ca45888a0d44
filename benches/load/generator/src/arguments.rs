//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::template::Dialect;

/// What is done to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Clients that send one request after another, or with `--rate` requests at that rate
    Load,
    /// Connections that are closed at a random moment, then what the server has kept of them
    Drop,
    /// Clients that send batches of pictures beside one client that sends short texts
    Mixed,
}

/// The load generator's arguments; times are in seconds.
#[derive(Debug, Parser)]
#[command(about, version)]
pub(crate) struct Arguments {
    /// Where the server listens: an address and a port
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) address: String,
    /// The shape of requests and answers
    #[arg(long, value_enum)]
    pub(crate) dialect: Dialect,
    /// The name of the model in the requests
    #[arg(long)]
    pub(crate) model: String,
    /// A key that goes into the `authorization` header
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// The path of the requests, where it is not the dialect's own
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// What is done to the server
    #[arg(long, value_enum, default_value = "load")]
    pub(crate) mode: Mode,
    /// How many clients; with `--rate` how many requests may be under way at most
    #[arg(long, default_value = "8")]
    pub(crate) clients: NonZeroUsize,
    /// How many pictures a request has
    #[arg(long, default_value = "1")]
    pub(crate) batch: NonZeroUsize,
    /// Requests a second, sent whether or not the server keeps up
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Load that does not count, before the load that does
    #[arg(long, default_value = "3")]
    pub(crate) warm_up: f64,
    /// How long is measured
    #[arg(long, default_value = "10")]
    pub(crate) seconds: f64,
    /// How long an answer is waited for
    #[arg(long, default_value = "120")]
    pub(crate) timeout: f64,
    /// How many different pictures are made; each request stamps its own number into their bytes
    #[arg(long, default_value = "128")]
    pub(crate) pictures: NonZeroUsize,
    /// The JPEG that the pictures are made from
    #[arg(long, value_name = "FILE")]
    pub(crate) photo: PathBuf,
    /// Which pictures and which random moments
    #[arg(long, default_value = "1")]
    pub(crate) seed: u64,
    /// The server's process: its memory, threads, descriptors and processor time are reported
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// How many connections are dropped
    #[arg(long, default_value = "10000")]
    pub(crate) drops: usize,
    /// The longest wait between sending and dropping
    #[arg(long, default_value = "0.1")]
    pub(crate) drop_wait: f64,
    /// How long the server may take to let go of what was dropped
    #[arg(long, default_value = "30")]
    pub(crate) settle: f64,
    /// Print JSON on one line
    #[arg(long)]
    pub(crate) json: bool,
}
