//! A model as its users see it: pictures and sentences in, embeddings of length 1 out.

use std::borrow::Borrow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use kernels::Isa;
use pixels::{Filter, Limits, Preprocessor, RgbImage};
use tokens::{Canonicalization, Encoding, Tokenizer, TokenizerOptions};
use weights::{Checkpoint, Resample, Tower};

use crate::{CpuEngine, Embeddings, Engine, ModelError, PackedCacheError, Precision, Scoring};

/// How to open a model.
#[derive(Clone, Debug)]
pub struct Options {
    /// The kernels' instruction set.
    pub isa: Isa,
    /// Threads of the engine, the caller's among them.
    pub threads: usize,
    /// What the towers compute in.
    pub precision: Precision,
    /// What a text goes through before it is cut into tokens.
    pub canonicalization: Canonicalization,
    /// What a picture may cost to decode.
    pub limits: Limits,
    /// The folder of packed towers: see [`CpuEngine::with_packed_cache`].
    pub packed_cache: Option<PathBuf>,
}

/// A checkpoint, ready to embed.
///
/// Opening reads headers only: each tower is loaded at its first use, and so is the tokenizer.
pub struct Siglip {
    checkpoint: Arc<Checkpoint>,
    engine: CpuEngine,
    precision: Precision,
    preprocessor: Preprocessor,
    canonicalization: Canonicalization,
    tokenizer: OnceLock<Tokenizer>,
}

impl Siglip {
    /// Opens a model folder.
    ///
    /// # Errors
    ///
    /// When the folder is not a usable model.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, ModelError> {
        let precision = options.precision.resolve(options.isa);
        let checkpoint = Arc::new(Checkpoint::open(folder)?);
        let preprocessor = preprocessor(&checkpoint, options);
        let mut engine =
            CpuEngine::new(Arc::clone(&checkpoint), options.isa, options.threads, precision);
        if let Some(folder) = &options.packed_cache {
            engine = engine.with_packed_cache(folder.clone());
        }
        Ok(Self {
            engine,
            checkpoint,
            precision,
            preprocessor,
            canonicalization: options.canonicalization,
            tokenizer: OnceLock::new(),
        })
    }

    /// The folder's own name, which is the model's id.
    pub fn name(&self) -> String {
        self.checkpoint.name()
    }

    /// Configuration and tensors.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// What computes the towers.
    pub fn engine(&self) -> &dyn Engine {
        &self.engine
    }

    /// What went wrong with the folder of packed towers since the last call. Nothing failed for it.
    pub fn take_packed_cache_problems(&self) -> Vec<PackedCacheError> {
        self.engine.take_packed_cache_problems()
    }

    /// What the towers compute in; never `Auto`.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// What turns bytes into pictures of the tower's size; may be used from many threads.
    pub fn preprocessor(&self) -> &Preprocessor {
        &self.preprocessor
    }

    /// The ids of a text, exactly as many as the text tower has positions.
    ///
    /// # Errors
    ///
    /// When the folder has no usable tokenizer.
    pub fn tokenize(&self, text: &str) -> Result<Encoding, ModelError> {
        let tokenizer = if let Some(tokenizer) = self.tokenizer.get() {
            tokenizer
        } else {
            let tokenizer = self.open_tokenizer()?;
            self.tokenizer.get_or_init(|| tokenizer)
        };
        Ok(tokenizer.encode(text)?)
    }

    fn open_tokenizer(&self) -> Result<Tokenizer, ModelError> {
        let text = &self.checkpoint.config().text;
        let options = TokenizerOptions {
            length: text.max_position_embeddings,
            vocabulary: text.vocab_size,
            canonicalization: self.canonicalization,
        };
        Ok(Tokenizer::open(self.checkpoint.folder(), &options)?)
    }

    /// Embeds pictures that [`preprocessor`](Self::preprocessor) has prepared.
    ///
    /// # Errors
    ///
    /// When the model has no vision tower, or a picture has another size.
    pub fn embed_images(&self, pictures: &[&RgbImage]) -> Result<Embeddings, ModelError> {
        let dimension = self.dimension(Tower::Vision)?;
        let mut out = vec![0.0; pictures.len() * dimension];
        self.engine.embed_images(pictures, &mut out, &mut ())?;
        Ok(Embeddings::normalise(dimension, out))
    }

    /// Embeds texts that [`tokenize`](Self::tokenize) has encoded.
    ///
    /// # Errors
    ///
    /// When the model has no text tower.
    pub fn embed_texts(&self, texts: &[impl Borrow<Encoding>]) -> Result<Embeddings, ModelError> {
        let dimension = self.dimension(Tower::Text)?;
        let ids = texts.iter().flat_map(|text| text.borrow().ids.iter().copied());
        let ids = ids.collect::<Vec<_>>();
        let mut out = vec![0.0; texts.len() * dimension];
        self.engine.embed_texts(&ids, &mut out, &mut ())?;
        Ok(Embeddings::normalise(dimension, out))
    }

    fn dimension(&self, tower: Tower) -> Result<usize, ModelError> {
        let missing = || ModelError::NoTower { model: self.name(), tower };
        self.engine.dimension(tower).ok_or_else(missing)
    }

    /// A short name for what computes, `fp_` and twelve hexadecimal digits: models whose weights, precision, tokenizer
    /// or preparation of pictures differ have different ones. It samples the files; it does not prove them undamaged.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn fingerprint(&self) -> Result<String, ModelError> {
        crate::fingerprint::of(&self.checkpoint, self.precision, self.canonicalization)
    }

    /// How this checkpoint turns cosines into probabilities.
    ///
    /// # Errors
    ///
    /// When it lacks a tower or a scalar, or its towers' embeddings differ in length.
    pub fn scoring(&self) -> Result<Scoring, ModelError> {
        let (image, text) = (self.dimension(Tower::Vision)?, self.dimension(Tower::Text)?);
        if image != text {
            return Err(ModelError::Dimensions { image, text });
        }
        match (self.checkpoint.logit_scale(), self.checkpoint.logit_bias()) {
            (Some(scale), Some(bias)) => Ok(Scoring::new(scale, bias)),
            _ => Err(ModelError::NoScores(self.name())),
        }
    }
}

