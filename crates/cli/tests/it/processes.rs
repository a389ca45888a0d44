//! `polysight train --mpi`: real processes, started by mpirun. `.ci/processes` installs what they need and runs this.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::train::Training;

/// Trains with so many processes of one thread each.
fn mpirun(processes: usize, training: &Training, out: &Path, more: &[&str]) -> Output {
    let run = training.run(out).argument("--mpi").command();
    let mut command = Command::new("mpirun");
    // Open MPI: root in a container, more processes than cores, and no network is looked for.
    command.args(["--allow-run-as-root", "--oversubscribe", "--mca", "btl", "self,vader", "-n"]);
    command.arg(processes.to_string()).arg(run.get_program()).args(run.get_args()).args(more);
    command.output().expect("mpirun is installed")
}

/// Loss and length of the gradient of each step.
fn steps(out: &Path) -> Vec<[f64; 2]> {
    let log = fs_err::read_to_string(out.join("log.jsonl")).unwrap();
    let line = |line: &str| {
        let line = serde_json::from_str::<Value>(line).unwrap();
        ["loss", "gradient_l2"].map(|name| line[name].as_f64().unwrap())
    };
    log.lines().map(line).collect()
}

#[test]
fn one_two_and_four_processes_train_alike() {
    let training = Training::new(8, 5);
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("alone");
    assert_eq!(training.run(&alone).finish().code, 0);
    let alone = steps(&alone);
    assert_eq!(alone.len(), 8);
    for processes in [1, 2, 4] {
        let out = folder.path().join(processes.to_string());
        let ran = mpirun(processes, &training, &out, &["--steps", "3"]);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let ran = mpirun(processes, &training, &out, &["--resume"]);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        // One process speaks for all.
        let report = serde_json::from_slice::<Value>(&ran.stdout).unwrap();
        assert_eq!((&report["complete"], &report["steps"]), (&Value::from(true), &Value::from(8)));
        for (step, (found, expected)) in steps(&out).iter().zip(&alone).enumerate() {
            // The first step's are sums in another order; later ones are of parameters that differ by so much.
            let allowed = if step == 0 { 1e-6 } else { 1e-3 };
            let near = |i: usize| (found[i] - expected[i]).abs() <= allowed * expected[i];
            assert!(near(0) && near(1), "{processes}, step {step}: {found:?}, {expected:?}");
        }
    }
}

#[test]
fn an_error_in_one_process_ends_them_all() {
    let training = Training::new(8, 5);
    let text = fs_err::read_to_string(training.recipe()).unwrap();
    training.sets.write("recipe.toml", format!("{text}loss = \"softmax\"\n").as_bytes());
    let folder = tempfile::tempdir().unwrap();
    let ran = mpirun(2, &training, folder.path(), &[]);
    let message = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(!ran.status.success() && message.contains("softmax"), "{message}");
}
