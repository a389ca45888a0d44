//! Figures that others have published, from `data/published.json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Report;

/// Figures of others, and where they stand.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Where figures stand.
    pub sources: Vec<Source>,
    /// What they are figures of, in the order of the chart's columns.
    pub benchmarks: Vec<Benchmark>,
    /// Whose they are, in the order of the chart's rows.
    pub models: Vec<PublishedModel>,
}

/// Where figures stand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What the figures call it.
    pub id: String,
    /// Authors, title, table.
    pub title: String,
    /// Where it can be read.
    pub url: String,
}

/// A data set and what is measured on it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benchmark {
    /// What the figures call it.
    pub id: String,
    /// As people call it.
    pub title: String,
    /// What is measured.
    pub metric: Metric,
    /// Names of data sets that reports have for it, without `wds_`, points, hyphens and underscores.
    #[serde(default)]
    pub data_sets: Vec<String>,
    /// The choice of captions that it means, when it means one.
    #[serde(default)]
    pub captions: Option<String>,
    /// The number of languages over which it is a mean, when it is one.
    #[serde(default)]
    pub languages: Option<usize>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Zero-shot classification.
    Accuracy,
    /// Zero-shot classification with several classes a picture.
    MeanAveragePrecision,
    /// Captions find pictures.
    TextToImage,
    /// Pictures find captions.
    ImageToText,
}

impl Metric {
    /// In a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Accuracy => "acc@1",
            Self::MeanAveragePrecision => "mAP",
            Self::TextToImage => "text to image R@1",
            Self::ImageToText => "image to text R@1",
        }
    }

    /// The figure of a report in percent, the mean over its languages; `None` when it has none.
    pub fn of(self, report: &Report) -> Option<f64> {
        let retrieval = report.retrieval.as_ref();
        let share = match self {
            Self::Accuracy => {
                mean(report.classification.iter().map(|language| language.accuracy_at_1))
            }
            Self::MeanAveragePrecision => {
                mean(report.multi_label.iter().map(|language| language.mean_average_precision))
            }
            Self::TextToImage => retrieval.map(|retrieval| retrieval.mean_text_to_image.at_1),
            Self::ImageToText => retrieval.map(|retrieval| retrieval.mean_image_to_text.at_1),
        };
        share.map(|share| 100.0 * share)
    }
}

fn mean(numbers: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = numbers.len();
    (count > 0).then(|| numbers.sum::<f64>() / count as f64)
}

/// A model that others have measured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedModel {
    /// Its family.
    pub name: String,
    /// Of its image tower.
    pub size: String,
    /// Into which a picture is cut.
    pub patches: usize,
    /// The rows that it stands with.
    pub group: String,
    /// In percent: source, benchmark, figure.
    pub figures: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Published {
    /// The figures that come with this crate.
    ///
    /// # Panics
    /// Never: a test reads the file.
    pub fn load() -> Self {
        serde_json::from_str(include_str!("../data/published.json"))
            .expect("the crate's own file is as its type says")
    }
}

impl Benchmark {
    /// Whether a report is one of this benchmark, and measured as it says.
    pub fn is_of(&self, report: &Report) -> bool {
        let name = plain(&report.data_set.name);
        let is_named = self.data_sets.iter().any(|known| plain(known) == name);
        let languages = report.languages();
        // Another language's names or captions are another benchmark.
        let in_english = matches!(languages.as_slice(), [None | Some("en")]);
        let captions = report.retrieval.as_ref().map(|retrieval| &retrieval.captions);
        is_named
            && self.captions.as_ref().is_none_or(|wanted| captions == Some(wanted))
            && self.languages.map_or(in_english, |count| languages.len() == count)
    }
}

fn plain(name: &str) -> String {
    let name = name.to_lowercase();
    let name = name.strip_prefix("wds_").unwrap_or(&name);
    name.chars().filter(|character| character.is_alphanumeric()).collect()
}
