//! What can go wrong between a model folder and a score.

use weights::Tower;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The model folder is not usable.
    #[error(transparent)]
    Weights(#[from] weights::WeightsError),
    /// The tokenizer is not usable, or refuses a text.
    #[error(transparent)]
    Tokens(#[from] tokens::TokensError),
    /// A picture cannot be decoded.
    #[error(transparent)]
    Pixels(#[from] pixels::PixelsError),
    /// The tower's packed weights on disk cannot be used. No load fails with it: the checkpoint takes their place.
    #[error(transparent)]
    PackedCache(#[from] crate::PackedCacheError),
    /// A file of the model folder cannot be read.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The checkpoint lacks the tower that the call needs.
    #[error("the model {model} has no {} tower", match tower {
        Tower::Vision => "vision",
        Tower::Text => "text",
    })]
    NoTower {
        /// The model's name.
        model: String,
        /// What it lacks.
        tower: Tower,
    },
    /// The checkpoint's vision tower has no pooling head, so it gives no embedding.
    #[error("the vision tower of {0} has no pooling head (vision_use_head is false)")]
    NoMapHead(String),
    /// The towers' embeddings cannot be compared.
    #[error("the model {0} gives no scores: it lacks a tower, logit_scale or logit_bias")]
    NoScores(String),
    /// The towers' embeddings differ in length.
    #[error(
        "image embeddings have {image} numbers, text embeddings {text}: they cannot be compared"
    )]
    Dimensions {
        /// Of the vision tower.
        image: usize,
        /// Of the text tower.
        text: usize,
    },
    /// A picture handed to the engine does not have the tower's size.
    #[error("picture {index} is {width}x{height} pixels; the vision tower takes {size}x{size}")]
    PictureSize {
        /// Its place in the batch.
        index: usize,
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// What was expected, in pixels.
        size: usize,
    },
    /// A token id that the table does not have.
    #[error("token id {id} is beyond the table of {vocabulary} rows")]
    TokenId {
        /// The id.
        id: u32,
        /// Rows of the table.
        vocabulary: usize,
    },
    /// The name of a precision is unknown.
    #[error("unknown precision {0:?}; one of f32, bf16, int8, auto was expected")]
    UnknownPrecision(String),
    /// A template without a place for the label.
    #[error("the template {0:?} has no {{}} or {{c}} for the label, and no built-in set has this name (there are: {known})", known = crate::templates::known_names())]
    Template(String),
}
