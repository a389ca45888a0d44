//! `polysight index`: what is new or changed in a folder goes into a store.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use index::{Embedded, Entry, VectorIndex};
use serde::Serialize;

use crate::arguments::retrieval::IndexArguments;
use crate::console::Console;
use crate::environment::Environment;
use crate::exit::Outcome;
use crate::model_source::{self, OpenModel, note_packed_cache_problems};
use crate::pictures::embed_each;
use crate::pipeline::decode_ahead;
use crate::reply::json;
use crate::retrieval::remote_index;
use crate::retrieval::shelf::{Shelf, described};
use crate::retrieval::survey::{File, Survey, folders_of, known};

/// Pictures of one write: what an interruption may cost at most.
const TOGETHER: usize = 256;

/// How long a watcher waits between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// What became of the pictures of a folder.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    added: usize,
    changed: usize,
    removed: usize,
    unchanged: usize,
    failed: usize,
    pub(super) seconds: f64,
}

impl Report {
    /// What a survey alone says.
    pub(super) fn of(survey: &Survey) -> Self {
        Self {
            removed: survey.vanished.len(),
            unchanged: survey.unchanged,
            failed: survey.problems.len(),
            ..Self::default()
        }
    }

    /// One more that is in the store now.
    pub(super) fn count(&mut self, file: &File) {
        self.added += usize::from(!file.is_known);
        self.changed += usize::from(file.is_known);
    }

    /// One more that could not be used.
    pub(super) fn fail(&mut self) {
        self.failed += 1;
    }

    /// Pictures that could not be used.
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }
}

/// What `--json` prints for each run over a folder.
#[derive(Serialize)]
struct Printed<'a> {
    object: &'static str,
    store: &'a str,
    model: &'a str,
    folder: String,
    #[serde(flatten)]
    report: &'a Report,
    /// Pictures of the whole store.
    total: u64,
}

/// Runs the command.
///
/// # Errors
/// When the command line makes no sense, the store has vectors of another model, or its files cannot be written.
pub(crate) fn run(
    arguments: &IndexArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    if let Some(server) = &arguments.server {
        return remote_index::run(server, arguments, environment);
    }
    let mut console = Console::new(environment, &arguments.output);
    let shelf = Shelf::find(&arguments.store, environment)?;
    let model = model_source::open(&arguments.model, environment, &console)?;
    let (current, space) = described(&model)?;
    if !arguments.reindex {
        shelf.require(&current)?;
    }
    let mut folders = arguments.folders.clone();
    if arguments.reindex && shelf.current()?.is_some() {
        add_missing(&mut folders, folders_of(&shelf.read()?.1)?);
    }
    let index = shelf.write(&current, &space)?;
    let as_json = arguments.output.json;
    let say = |folder: &Path, report: &Report, console: &mut Console| {
        let (store, total) = (shelf.name(), index.count()?);
        say(store, model.id.as_str(), folder, report, total, as_json, console)
    };
    let mut failed = 0;
    for folder in &folders {
        let report = update(folder, &index, &model, &mut console)?;
        failed += report.failed;
        say(folder, &report, &mut console)?;
    }
    shelf.set_current(&current)?;
    note_packed_cache_problems(&model.siglip, &console);
    if arguments.watch {
        watch(&folders, &mut |folder| {
            let began = Instant::now();
            let survey = Survey::of(folder, |root| known(root, &index))?;
            if survey.is_idle() {
                return Ok(());
            }
            let report = carry_out(&survey, began, &index, &model, &mut console)?;
            say(folder, &report, &mut console)
        })?;
    }
    Ok(Outcome::from_failures(failed))
}

/// Prints what became of a folder.
///
/// # Errors
/// When nobody reads.
pub(super) fn say(
    store: &str,
    model: &str,
    folder: &Path,
    report: &Report,
    total: u64,
    as_json: bool,
    console: &mut Console,
) -> anyhow::Result<()> {
    let folder = folder.display().to_string();
    let line = if as_json {
        json(&Printed { object: "index.report", store, model, folder, report, total })
    } else {
        let Report { added, changed, removed, unchanged, failed, .. } = report;
        format!(
            "{folder}: {added} added, {changed} changed, {removed} removed, {unchanged} unchanged, \
             {failed} failed; {total} in the store {store}"
        )
    };
    console.print(format!("{line}\n"))?;
    console.flush()
}

/// Looks at each folder again and again, until the program is ended or a look fails.
pub(super) fn watch(
    folders: &[PathBuf],
    look: &mut dyn FnMut(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    loop {
        sleep(PAUSE);
        for folder in folders {
            look(folder)?;
        }
    }
}

/// Adds the folders that are in none of the others.
fn add_missing(folders: &mut Vec<PathBuf>, more: Vec<PathBuf>) {
    for folder in more {
        let is_within = |other: &PathBuf| {
            fs_err::canonicalize(other).is_ok_and(|other| folder.starts_with(other))
        };
        // One that is gone has nothing to embed.
        if folder.is_dir() && !folders.iter().any(is_within) {
            folders.push(folder);
        }
    }
}

/// Brings what an index knows of a folder up to date.
///
/// # Errors
/// When the folder cannot be read, or the index not be written; never because of a picture.
pub(crate) fn update(
    folder: &Path,
    index: &Embedded,
    model: &OpenModel,
    console: &mut Console,
) -> anyhow::Result<Report> {
    let began = Instant::now();
    carry_out(&Survey::of(folder, |root| known(root, index))?, began, index, model, console)
}

/// Does what a survey says has to be done.
fn carry_out(
    survey: &Survey,
    began: Instant,
    index: &Embedded,
    model: &OpenModel,
    console: &mut Console,
) -> anyhow::Result<Report> {
    for problem in &survey.problems {
        console.failed(&problem.place, &problem.message);
    }
    let mut report = Report::of(survey);
    for ids in survey.vanished.chunks(1000) {
        index.remove(&ids.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    let sources = survey.changed.iter().map(|file| file.source.clone()).collect::<Vec<_>>();
    let preprocessor = model.siglip.preprocessor();
    let mut waiting = Waiting { index, files: Vec::new(), rows: Vec::new() };
    decode_ahead(&sources, preprocessor, model.options.threads, |decoded| {
        embed_each(&model.siglip, &sources, decoded, console, |_, picture| {
            let file = &survey.changed[picture.index];
            if let Ok(row) = picture.embedding {
                report.count(file);
                return waiting.add(file, row);
            }
            report.fail();
            // What it was before it changed is no longer true.
            if file.is_known {
                index.remove(&[&file.id])?;
            }
            Ok(())
        })
    })?;
    waiting.write()?;
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// Pictures that are embedded and not written yet.
struct Waiting<'a> {
    index: &'a Embedded,
    files: Vec<&'a File>,
    rows: Vec<f32>,
}

impl<'a> Waiting<'a> {
    fn add(&mut self, file: &'a File, row: &[f32]) -> anyhow::Result<()> {
        self.files.push(file);
        self.rows.extend_from_slice(row);
        if self.files.len() >= TOGETHER { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        let rows = self.rows.chunks_exact(self.index.space().dimensions);
        let entries = self.files.iter().zip(rows).map(|(file, vector)| Entry {
            id: &file.id,
            vector,
            attributes: &file.attributes,
        });
        self.index.put(&entries.collect::<Vec<_>>())?;
        self.files.clear();
        self.rows.clear();
        Ok(())
    }
}
