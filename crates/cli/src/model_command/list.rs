//! `polysight model list`: what the cache holds.

use hub::CachedModel;
use serde::Serialize;

use crate::arguments::ModelListArguments;
use crate::console::Console;
use crate::environment::Environment;
use crate::exit::Outcome;
use crate::reply::json;
use crate::{hub_access, table};

#[derive(Debug, Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

#[derive(Debug, Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    commit: &'a str,
    revisions: &'a [String],
    #[serde(rename = "model_type")]
    kind: &'a str,
    bytes: u64,
    folder: String,
}

pub(crate) fn run(
    arguments: &ModelListArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let models = hub_access::open_offline(environment)?.list()?;
    if arguments.output.json {
        let data = models.iter().map(|model| Model {
            id: &model.id,
            object: "model",
            commit: &model.commit,
            revisions: &model.revisions,
            kind: &model.model_type,
            bytes: model.bytes,
            folder: model.folder.display().to_string(),
        });
        let list = List { object: "list", data: data.collect() };
        console.print(format!("{}\n", json(&list)))?;
    } else if models.is_empty() {
        console.note("no SigLIP models in the cache; `polysight model pull ID` downloads one");
    } else {
        let heading = ["model", "size", "revision"].map(str::to_owned);
        let rows = models.iter().map(row).collect::<Vec<_>>();
        let table = table::columns(&heading, &rows, console.colour());
        console.print(table)?;
    }
    console.flush()?;
    Ok(Outcome::Complete)
}

fn row(model: &CachedModel) -> Vec<String> {
    let revision = match model.revisions.as_slice() {
        [] => model.commit.chars().take(12).collect(),
        revisions => revisions.join(", "),
    };
    vec![model.id.clone(), table::bytes(model.bytes), revision]
}
