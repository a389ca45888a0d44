//! What `index`, `search` and `dedupe` take.
#![expect(
    clippy::doc_markdown,
    reason = "most doc comments here are help texts, which have no Markdown"
)]

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use crate::arguments::{ModelOptions, OutputOptions};

/// Which store of embedded pictures.
#[derive(Debug, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreOptions {
    /// The store's name: letters, digits, `.`, `_` and `-`
    #[arg(long, value_name = "NAME", default_value = "pictures")]
    pub(crate) store: String,

    /// The folder in whose `stores` it is
    /// [default: ~/.local/share/polysight; variable: POLYSIGHT_DATA_FOLDER]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data_folder: Option<OsString>,
}

/// Whether the result is a page for a browser.
#[derive(Debug, Args)]
pub(crate) struct PageOptions {
    /// Write them as a page with small pictures: one file that needs nothing else
    #[arg(long, value_name = "FILE.html")]
    pub(crate) html: Option<PathBuf>,

    /// Show that page in the browser
    #[arg(long)]
    pub(crate) open: bool,
}

/// Embed the pictures of a folder, so that they can be searched
///
/// Only what is new or changed is embedded, and what vanished is left out. Several folders may go into one store. A run that is
/// interrupted has lost nothing of what it did: the next goes on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight index ~/Pictures
  polysight index ~/Pictures --store holidays --model google/siglip-base-patch16-256-multilingual --watch
  polysight index ~/Pictures --store holidays --server http://127.0.0.1:8080/v1")]
pub(crate) struct IndexArguments {
    /// Folders, searched to the bottom for names that end like pictures'
    #[arg(value_name = "FOLDER", required = true)]
    pub(crate) folders: Vec<PathBuf>,

    /// Stay, and look every two seconds for what changed
    #[arg(long)]
    pub(crate) watch: bool,

    /// Embed all pictures of the store anew with another model; the old vectors answer until it is done
    #[arg(long)]
    pub(crate) reindex: bool,

    /// Put them into the vector store of that name of a server, which is made if there is none: pictures are uploaded, and the server
    /// embeds them; --model is then its model
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["reindex", "data_folder", "precision", "isa", "threads", "canonicalization", "packed_cache"]
    )]
    pub(crate) server: Option<String>,

    /// A file whose first line is the server's key
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(crate) api_key_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) store: StoreOptions,

    #[command(flatten)]
    pub(crate) output: OutputOptions,

    #[command(flatten)]
    pub(crate) model: ModelOptions,
}

/// Find the pictures of a store that match a sentence, a picture, or both
///
/// Without --model, the model that the store was made with. The score of a sentence is the probability that it describes the
/// picture; where a picture is part of the question, half of 1 + cosine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight search \"a red bicycle in the snow\"
  polysight search \"beach at sunset\" --minus people --top 50 --html gallery.html --open
  polysight search --image sofa.jpg \"in green\" --json
  polysight search \"a dog that runs\" --store holidays --server http://127.0.0.1:8080/v1")]
pub(crate) struct SearchArguments {
    /// What the pictures show, in any language that the model knows
    #[arg(value_name = "SENTENCE", required_unless_present = "images")]
    pub(crate) sentence: Option<String>,

    /// A picture that they are like; may be repeated
    #[arg(long = "image", value_name = "FILE")]
    pub(crate) images: Vec<OsString>,

    /// What they do not show: counts half as much, the other way; may be repeated
    #[arg(long, value_name = "SENTENCE", allow_hyphen_values = true)]
    pub(crate) minus: Vec<String>,

    /// How many
    #[arg(long, value_name = "N", default_value = "20")]
    pub(crate) top: NonZeroUsize,

    /// Search the vector store of that name of a server; --model is then its model
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["data_folder", "precision", "isa", "threads", "canonicalization", "packed_cache"]
    )]
    pub(crate) server: Option<String>,

    /// A file whose first line is the server's key
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(crate) api_key_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) page: PageOptions,

    #[command(flatten)]
    pub(crate) store: StoreOptions,

    #[command(flatten)]
    pub(crate) output: OutputOptions,

    #[command(flatten)]
    pub(crate) model: ModelOptions,
}

/// Find pictures of a folder that are nearly the same
///
/// Indexes the folder first, as `index` does. Nothing is deleted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight dedupe ~/Pictures
  polysight dedupe ~/Pictures --threshold 0.99 --html doubles.html --open")]
pub(crate) struct DedupeArguments {
    /// The folder, searched to the bottom
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,

    /// The cosine from which two pictures count as nearly the same
    #[arg(long, value_name = "C", default_value_t = 0.97, value_parser = cosine)]
    pub(crate) threshold: f32,

    #[command(flatten)]
    pub(crate) page: PageOptions,

    #[command(flatten)]
    pub(crate) store: StoreOptions,

    #[command(flatten)]
    pub(crate) output: OutputOptions,

    #[command(flatten)]
    pub(crate) model: ModelOptions,
}

fn cosine(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(value @ 0.0..=1.0) => Ok(value),
        _ => Err("a threshold is a cosine from 0 to 1".to_owned()),
    }
}
