//! `polysight worker`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use serde_json::Value;

use super::desk::{Desk, joined, pictures};
use crate::accounts::bank::Bank;
use crate::program::Run;
use crate::tiny::Tiny;

/// A worker; it is killed at the end.
pub(crate) struct Worker {
    child: Child,
    log: Option<std::thread::JoinHandle<String>>,
    _tiny: Tiny,
}

/// Starts a worker and waits until it works.
pub(crate) fn work(bank: &Bank, arguments: &[&str]) -> Worker {
    let tiny = Tiny::new();
    let model = format!("tiny={}", tiny.path().display());
    let run = bank.with(["worker", "--json", "--model", &model]);
    let mut command = arguments.iter().fold(run, Run::argument).command();
    let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().expect("the program starts");
    let mut stderr = child.stderr.take().expect("standard error is a pipe");
    let log = std::thread::spawn(move || {
        let mut log = Vec::new();
        let _broken = stderr.read_to_end(&mut log);
        String::from_utf8_lossy(&log).into_owned()
    });
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
    stdout.read_line(&mut line).expect("the program writes");
    let mut worker = Worker { child, log: Some(log), _tiny: tiny };
    let Ok(started) = serde_json::from_str::<Value>(&line) else {
        panic!("it does not work: {line}{}", worker.end("KILL"));
    };
    assert_eq!(started["models"], serde_json::json!(["tiny"]));
    worker
}

impl Worker {
    /// Sends a signal and waits for the end; gives the log.
    fn end(&mut self, signal: &str) -> String {
        let process = self.child.id().to_string();
        let _gone = std::process::Command::new("kill").args(["-s", signal, &process]).status();
        let _ended = self.child.wait();
        self.log.take().map_or_else(String::new, |log| log.join().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

#[test]
fn two_workers_share_the_lines_of_a_batch() {
    let Some(bank) = Bank::postgres() else { return };
    bank.customer("Ann", 1_000_000);
    let key = bank.plain_key(&["Ann"]);
    let server = bank.serve(&["--batch-lines", "0"]);
    let desk = Desk { server: &server, key: Some(&key) };
    let mut workers = [work(&bank, &["--batch-lines", "8"]), work(&bank, &["--batch-lines", "8"])];
    let lines = pictures(0..800);
    let made = desk.make(&joined(&lines), "/v1/embeddings");
    let batch = desk.ended(made["id"].as_str().unwrap());
    assert_eq!(batch["status"], "completed", "{batch}");
    desk.assert_each_once(&batch, &lines);
    assert_eq!(bank.account("Ann")["balance"], 1_000_000 - 47 * 800);
    for worker in &mut workers {
        let log = worker.end("TERM");
        assert!(log.contains("worked on lines of a batch"), "{log}");
        assert!(log.contains("stopped"), "{log}");
    }
    assert_eq!(server.metric("polysight_batch_lines_total"), 0.0);
    bank.assert_clean();
}

#[test]
fn a_worker_says_plainly_that_a_file_is_its_servers() {
    let folder = tempfile::tempdir().unwrap();
    let run = || Run::new(["worker", "--model", "mini"]);
    let run = run().variable("POLYSIGHT_DATA_FOLDER", folder.path()).finish();
    run.usage_error("works on its batches itself");
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    let none = Run::new(["worker", "--database", "postgres://nowhere/x", "--batch-lines", "0"]);
    none.finish().usage_error("--batch-lines");
}
