//! `polysight eval compare`: results beside published figures.

use eval::{Comparison, Published, Report, chart, markdown};
use serde::Serialize;

use crate::arguments::eval::CompareArguments;
use crate::console::Console;
use crate::environment::Environment;
use crate::eval::output;
use crate::exit::Outcome;
use crate::reply::json;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Reply<'a> {
    object: &'static str,
    figures: Vec<FigureReply<'a>>,
}

#[derive(Debug, Serialize)]
struct FigureReply<'a> {
    model: &'a str,
    detail: &'a str,
    benchmark: &'a str,
    metric: &'static str,
    percent: f64,
    source: &'a str,
    url: &'a str,
}

/// Runs the command.
///
/// # Errors
/// When a result cannot be read or the chart cannot be written.
pub(crate) fn run(
    arguments: &CompareArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let mut reports = Vec::new();
    for path in &arguments.results {
        let name = path.display().to_string();
        let text = fs_err::read_to_string(path)?;
        let report = Report::from_json(&text)
            .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        reports.push((name, report));
    }
    let comparison = Comparison::new(Published::load(), &reports);
    if let Some(path) = &arguments.out {
        output::replace(path, chart::comparison(&comparison).as_bytes())?;
    }
    if arguments.output.json {
        console.print(json(&reply(&comparison)) + "\n")?;
    } else if arguments.out.is_none() {
        console.print(markdown::comparison(&comparison))?;
    }
    console.flush()?;
    Ok(Outcome::Complete)
}

fn reply(comparison: &Comparison) -> Reply<'_> {
    let mut figures = Vec::new();
    for row in &comparison.rows {
        for benchmark in &comparison.benchmarks {
            let Some(figure) = row.figures.get(&benchmark.id) else { continue };
            let source = &comparison.sources[figure.source];
            figures.push(FigureReply {
                model: &row.name,
                detail: &row.detail,
                benchmark: &benchmark.title,
                metric: benchmark.metric.title(),
                percent: figure.percent,
                source: &source.title,
                url: &source.url,
            });
        }
    }
    Reply { object: "eval.comparison", figures }
}
