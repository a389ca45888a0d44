//! A server that ends with its test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

use super::client::{Answer, Connection, Request};
use super::eventually;
use crate::program::Run;
use crate::tiny::Tiny;

/// The program while it serves.
pub(crate) struct Server {
    child: Child,
    /// Host and port.
    pub(crate) address: String,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the tiny model.
    pub(crate) fn of(tiny: &Tiny, arguments: &[&str]) -> Self {
        let model = format!("tiny={}", tiny.path().display());
        let run = Run::new(["serve", "--model", &model]);
        Self::start(arguments.iter().fold(run, Run::argument))
    }

    /// Starts `polysight serve` with the arguments of a run, and reads where it listens.
    pub(crate) fn start(run: Run) -> Self {
        let run = run.argument("--addr").argument("127.0.0.1:0").argument("--json");
        let mut command = run.command();
        let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the program starts");
        let mut stderr = child.stderr.take().expect("standard error is a pipe");
        let log = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]);
                shared.lock().expect("nobody panics with the log").push_str(&text);
            }
        });
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        stdout.read_line(&mut line).expect("the program writes");
        let mut server = Self { child, address: String::new(), log, reader: Some(reader) };
        let Ok(started) = serde_json::from_str::<Value>(&line) else {
            let _ended = server.child.wait();
            panic!("it does not serve: {line}{}", server.whole_log());
        };
        let url = started["urls"][0].as_str().expect("a URL");
        url.split_once("://").expect("a scheme").1.clone_into(&mut server.address);
        server
    }

    pub(crate) fn connect(&self) -> Connection<std::net::TcpStream> {
        Connection::open(&self.address).expect("the server accepts")
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, request: &Request) -> Answer {
        self.connect().ask(request).unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&Request::get(path).header("connection", "close"))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(&Request::post(path, body).header("connection", "close"))
    }

    /// A number of `/metrics` by its name and labels as they stand there; 0 when it is not there yet.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let answer = self.get("/metrics").with_status(200);
        let found = answer
            .text()
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<f64>().ok());
        found.unwrap_or(0.0)
    }

    /// What was written to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody panics with the log").clone()
    }

    /// Waits until nothing waits and nobody but the asker is connected.
    pub(crate) fn comes_to_rest(&self) {
        for gauge in [
            "polysight_waiting_pixels",
            "polysight_waiting_texts",
            "polysight_body_bytes",
            "polysight_queue_items{model=\"tiny\",tower=\"vision\"}",
            "polysight_queue_items{model=\"tiny\",tower=\"text\"}",
        ] {
            eventually(gauge, || self.metric(gauge) == 0.0);
        }
        // The asker's own.
        for gauge in ["polysight_requests_in_flight", "polysight_connections"] {
            eventually(gauge, || self.metric(gauge) == 1.0);
        }
    }

    /// Sends a signal, `TERM`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &process]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child is ours").is_some()
    }

    /// Waits for the end; gives how it ended, and the whole log.
    pub(crate) fn end(mut self) -> Ended {
        eventually("the server ends", || self.has_ended());
        let status = self.child.wait().expect("the child is ours");
        Ended { status, log: self.whole_log() }
    }

    fn whole_log(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
        self.log()
    }
}

/// What a server leaves.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.whole_log());
        }
    }
}

/// What a process holds.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holdings {
    pub(crate) threads: usize,
    pub(crate) descriptors: usize,
    /// Bytes.
    pub(crate) resident: usize,
}

#[cfg(target_os = "linux")]
impl Server {
    pub(crate) fn holdings(&self) -> Holdings {
        let folder = std::path::PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs_err::read_to_string(folder.join("status")).expect("the process lives");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.split_whitespace().next().and_then(|number| number.parse::<usize>().ok())
        };
        Holdings {
            threads: number("Threads:").expect("a number"),
            descriptors: fs_err::read_dir(folder.join("fd")).expect("it is ours").count(),
            resident: number("VmRSS:").expect("a number") << 10,
        }
    }

    /// At rest with the descriptors of `before`, at most the threads of the runtime more, and at most so many bytes
    /// more.
    pub(crate) fn has_kept_nothing(&self, before: Holdings, threads: usize, bytes: usize) {
        self.comes_to_rest();
        eventually("the descriptors are closed", || {
            self.holdings().descriptors <= before.descriptors
        });
        let after = self.holdings();
        assert!(after.threads <= before.threads + threads, "{before:?} {after:?}");
        assert!(after.resident <= before.resident + bytes, "{before:?} {after:?}");
    }
}
