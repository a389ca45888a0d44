//! A training from its recipe to its last checkpoint.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernels::Compute;
use tokens::Tokenizer;

use crate::batches::Batches;
use crate::beginning::Beginning;
use crate::checkpoint::{self, Folder, ModelFiles, Progress};
use crate::data::{Kind, Source, Wish, mix};
use crate::error::TrainError;
use crate::log::{Line, Log};
use crate::names::put_at_names;
use crate::optimiser::Optimiser;
use crate::parameters::Parameters;
use crate::peers::{Peers, Rank};
use crate::recipe::{PictureSide, Recipe, Stage};
use crate::trainer::{CONCEPTS, CpuTrainer, LossKind, Settings, StepSettings, Trainer};

/// Pictures that are embedded together for a locked tower.
const LOCKED_TOGETHER: usize = 256;

/// Told how a training goes.
pub trait Watcher {
    /// A stage begins, or goes on from a step.
    fn stage(&mut self, stage: &Stage, step: u64);
    /// Pictures of a locked tower are embedded: how many of how many.
    fn locked(&mut self, done: u64, all: u64);
    /// A step was made: the how-manieth of its stage.
    fn step(&mut self, line: &Line, stage_step: u64);
    /// A checkpoint was written.
    fn checkpoint(&mut self, folder: &Path);
    /// Whether to stop after this step.
    fn stop(&self) -> bool;
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The last checkpoint.
    pub checkpoint: PathBuf,
    /// How far it is.
    pub progress: Progress,
    /// Whether all steps were made.
    pub complete: bool,
}

/// Trains from the beginning, or from the latest checkpoint of the folder. Of several processes, the first writes what is
/// written, and all read the same folder.
///
/// # Errors
/// When several processes are to use the softmax loss, a file cannot be read or written, an example cannot be made, or the loss is no number any more.
///
/// # Panics
/// When the recipe has no stage; [`Recipe::parse`] refuses such a one.
pub fn run(
    recipe: &Recipe,
    beginning: Beginning,
    compute: Compute,
    peers: &Rc<dyn Peers>,
    folder: &Path,
    watcher: &mut dyn Watcher,
) -> Result<End, TrainError> {
    let rank = peers.rank();
    check_losses(recipe, rank)?;
    let folder = Folder::open(folder)?;
    let Beginning { config, preprocessing, mut parameters, tokenizer, tokenizer_files, source } =
        beginning;
    let files =
        ModelFiles { config: &config, preprocessing: &preprocessing, tokenizer: &tokenizer_files };
    let latest = folder.latest()?;
    let mut progress = Progress::default();
    let mut restored = None;
    if let Some(latest) = &latest {
        let stage = checkpoint::stage_of(latest)?.min(recipe.stages.len() - 1);
        let mut optimiser = fresh(&recipe.stages[stage], &parameters);
        progress = checkpoint::load(latest, &mut parameters, &mut optimiser)?;
        restored = Some(optimiser);
    }
    // Nobody writes before all have read.
    peers.total(0.0);
    let log = if rank.is_first() { Some(Log::open(folder.path(), progress.total)?) } else { None };
    let mut written = Written { folder: &folder, files, log, kept: recipe.checkpoints.max(1) };
    let first = restored.unwrap_or_else(|| fresh(&recipe.stages[0], &parameters));
    let settings = Settings { arithmetic: recipe.arithmetic, keep: recipe.stages[0].keep };
    let mut trainer =
        CpuTrainer::new(compute, &config, &preprocessing, settings, parameters, first)
            .with_peers(Rc::clone(peers));
    let mut last = latest;
    let tokenizer = Arc::new(tokenizer);
    while let Some(stage) = recipe.stages.get(progress.stage) {
        if progress.step == 0 {
            begin(stage, &mut trainer, &*source, &tokenizer)?;
        }
        trainer.set_keep(stage.keep);
        watcher.stage(stage, progress.step);
        let seed = mix(recipe.seed ^ mix(progress.stage as u64 + 1));
        let mut batches = Batches {
            source: Arc::clone(&source),
            tokenizer: Arc::clone(&tokenizer),
            stage: stage.clone(),
            seed,
            locked: Arc::default(),
            dimension: config.vision.hidden_size,
            rank,
        };
        if stage.pictures == PictureSide::Locked {
            batches.locked = Arc::new(lock(&mut trainer, &batches, &**peers, watcher)?);
        }
        let made = batches.made_from(progress.step);
        while progress.step < stage.steps {
            let began = Instant::now();
            let batch = made.recv().map_err(|_| TrainError::Loader)??;
            let waited = began.elapsed();
            let rate = stage.schedule.rate(progress.step, stage.steps);
            let settings = StepSettings { rate, loss: stage.loss, clip: stage.clip };
            let report = trainer.step(&batch, &settings);
            if !report.loss.is_finite() || !report.gradient_l2.is_finite() {
                return Err(TrainError::Diverged { loss: report.loss, step: progress.total });
            }
            progress.step += 1;
            progress.total += 1;
            let line = Line {
                step: progress.total,
                stage: stage.name.clone(),
                rate,
                report,
                waited: seconds(waited),
                pictures_per_second: stage.batch as f64 / seconds(began.elapsed()),
            };
            written.line(&line)?;
            watcher.step(&line, progress.step);
            let ends = progress.step == stage.steps;
            if ends {
                progress.stage += 1;
                progress.step = 0;
            }
            // All stop where one does.
            let stop = peers.total(f64::from(u8::from(watcher.stop()))) > 0.0;
            if ends || stop || progress.total.is_multiple_of(recipe.checkpoint_every) {
                last = Some(written.checkpoint(&trainer, progress, watcher)?);
            }
            if stop && !(ends && progress.stage == recipe.stages.len()) {
                let checkpoint = last.expect("it was just written");
                return Ok(End { checkpoint, progress, complete: false });
            }
            if ends {
                break;
            }
        }
        if progress.step >= stage.steps {
            // The recipe was shortened below what was done already.
            progress.stage += 1;
            progress.step = 0;
        }
    }
    if rank.is_first() {
        folder.finish(files, trainer.parameters(), recipe.weights)?;
    }
    let checkpoint = last.expect("a recipe has a stage, and its end is a checkpoint");
    Ok(End { checkpoint, progress, complete: true })
}

