//! `polysight train`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::eval::DataSets;
use crate::program::Run;
use crate::tiny::Tiny;

/// A recipe over the golden pictures, from the tiny checkpoint, with a checkpoint after every `every` steps.
pub(crate) struct Training {
    pub(crate) sets: DataSets,
    tiny: Tiny,
}

impl Training {
    pub(crate) fn new(steps: u64, every: u64) -> Self {
        let (sets, tiny) = (DataSets::new(), Tiny::new());
        let recipe = format!(
            "seed = 5\narithmetic = \"f32\"\ncheckpoint_every = {every}\n\
             [model]\nfrom = \"{}\"\n[data]\nkind = \"files\"\npath = \"captions/captions_of_goldens.jsonl\"\n\
             [[stage]]\nname = \"both\"\nsteps = {steps}\nbatch = 4\n\
             schedule = {{ rate = 1e-3, warm_up = 2 }}\n",
            tiny.path().display()
        );
        sets.write("recipe.toml", recipe.as_bytes());
        Self { sets, tiny }
    }

    pub(crate) fn recipe(&self) -> PathBuf {
        self.sets.path("recipe.toml")
    }

    pub(crate) fn run(&self, out: &Path) -> Run {
        let run = Run::new(["train"]).argument(self.recipe());
        run.argument("--out").argument(out).argument("--json").argument("--threads=1")
    }
}

/// The bytes of a checkpoint's files.
fn files(report: &Value) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(report["checkpoint"].as_str().unwrap());
    let files = fs_err::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files = files.collect::<Vec<_>>();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    files
        .iter()
        .map(|file| (file.file_name().unwrap().into(), fs_err::read(file).unwrap()))
        .collect()
}

#[test]
fn a_training_that_is_killed_again_and_again_comes_to_the_same_bytes() {
    let training = Training::new(120, 3);
    let folder = tempfile::tempdir().unwrap();
    let whole = training.run(&folder.path().join("whole")).finish();
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    let whole = whole.json();
    assert_eq!((&whole["complete"], &whole["steps"]), (&Value::from(true), &Value::from(120)));

    let out = folder.path().join("killed");
    let mut killed = 0;
    for turn in 0..4 {
        let run = training.run(&out).argument("--resume");
        let mut child = run.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Once it goes on from where it was, at moments that differ.
        let lines =
            || fs_err::read_to_string(out.join("log.jsonl")).unwrap_or_default().lines().count();
        let (began, wanted) = (Instant::now(), lines() + 5 + 4 * turn);
        while lines() < wanted && child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < Duration::from_mins(1), "it makes no steps");
            std::thread::sleep(Duration::from_millis(1));
        }
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed > 0, "it was always done before it could be killed");
    let end = training.run(&out).argument("--resume").finish();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert!(files(&end.json()) == files(&whole), "the last checkpoints differ");
}

#[test]
fn a_checkpoint_is_a_model_folder_like_any_other() {
    let training = Training::new(6, 100);
    let folder = tempfile::tempdir().unwrap();
    let stopped = training.run(folder.path()).argument("--steps").argument("4").finish();
    assert_eq!(stopped.code, 0, "{}", stopped.stderr);
    let report = stopped.json();
    assert_eq!((&report["complete"], &report["steps"]), (&Value::from(false), &Value::from(4)));
    assert!(report["last"]["loss"].as_f64().unwrap() > 0.0);
    let curves = fs_err::read_to_string(folder.path().join("curves.svg")).unwrap();
    assert!(curves.contains(">loss<") && curves.contains("accent-line"), "{curves}");
    let score = |model: &Path| {
        let picture = crate::tiny::picture(crate::tiny::PICTURES[0]);
        let run = Run::new(["score", "--json", "--text", "a cat", "--model"]).argument(model);
        let scored = run.argument(picture).finish();
        assert_eq!(scored.code, 0, "{}", scored.stderr);
        scored.text().to_owned()
    };
    let trained = score(Path::new(report["checkpoint"].as_str().unwrap()));
    assert_ne!(trained, score(training.tiny.path()), "four steps change something");

    let again = training.run(folder.path()).finish();
    assert_eq!(again.code, 2, "a folder that has checkpoints is not begun anew");
    assert!(again.stderr.contains("--resume"), "{}", again.stderr);
    let done = training.run(folder.path()).argument("--resume").finish();
    assert_eq!((done.code, &done.json()["complete"]), (0, &Value::from(true)), "{}", done.stderr);
    let last = score(Path::new(done.json()["checkpoint"].as_str().unwrap()));
    assert!(score(&folder.path().join("model")).contains("\"model\":\"model\""), "{last}");
}

#[test]
fn a_recipe_that_makes_no_sense_is_refused_by_name() {
    let training = Training::new(6, 1);
    let text = fs_err::read_to_string(training.recipe()).unwrap();
    for (from, to, words) in [
        ("batch = 4", "bach = 4", "bach"),
        ("batch = 4", "batch = 0", "batch"),
        ("kind = \"files\"", "kind = \"fils\"", "fils"),
        ("captions_of_goldens", "nothing", "nothing"),
        ("batch = 4", "batch = 4\ntexts = \"concepts\"", "concepts"),
        ("batch = 4", "batch = 4\npictures = \"concepts\"", "earlier stage"),
    ] {
        training.sets.write("recipe.toml", text.replace(from, to).as_bytes());
        let folder = tempfile::tempdir().unwrap();
        let ran = training.run(folder.path()).finish();
        assert_eq!(ran.code, 1, "{to}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{words} is missing from {}", ran.stderr);
    }
}
