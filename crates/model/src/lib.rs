//! SigLIP on the CPU: towers, scores, prompt templates, labels.
//!
//! [`Siglip`] is a model as its users see it; [`LabelVectors`] answers "which of these labels is
//! it?". Below them [`Engine`] computes raw embeddings, so that something else than the CPU may
//! take its place. The computation is that of `modeling_siglip.py` in transformers 5.23, and
//! `docs/NUMERICS.md` says how closely.
//!
//! What this crate does not know: HTTP, SQL, accounts, where model folders come from.
#![forbid(unsafe_code)]

mod agreement;
mod balance;
mod encoder;
mod engine;
mod error;
mod fingerprint;
mod formats;
mod label_groups;
mod labels;
mod last_block;
mod linear;
mod map_head;
mod operations;
mod packed_cache;
mod pad_rows;
mod precision;
mod rank;
mod score;
mod siglip;
mod stage;
pub mod templates;
mod text;
mod vision;

pub use agreement::{Logits, ScoreAgreement, Summary, closeness};
pub use engine::{CpuEngine, Engine};
pub use error::ModelError;
pub use formats::product_format;
pub use label_groups::{
    GroupMode, GroupedLabel, GroupedScore, LabelGroup, SELECTED_FROM, score_groups,
    turned_to_examples,
};
pub use labels::{Label, LabelScore, LabelVectors, Progress, label_vector};
pub use operations::operations;
pub use packed_cache::PackedCacheError;
pub use precision::Precision;
pub use rank::kendall_tau;
pub use score::{Embeddings, Score, Scoring, cosine, sigmoid, softmax};
pub use siglip::{Options, Siglip};
pub use stage::{Observer, Stage};
pub use templates::Template;
