//! The command line as it is typed; what it means is decided elsewhere.
#![expect(
    clippy::doc_markdown,
    reason = "most doc comments here are help texts, which have no Markdown"
)]

pub(crate) mod accounts;
pub(crate) mod eval;
pub(crate) mod retrieval;
pub(crate) mod serve;
pub(crate) mod train;
pub(crate) mod worker;

use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

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
    /// The configuration file; an empty name means none
    /// [default: polysight.toml if it exists; variable: POLYSIGHT_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<OsString>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Classify(ClassifyArguments),
    Embed(EmbedArguments),
    Score(ScoreArguments),
    Serve(Box<serve::ServeArguments>),
    Worker(Box<worker::WorkerArguments>),
    Bench(BenchArguments),
    Eval(Box<eval::EvalArguments>),
    Model(ModelArguments),
    Train(train::TrainArguments),
    Index(retrieval::IndexArguments),
    Search(retrieval::SearchArguments),
    Dedupe(retrieval::DedupeArguments),
    Account(accounts::AccountArguments),
    Key(accounts::KeyArguments),
    Credit(accounts::CreditArguments),
    Usage(accounts::UsageArguments),
    Ledger(accounts::LedgerArguments),
    Migrate(accounts::MigrateArguments),
}

/// What every command takes that opens a model.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelOptions {
    /// A model folder, a Hugging Face id whose model is in the cache, or `mini`, the model of the program itself:
    /// pictograms, shapes and colours, no photographs [default: mini; variable: POLYSIGHT_MODEL]
    #[arg(long, value_name = "FOLDER|ID")]
    pub(crate) model: Option<OsString>,

    /// A folder that keeps the weights as this machine computes with them, so that the next start is faster; it may be
    /// deleted at any time [default: none; variable: POLYSIGHT_PACKED_CACHE]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) packed_cache: Option<OsString>,

    #[command(flatten)]
    pub(crate) compute: ComputeOptions,
}

/// How a model computes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ComputeOptions {
    /// What to compute in: f32 (exact on every machine), bf16, int8, or auto (bf16 where the
    /// processor has it, else f32) [default: f32; variable: POLYSIGHT_PRECISION]
    #[arg(long, value_name = "PRECISION")]
    pub(crate) precision: Option<OsString>,

    /// How many threads compute [default: all cores; variable: POLYSIGHT_THREADS]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) threads: Option<OsString>,

    /// The instruction set: auto (the fastest of this machine), scalar, avx2, avx2vnni, avx512f,
    /// avx512vnni, avx512 or neon [default: auto; variable: POLYSIGHT_ISA]
    #[arg(long, value_name = "ISA")]
    pub(crate) isa: Option<OsString>,

    /// How texts are cleaned before they are cut into tokens: hf (as transformers does) or bigvision
    /// [default: hf; variable: POLYSIGHT_CANONICALIZATION]
    #[arg(long, value_name = "NAME")]
    pub(crate) canonicalization: Option<OsString>,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
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
    #[arg(long = "text", value_name = "TEXT", required = true, allow_hyphen_values = true)]
    pub(crate) texts: Vec<String>,

    #[command(flatten)]
    pub(crate) images: Images,

    #[command(flatten)]
    pub(crate) output: OutputOptions,

    #[command(flatten)]
    pub(crate) model: ModelOptions,
}

/// Measure how fast this machine embeds
///
/// Says how many pictures and texts a second, how many operations that are, and what share of the processor's peak,
/// which is measured first. `decode` is reading and resizing a 1000x750 JPEG, `pipeline` that and the vision tower.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight bench --model FOLDER
  polysight bench --model FOLDER --kind picture --precision bf16 --batch 8 --threads 2 --json")]
pub(crate) struct BenchArguments {
    /// What to measure; may be repeated [default: all]
    #[arg(long = "kind", value_name = "KIND")]
    pub(crate) kinds: Vec<BenchKind>,

    /// How many at a time; may be repeated [default: 1, 8, 32; of texts 1, 8, 64; of files 32]
    #[arg(long = "batch", value_name = "N")]
    pub(crate) batches: Vec<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) output: OutputOptions,

    #[command(flatten)]
    pub(crate) model: ModelOptions,
}

