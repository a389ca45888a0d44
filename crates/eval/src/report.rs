//! What a measurement says. Shares are numbers from 0 to 1.

use serde::{Deserialize, Serialize};

/// The whole of it: the file `result.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `eval.result`.
    pub object: String,
    /// The program and its version.
    #[serde(default)]
    pub program: String,
    /// What was measured on.
    pub data_set: DataSet,
    /// What was measured.
    pub model: Measured,
    /// From the first picture to the last figure.
    #[serde(default)]
    pub seconds: f64,
    /// Zero-shot classification, in each language.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classification: Vec<Classification>,
    /// Zero-shot classification with several classes a picture, in each language.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub multi_label: Vec<MultiLabel>,
    /// Retrieval both ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieval: Option<Retrieval>,
}

/// What was measured on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataSet {
    /// Its name.
    pub name: String,
    /// All pictures, failed ones among them.
    pub pictures: usize,
    /// Members of tars, or pictures of a file, about which too little is said to measure on them.
    pub left_out: usize,
    /// Pictures that have no embedding, and count as wrong.
    pub failed: usize,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

/// A picture without an embedding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The sample's name.
    pub key: String,
    /// Why.
    pub problem: String,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The model's name.
    pub name: String,
    /// Tells apart models of one name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// A precision and an instruction set, or the address of an API.
    pub computed_by: String,
}

/// Zero-shot classification in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// Of the classes' names.
    pub language: Option<String>,
    /// The sentences around the names.
    pub templates: Vec<String>,
    /// Pictures of the classes that have a name.
    pub pictures: usize,
    /// Classes that have a name.
    pub classes: usize,
    /// The share of pictures whose class is the first.
    pub accuracy_at_1: f64,
    /// The share of pictures whose class is among the first five.
    pub accuracy_at_5: f64,
    /// The mean, over the classes that have pictures, of the share of their pictures whose class is the first.
    pub mean_per_class_recall: f64,
    /// Every class.
    pub per_class: Vec<ClassResult>,
    /// The mistakes that were made most often.
    pub top_confusions: Vec<Confusion>,
    /// `[true class][answer]`, pictures without an embedding not counted; absent when there are too many classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion_matrix: Option<Vec<Vec<u32>>>,
    /// Absent when the embedder has no scale and bias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// A class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassResult {
    /// What it is called.
    pub name: String,
    /// How many pictures it has.
    pub pictures: usize,
    /// The share of them whose class is the first; absent with several classes a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// With several classes a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_precision: Option<f64>,
}

/// A mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// The name of the true class.
    pub truth: String,
    /// The name of the answer.
    pub answer: String,
    /// How many pictures.
    pub pictures: u32,
}

/// Zero-shot classification with several classes a picture, in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiLabel {
    /// Of the classes' names.
    pub language: Option<String>,
    /// The sentences around the names.
    pub templates: Vec<String>,
    /// All pictures.
    pub pictures: usize,
    /// Classes that have a name.
    pub classes: usize,
    /// The mean of the average precision of the classes that have pictures.
    pub mean_average_precision: f64,
    /// Every class.
    pub per_class: Vec<ClassResult>,
    /// Absent when the embedder has no scale and bias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// Retrieval both ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retrieval {
    /// `all`, or `first` of each language.
    pub captions: String,
    /// Each on its own, with the pictures that have a caption in it.
    pub languages: Vec<LanguageRetrieval>,
    /// The mean over the languages.
    pub mean_text_to_image: Recall,
    /// The mean over the languages.
    pub mean_image_to_text: Recall,
}

/// Retrieval in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LanguageRetrieval {
    /// Its code; absent where the data set does not say.
    pub language: Option<String>,
    /// Pictures with a caption.
    pub pictures: usize,
    /// Captions.
    pub captions: usize,
    /// For each caption: is its picture among the first k?
    pub text_to_image: Recall,
    /// For each picture: is any of its captions among the first k?
    pub image_to_text: Recall,
    /// Absent when the embedder has no scale and bias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// The share of queries with a hit among the first k.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recall {
    /// k = 1.
    pub at_1: f64,
    /// k = 5.
    pub at_5: f64,
    /// k = 10.
    pub at_10: f64,
}

/// Do the probabilities mean what they say?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Every pair of a picture and a class or caption.
    pub pairs: Reliability,
    /// For each picture, its best class or caption.
    pub best: Reliability,
    /// From which probability on are so many of the selected pairs right?
    pub thresholds: Vec<Threshold>,
}

/// Probabilities beside what came true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// How many probabilities.
    pub count: u64,
    /// The mean distance of probability and truth over the bins, weighted by their counts (ECE).
    pub expected_calibration_error: f64,
    /// Of equal width.
    pub bins: Vec<Bin>,
}

/// Probabilities of some size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// The lower end, within.
    pub from: f64,
    /// The upper end, without but for 1.
    pub to: f64,
    /// How many.
    pub count: u64,
    /// Their mean; 0 when there are none.
    pub mean_probability: f64,
    /// The share that came true; 0 when there are none.
    pub share_right: f64,
}

/// A place to cut.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The precision that was wanted.
    pub wanted_precision: f64,
    /// Pairs of at least this probability are selected; absent when no threshold gives the precision.
    pub probability: Option<f64>,
    /// The share of the selected pairs that are right.
    pub precision: Option<f64>,
    /// The share of the right pairs that are selected.
    pub recall: Option<f64>,
}

impl Report {
    /// Reads a report.
    ///
    /// # Errors
    /// When the text is none.
    pub fn from_json(text: &str) -> Result<Self, crate::EvalError> {
        Ok(serde_json::from_str(text)?)
    }

    /// The languages that were measured, in the report's order; `None` is one that nobody has named.
    pub fn languages(&self) -> Vec<Option<&str>> {
        let classification = self.classification.iter().map(|one| one.language.as_deref());
        let multi_label = self.multi_label.iter().map(|one| one.language.as_deref());
        let retrieval = self.retrieval.iter().flat_map(|retrieval| &retrieval.languages);
        let retrieval = retrieval.map(|one| one.language.as_deref());
        classification.chain(multi_label).chain(retrieval).collect()
    }

    /// The report as JSON for people and programs, with a line break at its end.
    ///
    /// # Panics
    /// Never: it is made of texts and finite numbers.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is made of texts and numbers") + "\n"
    }
}
