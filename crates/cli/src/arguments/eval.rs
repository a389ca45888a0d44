//! The arguments of `polysight eval`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ModelOptions, OutputOptions};

/// Measure a model on a data set
///
/// Zero-shot classification where the pictures have classes, retrieval where they have captions; with each, whether the
/// probabilities mean what they say. A data set is a folder with a folder for each class, tars of WebDataset or
/// img2dataset, captions.jsonl of Crossmodal-3600, COCO's captions, CSV or JSON lines (docs/EVALUATION.md). A picture
/// that cannot be embedded counts as wrong, is named, and makes the exit code 1.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  polysight eval animals/ --model FOLDER --out report/
  polysight eval xm3600/ --model FOLDER --language de,fr --first-caption --json
  polysight eval animals/ --against http://127.0.0.1:8080/v1
  polysight eval compare report/result.json --out chart.svg"
)]
pub(crate) struct EvalArguments {
    #[command(subcommand)]
    pub(crate) action: Option<EvalAction>,

    #[command(flatten)]
    pub(crate) measure: MeasureArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvalAction {
    Compare(CompareArguments),
}

/// What is measured, and how.
#[derive(Debug, Args)]
pub(crate) struct MeasureArguments {
    /// A folder or a file
    #[arg(value_name = "DATASET", required = true)]
    pub(crate) data_set: Option<PathBuf>,

    /// What reports call the data set, like imagenet, mscoco_captions or xm3600 [default: its own name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// The folder of the pictures that a CSV or JSON file names [default: looked for beside the file]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) pictures: Option<PathBuf>,

    /// Measure the captions of this language alone; may be repeated or separated by commas. Of classes: the language of
    /// their names, whose templates are taken
    #[arg(long = "language", value_name = "CODE", value_delimiter = ',')]
    pub(crate) languages: Vec<String>,

    /// Take the first caption of each language alone, as some publications do
    #[arg(long)]
    pub(crate) first_caption: bool,

    /// A sentence with {} or {c} where the class goes, or the name of a built-in set (auto, none, or a language); may be
    /// repeated [default: the set of the names' language, else the data set's own, else auto]
    #[arg(long = "template", value_name = "TEMPLATE|SET", allow_hyphen_values = true)]
    pub(crate) templates: Vec<String>,

    /// A file with one template in each line; empty lines and lines that begin with # do not count
    #[arg(long, value_name = "FILE", conflicts_with = "templates")]
    pub(crate) templates_file: Option<PathBuf>,

    /// Other names of the classes: a file with one in each line, or JSON as Babel-ImageNet has it, by language
    #[arg(long, value_name = "FILE")]
    pub(crate) class_names: Option<PathBuf>,

    /// A precision, 0 to 1, for which to look for a threshold; may be repeated [default: 0.5, 0.8, 0.9, 0.95, 0.99]
    #[arg(long = "wanted-precision", value_name = "P", value_parser = share, allow_hyphen_values = true)]
    pub(crate) precisions: Vec<f64>,

    /// A folder for result.json, report.md and charts; it is made, and files of these names are replaced
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,

    /// Measure an API in place of this program's engine: POST /embeddings below this address, in OpenAI's shape with
    /// {"image": data URI} for pictures; --model is then its model [default model: the API's first]
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["precision", "isa", "canonicalization", "packed_cache"]
    )]
    pub(crate) against: Option<String>,

    /// A file whose first line is the API's key
    #[arg(long, value_name = "FILE", requires = "against")]
    pub(crate) api_key_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) output: OutputOptions,

    #[command(flatten)]
    pub(crate) model: ModelOptions,
}

/// Draw results beside published figures
///
/// SigLIP, CLIP and others as the SigLIP paper and OpenCLIP have measured them, and the given results above them; each
/// figure names its source. Results on data sets that nobody has published on get columns of their own. Without --out
/// the table goes to standard output as Markdown.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  polysight eval compare report/result.json other/result.json --out chart.svg")]
pub(crate) struct CompareArguments {
    /// Files that `polysight eval --out` or `--json` wrote; without any, the published figures alone
    #[arg(value_name = "RESULT.json")]
    pub(crate) results: Vec<PathBuf>,

    /// The chart to write
    #[arg(long, short, value_name = "FILE.svg")]
    pub(crate) out: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value @ 0.0..=1.0) => Ok(value),
        _ => Err("a precision is a number from 0 to 1".to_owned()),
    }
}
