//! Why a measurement cannot be made.

use datasets::DatasetError;
use model::ModelError;

use crate::EmbedderError;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The data set's labels cannot be read. A picture that cannot be read is no error: it counts as wrong.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A template has no place for the class.
    #[error(transparent)]
    Template(#[from] ModelError),
    /// What embeds has failed as a whole.
    #[error(transparent)]
    Embedder(#[from] EmbedderError),
    /// Nothing to measure.
    #[error("none of the {count} pictures could be embedded; the first: {first}")]
    NoPictures {
        /// How many there are.
        count: usize,
        /// Why the first could not.
        first: String,
    },
    /// An embedding is not made of numbers.
    #[error("the embedding of the text {text:?} is not finite")]
    NotFinite {
        /// What was embedded.
        text: String,
    },
    /// Pictures and texts cannot be compared.
    #[error("the embeddings of pictures have {pictures} numbers, those of texts {texts}")]
    Dimensions {
        /// Of pictures.
        pictures: usize,
        /// Of texts.
        texts: usize,
    },
    /// Classes cannot be asked about without their names.
    #[error("the data set {0} has classes without names; give a file of names")]
    NoClassNames(String),
    /// No picture has a caption in a chosen language, or no class a name.
    #[error("the data set {0} has nothing in the chosen languages")]
    NothingChosen(String),
    /// A file is no report of this program.
    #[error("no report of an evaluation: {0}")]
    Report(#[from] serde_json::Error),
}
