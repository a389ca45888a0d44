//! From a data set and an embedder to a report.

use std::time::Instant;

use datasets::{Dataset, Kind};

use crate::gather::gather;
use crate::plan::{Plan, Watcher};
use crate::report::{Measured, Report};
use crate::{Embedder, EvalError, classify, retrieval};

/// Measures an embedder on a data set: classification where there are classes, retrieval where there are captions.
///
/// # Errors
/// When the data set's labels cannot be read, no picture can be embedded, or the embedder fails as a whole.
pub fn evaluate(
    dataset: &Dataset,
    embedder: &dyn Embedder,
    plan: &Plan,
    watcher: &mut dyn Watcher,
) -> Result<Report, EvalError> {
    let begin = Instant::now();
    let classes = dataset.kind() != Kind::Captions;
    if classes && dataset.class_names().is_empty() && plan.class_names.is_empty() {
        return Err(EvalError::NoClassNames(dataset.name().to_owned()));
    }
    let gathered = gather(dataset, embedder, watcher)?;
    let identity = embedder.identity()?;
    let mut report = Report {
        object: "eval.result".to_owned(),
        program: concat!("polysight ", env!("CARGO_PKG_VERSION")).to_owned(),
        data_set: gathered.describe(dataset),
        model: Measured {
            name: identity.name,
            fingerprint: identity.fingerprint,
            computed_by: identity.computed_by,
        },
        seconds: 0.0,
        classification: Vec::new(),
        multi_label: Vec::new(),
        retrieval: None,
    };
    if classes {
        classify::measure(dataset, &gathered, embedder, plan, &mut report, watcher)?;
    } else {
        report.retrieval = Some(retrieval::measure(dataset, &gathered, embedder, plan, watcher)?);
    }
    report.seconds = begin.elapsed().as_secs_f64();
    Ok(report)
}
