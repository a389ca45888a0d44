//! `polysight model pull`: a model from the server into the cache.

use hub::{Event, Progress};
use serde::Serialize;

use crate::arguments::ModelPullArguments;
use crate::console::Console;
use crate::environment::Environment;
use crate::exit::Outcome;
use crate::hub_access;
use crate::reply::json;

#[derive(Debug, Serialize)]
struct Pulled<'a> {
    object: &'static str,
    id: &'a str,
    revision: &'a str,
    folder: String,
}

pub(crate) fn run(
    arguments: &ModelPullArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let hub = hub_access::open(environment)?;
    let (id, revision) = (&arguments.id, &arguments.revision);
    let mut bars = Bars { console: &mut console };
    let pulled = hub.pull(id, revision, &mut bars);
    console.end();
    let folder = pulled?;
    let text = if arguments.output.json {
        json(&Pulled { object: "model", id, revision, folder: folder.display().to_string() })
    } else {
        folder.display().to_string()
    };
    console.print(format!("{text}\n"))?;
    console.flush()?;
    Ok(Outcome::Complete)
}

/// A bar for each file, one after the other.
struct Bars<'a> {
    console: &'a mut Console,
}

impl Progress for Bars<'_> {
    fn report(&mut self, event: Event<'_>) {
        match event {
            Event::Started { file, done, total } => {
                self.console.begin_bytes(file, total);
                self.console.advance_to(done);
            }
            Event::Advanced { done, .. } => self.console.advance_to(done),
            Event::Waiting { file } => {
                self.console.note(&format!("{file}: another process downloads it; waiting"));
            }
            Event::Retrying { file, problem, pause } => self
                .console
                .note(&format!("{file}: {problem}; trying again in {:.1} s", pause.as_secs_f32())),
            Event::Finished { file } => {
                self.console.end();
                self.console.note(&format!("{file}: downloaded"));
            }
            _ => {}
        }
    }
}
