//! What is measured: something that embeds pictures and texts.

use std::error::Error;

use model::{Embeddings, Scoring};

/// Why an embedder as a whole has failed.
pub type EmbedderError = Box<dyn Error + Send + Sync>;

/// A picture's embedding; or, in one line, why there is none. Whoever measures gives it the length 1.
pub type PictureEmbedding = Result<Vec<f32>, String>;

/// Who it was that embedded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The model's name.
    pub name: String,
    /// Tells apart models of one name, where the embedder can say.
    pub fingerprint: Option<String>,
    /// How it was computed: a precision and an instruction set, or an address.
    pub computed_by: String,
}

/// Something that embeds pictures and texts: the engine of this program, or an API.
pub trait Embedder {
    /// Who it is.
    ///
    /// # Errors
    /// When it cannot say.
    fn identity(&self) -> Result<Identity, EmbedderError>;

    /// How cosines become probabilities; without it there is no calibration.
    fn scoring(&self) -> Option<Scoring>;

    /// Embeds encoded pictures, each on its own: one that cannot be decoded does not hurt the others.
    ///
    /// # Errors
    /// When it cannot embed at all.
    fn embed_pictures(&self, pictures: &[Vec<u8>]) -> Result<Vec<PictureEmbedding>, EmbedderError>;

    /// Embeds texts as they are, a row each, which whoever measures gives the length 1.
    ///
    /// # Errors
    /// When it cannot embed them.
    fn embed_texts(&self, texts: &[String]) -> Result<Embeddings, EmbedderError>;
}
