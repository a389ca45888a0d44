//! What a loaded model must be able to do; tests put something else in SigLIP's place.

use model::{Embeddings, ModelError, Scoring, Siglip};
use pixels::{PixelsError, RgbImage};
use tokens::Encoding;
use weights::Tower;

/// Computes vectors; may be used from many threads.
pub(crate) trait Backend: Send + Sync {
    /// Bytes to a picture of the tower's size.
    fn prepare(&self, bytes: &[u8]) -> Result<RgbImage, PixelsError>;
    /// Text to ids.
    fn tokenize(&self, text: &str) -> Result<Encoding, ModelError>;
    /// Rows of length 1.
    fn embed_images(&self, pictures: &[&RgbImage]) -> Result<Embeddings, ModelError>;
    /// Rows of length 1.
    fn embed_texts(&self, texts: &[&Encoding]) -> Result<Embeddings, ModelError>;
    /// From cosines to probabilities.
    fn scoring(&self) -> Result<Scoring, ModelError>;
    /// D of a tower, when the model has it.
    fn dimension(&self, tower: Tower) -> Option<usize>;
    /// Makes a tower ready.
    fn load(&self, tower: Tower) -> Result<(), ModelError>;
    /// The size of the vision tower's pictures, in pixels.
    fn picture_size(&self) -> PictureSize;
}

/// The pixels of a side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PictureSize {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Backend for Siglip {
    fn prepare(&self, bytes: &[u8]) -> Result<RgbImage, PixelsError> {
        self.preprocessor().prepare(bytes)
    }

    fn tokenize(&self, text: &str) -> Result<Encoding, ModelError> {
        Self::tokenize(self, text)
    }

    fn embed_images(&self, pictures: &[&RgbImage]) -> Result<Embeddings, ModelError> {
        Self::embed_images(self, pictures)
    }

    fn embed_texts(&self, texts: &[&Encoding]) -> Result<Embeddings, ModelError> {
        Self::embed_texts(self, texts)
    }

    fn scoring(&self) -> Result<Scoring, ModelError> {
        Self::scoring(self)
    }

    fn dimension(&self, tower: Tower) -> Option<usize> {
        self.engine().dimension(tower)
    }

    fn load(&self, tower: Tower) -> Result<(), ModelError> {
        self.engine().load(tower)
    }

    fn picture_size(&self) -> PictureSize {
        let preprocessor = self.preprocessor();
        PictureSize { width: preprocessor.width(), height: preprocessor.height() }
    }
}
