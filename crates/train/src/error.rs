//! What can go wrong while a model is trained.

use std::path::PathBuf;

/// Why a training cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A JSON file.
    #[error("not the JSON that was expected: {0}")]
    Json(#[from] serde_json::Error),
    /// A file of tensors.
    #[error("not the tensors that were expected: {0}")]
    Tensors(#[from] safetensors::SafeTensorError),
    /// The recipe.
    #[error("the recipe: {0}")]
    Recipe(String),
    /// A checkpoint of another model.
    #[error("the checkpoint {}: {problem}", folder.display())]
    Checkpoint {
        /// Its folder.
        folder: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A model to begin from.
    #[error(transparent)]
    Weights(#[from] weights::WeightsError),
    /// A tokenizer.
    #[error(transparent)]
    Tokens(#[from] tokens::TokensError),
    /// An example cannot be made.
    #[error("example {index}: {problem}")]
    Example {
        /// Which, counted over the whole training.
        index: u64,
        /// What is wrong.
        problem: String,
    },
    /// The thread that makes batches ended.
    #[error("the thread that makes batches has ended; this is a bug")]
    Loader,
    /// The loss is no number any more.
    #[error("the loss is {loss} at step {step}: the learning rate may be too high")]
    Diverged {
        /// What it is.
        loss: f64,
        /// When.
        step: u64,
    },
}