/// The way of a picture into this checkpoint. Its instruction set follows the kernels', so that
/// one choice rules all.
fn preprocessor(checkpoint: &Checkpoint, options: &Options) -> Preprocessor {
    let preprocessing = checkpoint.preprocessing();
    let filter = match preprocessing.resample {
        Resample::Bilinear => Filter::Bilinear,
        Resample::Bicubic => Filter::Bicubic,
    };
    Preprocessor::new(preprocessing.width as u32, preprocessing.height as u32)
        .with_filter(filter)
        .with_isa(resize_isa(options.isa.name()))
        .with_limits(options.limits.clone())
}

/// The resize's set for the kernels' set of this name: the fastest that the machine has and whose
/// name begins the kernels' (`avx2` for `avx2vnni`, `avx512` for `avx512f`), else, where the resize
/// has no such path here, its fastest. All of them give the same bytes.
fn resize_isa(kernels: &str) -> pixels::Isa {
    let akin = |isa: &pixels::Isa| kernels.starts_with(&isa.to_string());
    pixels::Isa::available().rev().find(akin).unwrap_or_else(pixels::Isa::detect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resize_is_scalar_only_where_the_kernels_are_or_where_it_has_nothing_faster() {
        assert_eq!(resize_isa("scalar"), pixels::Isa::Scalar);
        for isa in Isa::available().into_iter().skip(1) {
            let expected = match isa.name() {
                "avx2" | "avx2vnni" => pixels::Isa::Avx2,
                _ => pixels::Isa::detect(),
            };
            assert_eq!(resize_isa(isa.name()), expected, "{isa}");
        }
    }
}
