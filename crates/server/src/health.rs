//! Whether the server may be sent requests.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::app::App;
use crate::registry::State;

/// How often the canaries are asked.
pub(crate) const INTERVAL: Duration = Duration::from_secs(15);

/// A canary passes large requests, so that a long wait means that the engine hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was last found, and whether the server is stopping.
#[derive(Debug, Default)]
pub(crate) struct Health {
    findings: Mutex<Findings>,
}

#[derive(Clone, Debug, Default)]
struct Findings {
    problems: Vec<String>,
    stopping: bool,
}

impl Health {
    fn with<R>(&self, act: impl FnOnce(&mut Findings) -> R) -> R {
        act(&mut self.findings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// No new requests, please.
    pub(crate) fn stop(&self) {
        self.with(|findings| findings.stopping = true);
    }

    /// What stands in the way of answering; nothing when the server is ready.
    pub(crate) fn problems(&self, app: &App) -> Vec<String> {
        let Findings { mut problems, stopping } = self.with(|findings| findings.clone());
        if stopping {
            problems.push("the server is stopping".to_owned());
        }
        if app.accounts.as_ref().is_some_and(|accounts| !accounts.is_well()) {
            problems.push("the accounts' database does not answer".to_owned());
        }
        for entry in app.registry.entries() {
            let id = &entry.spec.id;
            match entry.state() {
                State::Loading => problems.push(format!("{id}: loading")),
                State::Cold(Some(_)) => problems.push(format!("{id}: cannot be loaded")),
                State::Ready(model) if !model.is_alive() => {
                    problems.push(format!("{id}: a worker is dead"));
                }
                State::Cold(None) | State::Ready(_) => {}
            }
        }
        problems
    }
}

/// Asks the canaries of all loaded models.
pub(crate) async fn check(app: &App) {
    let mut problems = Vec::new();
    for entry in app.registry.entries() {
        let State::Ready(model) = entry.state() else { continue };
        let checked = tokio::time::timeout(PATIENCE, model.check()).await;
        let checked = checked.unwrap_or_else(|_| Err("the canary is not answered".to_owned()));
        if let Err(problem) = checked {
            tracing::error!(model = entry.spec.id, problem, "health");
            problems.push(format!("{}: {problem}", entry.spec.id));
        }
    }
    app.health.with(|findings| findings.problems = problems);
}
