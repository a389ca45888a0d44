//! How good is a model? Zero-shot classification, retrieval and calibration over anything that embeds.
//!
//! [`evaluate`] takes a data set and an [`Embedder`] and gives a [`Report`], which is JSON, Markdown
//! ([`markdown::report`]) and charts ([`chart::of_report`]). [`Comparison`] sets reports beside figures that others have
//! published, each with its source.
//!
//! A picture that cannot be embedded counts as wrong, so that two runs over the same data set have the same denominator.
//! Where two scores are equal the lower index is the better one.
//!
//! What this crate does not know: HTTP, accounts, how a tower computes, the layout of a data set.
#![forbid(unsafe_code)]

mod calibration;
pub mod chart;
mod classification;
mod classify;
mod comparison;
mod embedder;
mod engine;
mod error;
mod evaluate;
mod gather;
pub mod markdown;
mod plan;
mod precision;
mod published;
mod rank;
mod report;
mod retrieval;
mod similarity;

pub use calibration::Calibrator;
pub use classification::ClassificationTally;
pub use comparison::{Comparison, Figure, Origin, Row};
pub use embedder::{Embedder, EmbedderError, Identity, PictureEmbedding};
pub use engine::EngineEmbedder;
pub use error::EvalError;
pub use evaluate::evaluate;
pub use plan::{Plan, TemplateChoice, Watcher, Work};
pub use precision::average_precision;
pub use published::{Benchmark, Metric, Published, Source};
pub use rank::{Ranked, rank_of_best};
pub use report::{
    Bin, Calibration, ClassResult, Classification, Confusion, DataSet, Failure, LanguageRetrieval,
    Measured, MultiLabel, Recall, Reliability, Report, Retrieval, Threshold,
};
pub use similarity::Similarities;
