//! `polysight eval`: how good is a model, or an API?

mod api;
mod compare;
mod output;
mod progress;

use std::path::Path;

use anyhow::Context;
use datasets::{CaptionChoice, Dataset, Kind, LanguageClasses, Options, read_class_names};
use eval::{EngineEmbedder, Plan, Report, TemplateChoice, evaluate};
use kernels::Compute;

use crate::arguments::eval::{EvalAction, EvalArguments, MeasureArguments};
use crate::console::Console;
use crate::environment::Environment;
use crate::eval::progress::Progress;
use crate::exit::{Outcome, UsageError};
use crate::model_source::{self, OpenModel, note_packed_cache_problems};
use crate::{labels, settings};

/// Runs the command.
///
/// # Errors
/// When the command line makes no sense, the data set or the model is not usable, or the report cannot be written.
pub(crate) fn run(arguments: &EvalArguments, environment: &Environment) -> anyhow::Result<Outcome> {
    match &arguments.action {
        Some(EvalAction::Compare(arguments)) => compare::run(arguments, environment),
        None => measure(&arguments.measure, environment),
    }
}

fn measure(arguments: &MeasureArguments, environment: &Environment) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let path = arguments.data_set.as_deref().context("no data set is named")?;
    let compute = settings::options(&arguments.model.compute, environment)?;
    let templates = templates(arguments)?;
    let dataset = open(path, arguments)?;
    if dataset.left_out() > 0 {
        let count = dataset.left_out();
        console.note(&format!(
            "{}: {count} without a picture or a label are left out",
            path.display()
        ));
    }
    let plan = Plan {
        templates,
        class_names: match &arguments.class_names {
            Some(file) if dataset.kind() != Kind::Captions => {
                class_names(file, &dataset, arguments)?
            }
            Some(_) => {
                let message =
                    "--class-names: the pictures of this data set have captions, no classes";
                return Err(UsageError::new(message).into());
            }
            None => own_names(&dataset, arguments)?,
        },
        precisions: match arguments.precisions.as_slice() {
            [] => Plan::PRECISIONS.to_vec(),
            given => given.to_vec(),
        },
        compute: Compute::new(compute.isa, compute.threads),
    };
    let mut report = if let Some(address) = &arguments.against {
        let embedder = api::ApiEmbedder::connect(address, arguments, environment)?;
        evaluate(&dataset, &embedder, &plan, &mut Progress::new(&mut console))?
    } else {
        let OpenModel { id, siglip, options, .. } =
            model_source::open(&arguments.model, environment, &console)?;
        let embedder = EngineEmbedder::new(&siglip, &id, options.isa.name(), options.threads);
        let report = evaluate(&dataset, &embedder, &plan, &mut Progress::new(&mut console))?;
        note_packed_cache_problems(&siglip, &console);
        if embedder.truncated_texts() > 0 {
            let count = embedder.truncated_texts();
            console.note(&format!("texts too long for the model, which lost their end: {count}"));
        }
        report
    };
    if let Some(name) = &arguments.name {
        report.data_set.name.clone_from(name);
    }
    print(&mut console, &report, arguments)?;
    Ok(Outcome::from_failures(report.data_set.failed))
}

fn print(
    console: &mut Console,
    report: &Report,
    arguments: &MeasureArguments,
) -> anyhow::Result<()> {
    if let Some(folder) = &arguments.out {
        output::write(folder, report)?;
    }
    let text = if arguments.output.json {
        report.to_json()
    } else {
        output::table(report, console.colour())
    };
    console.print(text)?;
    console.flush()
}

fn open(path: &Path, arguments: &MeasureArguments) -> anyhow::Result<Dataset> {
    let options = Options {
        pictures: arguments.pictures.clone(),
        languages: arguments.languages.clone(),
        captions: if arguments.first_caption { CaptionChoice::First } else { CaptionChoice::All },
    };
    Ok(Dataset::open(path, &options)?)
}

fn templates(arguments: &MeasureArguments) -> anyhow::Result<TemplateChoice> {
    let (place, given) = match &arguments.templates_file {
        Some(file) => ("--templates-file", labels::lines_of(file)?),
        None => ("--template", arguments.templates.clone()),
    };
    if given.is_empty() {
        if let Some(file) = &arguments.templates_file {
            let message = format!("{}: no templates in this file", file.display());
            return Err(UsageError::new(message).into());
        }
        return Ok(TemplateChoice::Automatic);
    }
    model::templates::choose(&given)
        .map_err(|error| UsageError::new(format!("{place}: {error}")))?;
    Ok(TemplateChoice::Given(given))
}

/// Names from a file. One that does not say its language is in the one of the command line, when that names one.
fn class_names(
    file: &Path,
    dataset: &Dataset,
    arguments: &MeasureArguments,
) -> anyhow::Result<Vec<LanguageClasses>> {
    let count = class_count(dataset)?;
    let mut read = read_class_names(file, count, &arguments.languages)?;
    if let ([only], [language]) = (read.as_mut_slice(), arguments.languages.as_slice())
        && only.language.is_none()
    {
        only.language = Some(language.clone());
    }
    Ok(read)
}

/// The data set's own names, which are in the language that the command line names; nothing when it names none.
fn own_names(
    dataset: &Dataset,
    arguments: &MeasureArguments,
) -> anyhow::Result<Vec<LanguageClasses>> {
    match arguments.languages.as_slice() {
        _ if dataset.kind() == Kind::Captions => Ok(Vec::new()),
        [] => Ok(Vec::new()),
        [language] => {
            let names =
                dataset.class_names().iter().map(|name| (!name.is_empty()).then(|| name.clone()));
            Ok(vec![LanguageClasses { language: Some(language.clone()), names: names.collect() }])
        }
        _ => {
            let message = "--language: the classes of this data set have names in one language; give those of others \
                           with --class-names FILE";
            Err(UsageError::new(message).into())
        }
    }
}

/// As many classes as the data set names, else as its labels count.
fn class_count(dataset: &Dataset) -> anyhow::Result<usize> {
    if !dataset.class_names().is_empty() {
        return Ok(dataset.class_names().len());
    }
    let mut count = 0;
    for index in 0..dataset.len() {
        let largest = dataset.classes(index)?.last().copied();
        count = count.max(largest.map_or(0, |class| class + 1));
    }
    Ok(count)
}
