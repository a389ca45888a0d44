//! `polysight classify`: which label fits each picture best.

use anyhow::bail;
use model::{LabelVectors, templates};
use server::{Head, Item, ScoreMode, Selection, Usage};

use crate::arguments::ClassifyArguments;
use crate::console::Console;
use crate::environment::Environment;
use crate::exit::{Outcome, UsageError};
use crate::inputs::Inputs;
use crate::model_source::{self, OpenModel, note_packed_cache_problems};
use crate::pictures::{Picture, embed_each, judge, report_problems};
use crate::pipeline::decode_ahead;
use crate::reply::{error_object, json};
use crate::texts::note_truncated;
use crate::{labels, table};

/// How many labels a person sees of each picture.
const FEW: usize = 5;

/// What is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Table,
}

/// Runs the command.
///
/// # Errors
/// When the command line makes no sense, the model is not usable, or the results cannot be written.
pub(crate) fn run(
    arguments: &ClassifyArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let labels = labels::read(arguments, &console)?;
    let choices = match arguments.templates.as_slice() {
        [] => vec![templates::AUTO.to_owned()],
        given => given.to_vec(),
    };
    let templates = templates::choose(&choices)
        .map_err(|error| UsageError::new(format!("--template: {error}")))?;
    let OpenModel { id, siglip, options, .. } =
        model_source::open(&arguments.model, environment, &console)?;
    let selection = selection(arguments);
    let format = if arguments.output.json { Format::Json } else { Format::Table };
    let inputs = Inputs::find(&arguments.images.images);
    let problems = report_problems(&inputs, &console);
    let (sources, preprocessor) = (&inputs.sources, siglip.preprocessor());
    let tally = decode_ahead(sources, preprocessor, options.threads, |decoded| {
        console.begin("label prompts", labels.len() * templates.len());
        let vectors = LabelVectors::embed(&siglip, &labels, &templates, |progress| {
            console.advance_to(progress.done as u64);
        })?;
        console.end();
        for prompt in vectors.truncated() {
            note_truncated(prompt, &console);
        }
        let mut vectors_of_labels = labels.iter().zip(vectors.vectors().rows());
        if let Some((label, _)) = vectors_of_labels.find(|(_, row)| judge(row).is_err()) {
            let name = &label.name;
            bail!("the model {id} is damaged: its vector of the label {name:?} is not finite");
        }
        if format == Format::Json {
            let head = Head {
                object: "list",
                model: &id,
                system_fingerprint: &siglip.fingerprint()?,
                score_mode: selection.mode,
                templates: &choices,
            };
            let head = json(&head);
            let open = head.strip_suffix('}').expect("an object ends in a brace");
            console.print(format!("{open},\"data\":["))?;
        }
        let tally =
            embed_each(&siglip, sources, decoded, &mut console, |console, picture| match format {
                Format::Json => print_item(console, picture, &vectors, &selection),
                Format::Table => print_table(console, picture, &vectors, &selection),
            })?;
        if format == Format::Json {
            let usage = Usage {
                prompt_tokens: vectors.tokens(),
                total_tokens: vectors.tokens(),
                images: tally.embedded,
                labels: labels.len(),
                ..Usage::default()
            };
            console.print(format!("\n],\"usage\":{}}}\n", json(&usage)))?;
        }
        console.flush()?;
        anyhow::Ok(tally)
    })?;
    note_packed_cache_problems(&siglip, &console);
    Ok(Outcome::from_failures(problems + tally.failed))
}

/// Items stand on lines of their own, so that a long reply can be read as it comes.
fn print_item(
    console: &mut Console,
    picture: &Picture<'_>,
    vectors: &LabelVectors,
    selection: &Selection,
) -> anyhow::Result<()> {
    let (index, path) = (picture.index, Some(picture.path.clone()));
    let item = match picture.embedding {
        Ok(embedding) => Item::classified(index, path, selection.predictions(vectors, embedding)),
        Err(error) => Item::Error { index, path, error: error_object(error) },
    };
    let comma = if picture.index == 0 { "" } else { "," };
    console.print(format!("{comma}\n{}", json(&item)))
}

fn print_table(
    console: &mut Console,
    picture: &Picture<'_>,
    vectors: &LabelVectors,
    selection: &Selection,
) -> anyhow::Result<()> {
    let Ok(embedding) = picture.embedding else {
        return Ok(());
    };
    let predictions = selection.predictions(vectors, embedding);
    let table = table::predictions(&picture.path, &predictions, console.colour());
    console.print(table)
}

fn selection(arguments: &ClassifyArguments) -> Selection {
    let all = if arguments.output.json { usize::MAX } else { FEW };
    let mode = if arguments.multi_label { ScoreMode::Probability } else { ScoreMode::Relative };
    let most = arguments.top_k.map_or(all, std::num::NonZero::get);
    Selection { mode, threshold: arguments.threshold, most }
}
