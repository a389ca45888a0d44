//! The command line as it is typed; what it means is decided elsewhere.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// SigLIP from one binary: zero-shot classification, image-text scores, embeddings.
#[derive(Debug, Parser)]
#[command(
    name = "polysight",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Example:\n  polysight classify --model FOLDER --labels \"cat,dog\" photo.jpg"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Classify(ClassifyArguments),
    Embed(EmbedArguments),
    Score(ScoreArguments),
}

/// What every command takes that opens a model.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelOptions {
    /// A model folder, a Hugging Face id whose model is in the cache, or `mini`, the model of the program itself (it
    /// comes with a later release) [default: mini; variable: POLYSIGHT_MODEL]
    #[arg(long, value_name = "FOLDER|ID")]
    pub(crate) model: Option<OsString>,

    /// What to compute in: f32, bf16, int8, or auto, the fastest that loses nothing worth measuring
    /// [default: auto; variable: POLYSIGHT_PRECISION]
    #[arg(long, value_name = "PRECISION")]
    pub(crate) precision: Option<OsString>,

    /// How many threads compute [default: all cores; variable: POLYSIGHT_THREADS]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) threads: Option<OsString>,

    /// The instruction set: auto, scalar, avx2 or avx512 [default: auto; variable: POLYSIGHT_ISA]
    #[arg(long, value_name = "ISA")]
    pub(crate) isa: Option<OsString>,

    /// How texts are cleaned before they are cut into tokens: hf (as transformers does) or bigvision
    /// [default: hf; variable: POLYSIGHT_CANONICALIZATION]
    #[arg(long, value_name = "NAME")]
    pub(crate) canonicalization: Option<OsString>,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct OutputOptions {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Print no progress and no warnings, only results and errors [variable: POLYSIGHT_QUIET]
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Say which label fits each picture best
///
/// Each label is put into the sentences of the templates, and the picture is compared with them. `--json` prints what
/// the server answers to POST /v1/classify.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight classify --model FOLDER --labels \"cat,dog\" photo.jpg
  polysight classify --model FOLDER --labels-file animals.txt --template de --json holiday/
  polysight classify --model FOLDER --labels \"indoors,people,food\" --multi-label --threshold 0.3 '*.jpg'")]
pub(crate) struct ClassifyArguments {
    /// Labels, separated by commas; spaces around them do not count
    #[arg(long, value_name = "LABELS", allow_hyphen_values = true)]
    pub(crate) labels: Vec<String>,

    /// A file with one label in each line, for labels with commas; empty lines and lines that begin with # do not count
    #[arg(long, value_name = "FILE", conflicts_with = "labels")]
    pub(crate) labels_file: Option<PathBuf>,

    /// A sentence with {} or {c} where the label goes, or the name of a built-in set (auto, none, or a language: en, de,
    /// ...); may be repeated [default: auto]
    #[arg(long = "template", value_name = "TEMPLATE", allow_hyphen_values = true)]
    pub(crate) templates: Vec<String>,

    /// Judge each label on its own (sigmoid) instead of against the others (softmax)
    #[arg(long)]
    pub(crate) multi_label: bool,

    /// The score, 0 to 1, from which a label is selected [default: none, with --multi-label 0.5]
    #[arg(long, value_name = "P", value_parser = threshold, allow_hyphen_values = true)]
    pub(crate) threshold: Option<f32>,

    /// Show only the K best labels of each picture [default: 5, with --json all]
    #[arg(long, value_name = "K")]
    pub(crate) top_k: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) images: Images,

    #[command(flatten)]
    pub(crate) output: OutputOptions,

    #[command(flatten)]
    pub(crate) model: ModelOptions,
}

/// Turn texts and pictures into rows of numbers
///
/// The rows have length 1: first the texts, then the pictures, each in the order given. An input that fails is a row of
/// NaN. Without --output, the same file goes to standard output.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight embed --model FOLDER --text \"a red bicycle\" photo.jpg --output rows.npy
  polysight embed --model FOLDER --json holiday/")]
pub(crate) struct EmbedArguments {
    /// A text, which may be empty or begin with -; may be repeated
    #[arg(long = "text", value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) texts: Vec<String>,

    /// The file to write, in NumPy's format: 32-bit floats, a row for each input
    #[arg(long, short, value_name = "FILE.npy")]
    pub(crate) output: Option<PathBuf>,

    /// Pictures: files, folders, patterns, or - for standard input
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<OsString>,

    #[command(flatten)]
    pub(crate) output_options: OutputOptions,

    #[command(flatten)]
    pub(crate) model: ModelOptions,
}

/// Say how well texts describe pictures
///
/// The texts are used as they are, without templates. `--json` prints the matrices `cosine`, `logit` and `probability`,
/// images x texts; the row of an image that fails is made of nulls.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight score --model FOLDER --text \"a photo of 2 cats\" --text \"a photo of 2 dogs\" photo.jpg
  polysight score --model FOLDER --text \"a receipt\" --json scans/")]
pub(crate) struct ScoreArguments {
    /// A text, which may be empty or begin with -; may be repeated
    #[arg(
        long = "text",
        value_name = "TEXT",
        required = true,
        allow_hyphen_values = true
    )]
    pub(crate) texts: Vec<String>,

    #[command(flatten)]
    pub(crate) images: Images,

    #[command(flatten)]
    pub(crate) output: OutputOptions,

    #[command(flatten)]
    pub(crate) model: ModelOptions,
}

/// One picture at least.
#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Pictures: files, folders (searched to the bottom for names that end like pictures'), patterns such as '*.jpg', or
    /// - for standard input
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<OsString>,
}

fn threshold(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(value @ 0.0..=1.0) => Ok(value),
        _ => Err("a threshold is a number from 0 to 1".to_owned()),
    }
}
