//! What is measured how, and who watches.

use datasets::LanguageClasses;
use kernels::Compute;

/// The sentences that stand for a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateChoice {
    /// The built-in set of the language of the classes' names, where that is known; else the data set's own; else `auto`.
    Automatic,
    /// Sentences or names of built-in sets, as [`model::templates::choose`] takes them.
    Given(Vec<String>),
}

/// How to measure.
pub struct Plan {
    /// The sentences of zero-shot classification.
    pub templates: TemplateChoice,
    /// Names of the classes in place of the data set's own, measured one language after the other; none means the data
    /// set's own.
    pub class_names: Vec<LanguageClasses>,
    /// The precisions, 0 to 1, for which thresholds are looked for.
    pub precisions: Vec<f64>,
    /// What multiplies embeddings.
    pub compute: Compute,
}

impl Plan {
    /// The precisions that reports have when nobody says.
    pub const PRECISIONS: [f64; 5] = [0.5, 0.8, 0.9, 0.95, 0.99];

    /// Everything as the data set has it.
    pub fn new(compute: Compute) -> Self {
        Self {
            templates: TemplateChoice::Automatic,
            class_names: Vec::new(),
            precisions: Self::PRECISIONS.to_vec(),
            compute,
        }
    }
}

/// A part of the work that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Pictures are embedded.
    Pictures,
    /// Sentences about classes are embedded.
    Prompts,
    /// Captions are embedded.
    Captions,
}

/// Sees how far the work is, and what fails.
pub trait Watcher {
    /// So much of it begins.
    fn begin(&mut self, work: Work, total: usize);

    /// So much of it is done.
    fn advance(&mut self, done: usize);

    /// It is done.
    fn end(&mut self);

    /// A picture counts as wrong, for this reason.
    fn failed(&mut self, key: &str, problem: &str);
}

/// Nobody watches.
impl Watcher for () {
    fn begin(&mut self, _work: Work, _total: usize) {}

    fn advance(&mut self, _done: usize) {}

    fn end(&mut self) {}

    fn failed(&mut self, _key: &str, _problem: &str) {}
}
