//! `polysight train`: from a recipe to checkpoints.

use std::path::Path;
use std::rc::Rc;

use anyhow::Context;
use eval::chart::{Curve, CurvePoint, Panel, curves};
use kernels::Compute;
use serde::Serialize;
use train::Line;
use train::beginning::Beginning;
use train::checkpoint::Folder;
use train::peers::{Alone, Peers};
use train::recipe::{Recipe, Stage};
use train::run::{End, Watcher};

use crate::arguments::train::TrainArguments;
#[cfg(feature = "mpi")]
use crate::console;
use crate::console::Console;
use crate::environment::Environment;
use crate::exit::{Outcome, UsageError};
use crate::reply::json;
use crate::settings;

/// What scripts are told at the end.
#[derive(Serialize)]
struct Report<'a> {
    checkpoint: &'a Path,
    /// Steps that were made, in this run and before.
    steps: u64,
    /// Whether the recipe is done.
    complete: bool,
    /// The last step's.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<&'a Line>,
}

/// Runs the command.
///
/// # Errors
/// When the recipe makes no sense, something that it names is missing, or a checkpoint cannot be written.
pub(crate) fn run(
    arguments: &TrainArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    if arguments.mpi { with_mpi(arguments, environment) } else { alone(arguments, environment) }
}

fn alone(arguments: &TrainArguments, environment: &Environment) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let alone: Rc<dyn Peers> = Rc::new(Alone);
    train(arguments, environment, &mut console, &alone)
}

#[cfg(not(feature = "mpi"))]
fn with_mpi(_: &TrainArguments, _: &Environment) -> anyhow::Result<Outcome> {
    let message = "--mpi: this program was built without MPI; build it with --features mpi";
    Err(UsageError::new(message).into())
}

#[cfg(feature = "mpi")]
fn with_mpi(arguments: &TrainArguments, environment: &Environment) -> anyhow::Result<Outcome> {
    let mpi = Rc::new(train::peers::Mpi::join().expect("nobody joined before"));
    // One process speaks for all.
    let mut output = arguments.output.clone();
    output.quiet |= !mpi.rank().is_first();
    let mut console = Console::new(environment, &output);
    let peers: Rc<dyn Peers> = Rc::clone(&mpi) as _;
    train(arguments, environment, &mut console, &peers).inspect_err(|error| {
        console::complain(&format!("{error:#}"));
        // The others would wait for this one for ever.
        mpi.abort();
    })
}

fn train(
    arguments: &TrainArguments,
    environment: &Environment,
    console: &mut Console,
    peers: &Rc<dyn Peers>,
) -> anyhow::Result<Outcome> {
    let speaks = peers.rank().is_first();
    let options = settings::options(&arguments.compute, environment)?;
    let path = &arguments.recipe;
    let text = fs_err::read_to_string(path)?;
    let recipe = Recipe::parse(&text).with_context(|| path.display().to_string())?;
    let folder = Folder::open(&arguments.out)?;
    let has_begun = folder.latest()?.is_some();
    if has_begun && !arguments.resume {
        let message = format!(
            "{} has checkpoints already; --resume goes on from the latest, another --out begins anew",
            arguments.out.display()
        );
        return Err(UsageError::new(message).into());
    }
    if arguments.resume && !has_begun {
        console.note(&format!("{} has no checkpoint yet: a beginning", arguments.out.display()));
    }
    let base = path.parent().unwrap_or(Path::new("."));
    let beginning = Beginning::of(&recipe, base)?;
    let compute = Compute::new(options.isa, options.threads);
    let mut progress = Progress { console, left: arguments.steps, last: None };
    let end = train::run::run(&recipe, beginning, compute, peers, &arguments.out, &mut progress)?;
    let last = progress.last.take();
    console.end();
    let End { checkpoint, progress, complete } = &end;
    let (steps, complete, last) = (progress.total, *complete, last.as_ref());
    if !speaks {
        return Ok(Outcome::Complete);
    }
    if arguments.output.json {
        console.print(json(&Report { checkpoint, steps, complete, last }) + "\n")?;
    } else {
        let state = if complete { "done" } else { "stopped" };
        console.print(format!("{state} after {steps} steps: {}\n", checkpoint.display()))?;
    }
    console.flush()?;
    Ok(Outcome::Complete)
}

/// Shows stages as bars.
struct Progress<'a> {
    console: &'a mut Console,
    /// Steps that this run may still make.
    left: Option<u64>,
    last: Option<Line>,
}

impl Watcher for Progress<'_> {
    fn stage(&mut self, stage: &Stage, step: u64) {
        self.console.end();
        self.console
            .note(&format!("stage {}: {} steps of {}", stage.name, stage.steps, stage.batch));
        self.console.begin("steps", usize::try_from(stage.steps).unwrap_or(usize::MAX));
        self.console.advance_to(step);
    }

    fn locked(&mut self, done: u64, all: u64) {
        if done == all {
            self.console.note(&format!("{all} pictures embedded"));
        }
    }

    fn step(&mut self, line: &Line, stage_step: u64) {
        self.console.advance_to(stage_step);
        if line.step.is_multiple_of(100) {
            let Line { step, report, pictures_per_second, .. } = line;
            self.console.note(&format!(
                "step {step}: loss {:.4}, t {:.2}, b {:.2}, {pictures_per_second:.0} pictures/s",
                report.loss, report.t, report.b
            ));
        }
        self.last = Some(line.clone());
        self.left = self.left.map(|left| left.saturating_sub(1));
    }

    fn checkpoint(&mut self, folder: &Path) {
        let out = folder.parent().unwrap_or(Path::new("."));
        if let Err(error) = draw(out) {
            self.console.note(&format!("the curves were not drawn: {error:#}"));
        }
    }

    fn stop(&self) -> bool {
        self.left == Some(0)
    }
}

/// Draws the log of a training into `curves.svg` beside it.
fn draw(out: &Path) -> anyhow::Result<()> {
    let log = fs_err::read_to_string(out.join("log.jsonl"))?;
    let lines = log.lines().map(serde_json::from_str::<Line>).collect::<Result<Vec<_>, _>>()?;
    let curve = |name: &str, value: &dyn Fn(&Line) -> f64| Curve {
        name: name.to_owned(),
        points: lines
            .iter()
            .map(|line| CurvePoint { step: line.step as f64, value: value(line) })
            .collect(),
    };
    let panel = |title: &str, lines| Panel { title: title.to_owned(), lines };
    let panels = [
        panel("loss", vec![curve("", &|line| line.report.loss)]),
        panel(
            "t and b",
            vec![
                curve("t", &|line| f64::from(line.report.t)),
                curve("b", &|line| f64::from(line.report.b)),
            ],
        ),
        panel(
            "log10 of lengths",
            vec![
                curve("gradient", &|line| line.report.gradient_l2.log10()),
                curve("update", &|line| line.report.update_l2.log10()),
                curve("parameters", &|line| line.report.parameter_l2.log10()),
            ],
        ),
        panel("pictures a second", vec![curve("", &|line| line.pictures_per_second)]),
    ];
    Ok(fs_err::write(out.join("curves.svg"), curves("Training", &panels))?)
}