/// # Errors
/// When several processes are to use the softmax loss.
fn check_losses(recipe: &Recipe, rank: Rank) -> Result<(), TrainError> {
    match recipe.stages.iter().find(|stage| stage.loss == LossKind::Softmax) {
        Some(stage) if rank.count > 1 => {
            let problem = "the softmax loss needs all texts of a batch at once: several processes train \
                           with the sigmoid loss";
            Err(TrainError::Recipe(format!("stage {}: {problem}", stage.name)))
        }
        _ => Ok(()),
    }
}

/// What the first process writes into the folder, and the others do not.
struct Written<'a> {
    folder: &'a Folder,
    files: ModelFiles<'a>,
    log: Option<Log>,
    /// Checkpoints that are kept.
    kept: usize,
}

impl Written<'_> {
    fn line(&mut self, line: &Line) -> Result<(), TrainError> {
        self.log.as_mut().map_or(Ok(()), |log| log.write(line))
    }

    /// The place of the checkpoint, whoever writes it.
    fn checkpoint(
        &self,
        trainer: &CpuTrainer,
        progress: Progress,
        watcher: &mut dyn Watcher,
    ) -> Result<PathBuf, TrainError> {
        let Self { folder, files, log, kept } = self;
        if let Some(log) = log {
            log.sync()?;
            let (parameters, optimiser) = (trainer.parameters(), trainer.optimiser());
            watcher.checkpoint(&folder.save(*files, parameters, optimiser, progress, *kept)?);
        }
        Ok(folder.step(progress.total))
    }
}

/// The optimiser at the beginning of a stage.
fn fresh(stage: &Stage, parameters: &Parameters) -> Optimiser {
    Optimiser::new(stage.optimiser, parameters, stage.learning(parameters))
}

/// What a stage changes before its first step.
fn begin(
    stage: &Stage,
    trainer: &mut CpuTrainer,
    source: &dyn Source,
    tokenizer: &Tokenizer,
) -> Result<(), TrainError> {
    let mut values = trainer.parameters().values.clone();
    if let Some(names) = &stage.names {
        let table = trainer.parameters().range(CONCEPTS);
        put_at_names(trainer, source, tokenizer, names, &mut values[table])?;
    }
    let parameters = trainer.parameters();
    if let Some(line) = stage.line {
        let line = line.numbers(stage.batch * stage.captions);
        values[parameters.range("logit_scale").start] = line.scale.ln();
        values[parameters.range("logit_bias").start] = line.bias;
    }
    let optimiser = fresh(stage, parameters);
    trainer.restore(&values, optimiser);
    Ok(())
}

/// Embeds the pictures of a locked tower: each process a part of them.
fn lock(
    trainer: &mut CpuTrainer,
    batches: &Batches,
    peers: &dyn Peers,
    watcher: &mut dyn Watcher,
) -> Result<Vec<f32>, TrainError> {
    let count = batches.locked_count() as usize;
    let own = batches.rank.part(count);
    let mut all = vec![0.0; count * batches.dimension];
    for first in own.clone().step_by(LOCKED_TOGETHER) {
        let places = first..own.end.min(first + LOCKED_TOGETHER);
        let rows = places.start * batches.dimension..places.end * batches.dimension;
        let done = places.end - own.start;
        let pictures = places.map(|place| {
            // The stage's kind, so that its captions are of the same pictures.
            let kind = Kind::of(&batches.stage);
            let wish = Wish { place: place as u64, draw: 0, kind, picture: true };
            let example = batches.source.example(wish)?;
            Ok(example.picture.expect("it was wished for"))
        });
        let pictures = pictures.collect::<Result<Vec<_>, TrainError>>()?;
        all[rows].copy_from_slice(&trainer.embed_pictures(&pictures));
        watcher.locked(done as u64, own.len() as u64);
    }
    // What the others embedded is 0 here.
    peers.sum(&mut all);
    Ok(all)
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