/// A kind of work to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BenchKind {
    /// Pictures through the vision tower.
    Picture,
    /// Texts through the text tower.
    Text,
    /// Files to pictures.
    Decode,
    /// Files to embeddings.
    Pipeline,
}

impl fmt::Display for BenchKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Picture => "picture",
            Self::Text => "text",
            Self::Decode => "decode",
            Self::Pipeline => "pipeline",
        })
    }
}

/// List, describe, check and download models
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight model pull google/siglip-base-patch16-256-multilingual
  polysight model check google/siglip-base-patch16-256-multilingual")]
pub(crate) struct ModelArguments {
    #[command(subcommand)]
    pub(crate) action: ModelAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelAction {
    List(ModelListArguments),
    Info(ModelInfoArguments),
    Check(ModelCheckArguments),
    Pull(ModelPullArguments),
}

/// List the models of the Hugging Face cache
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  polysight model list")]
pub(crate) struct ModelListArguments {
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// Describe a model: towers, parameters, files, tokenizer, preparation of pictures
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  polysight model info google/siglip-base-patch16-256-multilingual"
)]
pub(crate) struct ModelInfoArguments {
    #[command(flatten)]
    pub(crate) name: ModelName,

    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// Check that a model is whole and computes what it should
///
/// Every tensor must be there in its shape, every number finite, and the towers must give each input the same embedding
/// whatever it is computed with. With --golden-image, the scores of published checkpoints are compared with those of the
/// reference.
///
/// With pictures or texts and --precision bf16 or int8, the check also measures what that precision costs this
/// checkpoint on them: embeddings, orders, best texts and probabilities are compared with those of f32. That is a
/// measurement, which fails only when an embedding is not finite.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  polysight model check FOLDER
  polysight model check google/siglip-base-patch16-224 --golden-image 000000039769.png
  polysight model check FOLDER --precision int8 --text \"a red bicycle\" --text \"two cats\" photos/
  polysight model check FOLDER --precision int8 --texts-file captions.txt 'photos/*.jpg' --json")]
pub(crate) struct ModelCheckArguments {
    #[command(flatten)]
    pub(crate) name: ModelName,

    /// The photo 000000039769 of COCO val2017 (two cats), for which the scores of some published checkpoints are known
    #[arg(long, value_name = "FILE")]
    pub(crate) golden_image: Option<PathBuf>,

    /// A text to measure the precision's cost on, taken as it is; may be repeated [default: 32 built-in names of things,
    /// each in "This is a photo of {}."]
    #[arg(long = "text", value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) texts: Vec<String>,

    /// A file with one such text in each line; empty lines and lines that begin with # do not count
    #[arg(long, value_name = "FILE")]
    pub(crate) texts_file: Option<PathBuf>,

    /// Pictures to measure the precision's cost on: files, folders or patterns. They are read twice, so standard input
    /// does not do
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<OsString>,

    #[command(flatten)]
    pub(crate) output: OutputOptions,

    #[command(flatten)]
    pub(crate) compute: ComputeOptions,
}

/// Download a model into the Hugging Face cache and print its folder
///
/// What is there already is not downloaded again, and a download that was cut off goes on where it ended. HF_HOME,
/// HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH and HF_HUB_OFFLINE mean what they mean to huggingface_hub.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  polysight model pull google/siglip-base-patch16-256-multilingual"
)]
pub(crate) struct ModelPullArguments {
    /// The id, like google/siglip-base-patch16-256-multilingual
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// A branch, a tag or a commit
    #[arg(long, value_name = "REVISION", default_value = "main")]
    pub(crate) revision: String,

    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// Which model a command is about.
#[derive(Debug, Args)]
pub(crate) struct ModelName {
    /// A model folder, or the Hugging Face id of a model in the cache [variable: POLYSIGHT_MODEL]
    #[arg(value_name = "FOLDER|ID")]
    pub(crate) model: Option<OsString>,
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
