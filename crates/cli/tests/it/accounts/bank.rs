//! A database of accounts with one customer, and servers that use it.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::program::{Finished, Run};
use crate::serve::client::Request;
use crate::serve::server::Server;
use crate::tiny::{Tiny, picture};

/// A price of a picture, in micro-dollars.
pub(crate) const PRICE: i64 = 94;

pub(crate) struct Bank {
    pub(crate) folder: tempfile::TempDir,
    /// On PostgreSQL: its server, and the database that is dropped at the end.
    shared: Option<Shared>,
    tiny: Tiny,
}

struct Shared {
    server: String,
    name: String,
}

impl Drop for Shared {
    fn drop(&mut self) {
        psql(&self.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn psql(server: &str, sql: &str) {
    let done = Command::new("psql").args([server, "-q", "-c", sql]).status();
    assert!(done.expect("psql is there").success());
}

/// Tells the databases of this process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

impl Bank {
    /// A file.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, shared: None, tiny: Tiny::new() }
    }

    /// A database of a PostgreSQL, if there is one.
    pub(crate) fn postgres() -> Option<Self> {
        Self::of_server("POLYSIGHT_TEST_POSTGRES")
    }

    /// A database of a PostgreSQL with pgvector, if there is one.
    pub(crate) fn pgvector() -> Option<Self> {
        Self::of_server("POLYSIGHT_TEST_PGVECTOR")
    }

    fn of_server(variable: &str) -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
        let Ok(server) = std::env::var(variable) else {
            eprintln!("skipped: {variable} names no server");
            return None;
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_cli_{}_{number}", std::process::id());
        psql(&server, &format!("CREATE DATABASE {name}"));
        let bank = Self { shared: Some(Shared { server, name }), ..Self::sqlite() };
        bank.run(["migrate"]).quiet_success();
        Some(bank)
    }

    /// A run of the program that knows the database.
    pub(crate) fn with<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Run {
        let run = Run::new(arguments).variable("POLYSIGHT_DATA_FOLDER", self.folder.path());
        match &self.shared {
            None => run,
            Some(Shared { server, name }) => {
                let (before, _) = server.rsplit_once('/').unwrap();
                run.variable("POLYSIGHT_DATABASE", format!("{before}/{name}"))
            }
        }
    }

    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Finished {
        self.with(arguments).finish()
    }

    /// What a command prints as JSON.
    pub(crate) fn json<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Value {
        let run = self.with(arguments).argument("--json").finish();
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.json()
    }

    /// A customer with so many micro-dollars.
    pub(crate) fn customer(&self, name: &str, credit: i64) {
        self.json(["account", "create", name]);
        if credit > 0 {
            let dollars = format!("{}.{:06}", credit / 1_000_000, credit % 1_000_000);
            self.json(["credit", "add", name, &dollars]);
        }
    }

    /// A new key; the JSON has `key` and `data`.
    pub(crate) fn key(&self, arguments: &[&str]) -> Value {
        self.json(["key", "create"].iter().chain(arguments))
    }

    pub(crate) fn plain_key(&self, arguments: &[&str]) -> String {
        self.key(arguments)["key"].as_str().unwrap().to_owned()
    }

    /// A server of the tiny model.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        let model = format!("tiny={}", self.tiny.path().display());
        let run = self.with(["serve", "--accounts", "--model", &model]);
        Server::start(arguments.iter().fold(run, Run::argument))
    }

    pub(crate) fn account(&self, name: &str) -> Value {
        self.json(["account", "show", name])
    }

    /// That everything adds up and nothing is held.
    pub(crate) fn assert_clean(&self) {
        let verified = self.json(["ledger", "verify"]);
        assert_eq!(
            (&verified["wrong"], &verified["open_holds"]),
            (&Value::Null, &json!(0)),
            "{verified}"
        );
    }
}

/// A call with a picture that nobody sent before.
pub(crate) fn call(key: &str, number: usize) -> Request {
    let mut bytes = fs_err::read(picture("rgb_61x37.png")).unwrap();
    bytes.extend_from_slice(&number.to_le_bytes());
    let body = json!({ "input": [{ "image": crate::serve::base64(&bytes) }] });
    Request::post("/v1/embeddings", &body).header("authorization", &format!("Bearer {key}"))
}

/// A request with a key and no body.
pub(crate) fn get(key: &str, path: &str) -> Request {
    Request::get(path).header("authorization", &format!("Bearer {key}"))
}
