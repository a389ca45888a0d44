//! Reports beside figures that others have published, each figure with its source.

use std::collections::BTreeMap;

use crate::published::{Benchmark, Metric, Published, Source};
use crate::report::Report;

/// The rows of our own reports.
const OURS: &str = "measured with polysight";

/// Figures of models on benchmarks.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The columns.
    pub benchmarks: Vec<Benchmark>,
    /// The rows; those of one group stand together.
    pub rows: Vec<Row>,
    /// Where the figures come from; a figure names its place in this list.
    pub sources: Vec<Source>,
}

/// A model.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is called.
    pub name: String,
    /// Its size and patches, or how it was computed.
    pub detail: String,
    /// The rows that it stands with.
    pub group: String,
    /// Who has measured it.
    pub origin: Origin,
    /// By the benchmark's id.
    pub figures: BTreeMap<String, Figure>,
}

/// Who has measured a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This program.
    Measured,
    /// Others; it is a SigLIP.
    PublishedSiglip,
    /// Others; it is another model.
    Published,
}

/// A number and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// In percent.
    pub percent: f64,
    /// Its place in [`Comparison::sources`].
    pub source: usize,
}

impl Comparison {
    /// Sets reports, each with the name of its file, beside published figures. A report of a data set that nobody has
    /// published on gets columns of its own. Reports of one model, computed alike, are one row.
    pub fn new(published: Published, reports: &[(String, Report)]) -> Self {
        let Published { sources, benchmarks, models } = published;
        let mut rows = Vec::new();
        for model in models {
            let mut figures = BTreeMap::new();
            for (source, by_benchmark) in &model.figures {
                let source = sources.iter().position(|known| known.id == *source);
                let source = source.unwrap_or_default();
                for (benchmark, percent) in by_benchmark {
                    figures.insert(benchmark.clone(), Figure { percent: *percent, source });
                }
            }
            let is_siglip = model.name.starts_with("SigLIP");
            rows.push(Row {
                name: model.name,
                detail: format!("{}, {} patches", model.size, model.patches),
                group: model.group,
                origin: if is_siglip { Origin::PublishedSiglip } else { Origin::Published },
                figures,
            });
        }
        let mut comparison = Self { benchmarks, rows, sources };
        let mut own = Vec::new();
        for (file, report) in reports {
            comparison.add(file, report, &mut own);
        }
        // Our own come first.
        own.append(&mut comparison.rows);
        comparison.rows = own;
        comparison.drop_empty();
        comparison
    }

    fn add(&mut self, file: &str, report: &Report, own: &mut Vec<Row>) {
        let source = self.sources.len();
        let fingerprint = report.model.fingerprint.as_deref().unwrap_or("no fingerprint");
        self.sources.push(Source {
            id: file.to_owned(),
            title: format!(
                "{}, {}, {fingerprint}: {} pictures of {}",
                report.program, report.model.name, report.data_set.pictures, report.data_set.name
            ),
            url: file.to_owned(),
        });
        let (name, detail) = (&report.model.name, &report.model.computed_by);
        let place = own.iter().position(|row| row.name == *name && row.detail == *detail);
        let place = place.unwrap_or_else(|| {
            own.push(Row {
                name: name.clone(),
                detail: detail.clone(),
                group: OURS.to_owned(),
                origin: Origin::Measured,
                figures: BTreeMap::new(),
            });
            own.len() - 1
        });
        for metric in Metric::ALL {
            let Some(percent) = metric.of(report) else { continue };
            let known =
                |benchmark: &&Benchmark| benchmark.metric == metric && benchmark.is_of(report);
            let id = match self.benchmarks.iter().find(known) {
                Some(benchmark) => benchmark.id.clone(),
                None => self.column(report, metric),
            };
            own[place].figures.insert(id, Figure { percent, source });
        }
    }

    /// The column of a data set that nobody has published on.
    fn column(&mut self, report: &Report, metric: Metric) -> String {
        let id = format!("{} {}", own_title(report), metric.title());
        if !self.benchmarks.iter().any(|benchmark| benchmark.id == id) {
            self.benchmarks.push(Benchmark {
                id: id.clone(),
                title: own_title(report),
                metric,
                data_sets: Vec::new(),
                captions: None,
                languages: None,
            });
        }
        id
    }

    /// Leaves out columns without figures.
    fn drop_empty(&mut self) {
        let rows = &self.rows;
        self.benchmarks
            .retain(|benchmark| rows.iter().any(|row| row.figures.contains_key(&benchmark.id)));
    }
}

/// A data set with what makes its figures another thing: which captions, how many languages.
fn own_title(report: &Report) -> String {
    let mut title = report.data_set.name.clone();
    if report.retrieval.as_ref().is_some_and(|retrieval| retrieval.captions == "first") {
        title += " (first)";
    }
    match report.languages().as_slice() {
        [] | [None] => title,
        [Some(language)] => format!("{title}, {language}"),
        several => format!("{title}, {} languages", several.len()),
    }
}

impl Metric {
    const ALL: [Self; 4] =
        [Self::Accuracy, Self::MeanAveragePrecision, Self::ImageToText, Self::TextToImage];
}
