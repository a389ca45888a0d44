//! A model folder that was opened and checked.

use std::path::{Path, PathBuf};

use crate::expected::{TextHead, expected_tensors};
use crate::fields::JSON_LIMIT;
use crate::header::StoredDtype;
use crate::mapping::{MappedFile, read_small_file};
use crate::shards::{Located, WeightFiles};
use crate::{Config, Dtype, Preprocessing, Tensor, Tower, WeightsError};

/// How many wrong tensors an error message spells out.
const MOST_SPELLED_OUT: usize = 20;

/// A model folder: configuration, preprocessing, and mapped tensors that are all there in the right shapes.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    config: Config,
    preprocessing: Preprocessing,
    weights: WeightFiles,
    vision: Option<Prefix>,
    text: Option<Prefix>,
    text_head: TextHead,
}

/// How the names of a tower's tensors begin in this checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefix {
    /// `vision_model.` or `text_model.`.
    Tower,
    /// Nothing: a checkpoint of one tower.
    Bare,
}

impl Checkpoint {
    /// Opens a model folder, maps its weight files and checks every tensor that the configuration calls for. The
    /// data itself is not read.
    ///
    /// A checkpoint may hold one tower only: then nothing of the other is expected.
    ///
    /// # Errors
    /// Names the file, field or tensors that are missing or wrong; see [`WeightsError`].
    pub fn open(folder: &Path) -> Result<Self, WeightsError> {
        let config_path = folder.join("config.json");
        let Some(json) = read_small_file(&config_path, JSON_LIMIT)? else {
            return Err(WeightsError::NoFile { folder: folder.to_owned(), missing: "config.json" });
        };
        let config = Config::from_json(&json).map_err(|problem| WeightsError::InFile {
            path: config_path,
            problem: Box::new(problem),
        })?;
        let preprocessing = Preprocessing::read(folder, &config.vision)?;
        let weights = WeightFiles::open(folder)?;
        let mut checkpoint = Self {
            folder: folder.to_owned(),
            vision: find_tower(&weights, Tower::Vision),
            text: find_tower(&weights, Tower::Text),
            text_head: TextHead::Linear,
            config,
            preprocessing,
            weights,
        };
        checkpoint.keep_towers_of_type();
        checkpoint.find_text_head();
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// The configuration with all defaults filled in.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How pictures are prepared.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// The folder as it was given.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder's own name; empty where it has none.
    pub fn name(&self) -> String {
        self.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    /// The weight files, in the order of their names.
    pub fn weight_files(&self) -> impl Iterator<Item = &Path> {
        self.weights.files.iter().map(MappedFile::path)
    }

    /// Hands `sink` bytes that tell the weight files from others, in the order of their names, without reading them
    /// whole.
    ///
    /// A blob of the Hugging Face cache is known by its name, the sha256 of its contents (which whoever wrote it there
    /// has checked), and its length. Of any other file it is what [`read_samples`](crate::read_samples) gives and the
    /// time of its last change in nanoseconds: a file that was written anew is another. What this does not prove: that a
    /// blob still holds what its name says, and that nobody changed bytes between the samples and set the time back.
    ///
    /// The files are those that were mapped, also when others have taken their places since.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn identify(&self, sink: &mut dyn FnMut(&[u8])) -> Result<(), WeightsError> {
        self.weights.files.iter().try_for_each(|file| file.identify(sink))
    }

    /// Whether the checkpoint holds a tower.
    pub fn has(&self, tower: Tower) -> bool {
        self.prefix(tower).is_some()
    }

    /// Whether the text tower ends in the linear `head` (so400m-i18n does not).
    pub fn has_text_head(&self) -> bool {
        self.has(Tower::Text) && self.text_head == TextHead::Linear
    }

    /// A tensor of a tower, by its name without the tower's prefix, like `encoder.layers.0.mlp.fc1.weight`.
    ///
    /// Names that the configuration calls for are always found; their shapes were checked.
    ///
    /// # Errors
    /// [`WeightsError::NoTensor`] when there is none, [`WeightsError::Dtype`] when its numbers cannot be read.
    pub fn tensor(&self, tower: Tower, name: &str) -> Result<Tensor<'_>, WeightsError> {
        self.tensor_named(&self.full_name(tower, name))
    }

    /// A tensor by its name as the files have it: what [`Tensor::name`] says.
    ///
    /// # Errors
    /// As for [`tensor`](Self::tensor).
    pub fn tensor_named(&self, name: &str) -> Result<Tensor<'_>, WeightsError> {
        let Some(located) = self.weights.tensors.get(name) else {
            return Err(WeightsError::NoTensor {
                folder: self.folder.clone(),
                name: name.to_owned(),
            });
        };
        self.view(located).ok_or_else(|| WeightsError::Dtype {
            name: name.to_owned(),
            dtype: located.record.dtype.to_string(),
        })
    }

    /// Every readable tensor of the weight files, in the order of the names: the towers', the two scalars, and any
    /// stray one.
    pub fn tensors(&self) -> Vec<Tensor<'_>> {
        let mut tensors: Vec<_> =
            self.weights.tensors.values().filter_map(|located| self.view(located)).collect();
        tensors.sort_unstable_by_key(Tensor::name);
        tensors
    }

    /// The parameter `logit_scale` as it is stored: the logarithm of the factor. `None` in a checkpoint of one tower
    /// that has none; never `None` when both towers are there.
    pub fn logit_scale(&self) -> Option<f32> {
        self.scalar("logit_scale")
    }

    /// The parameter `logit_bias`, added to the scaled cosine. `None` in a checkpoint of one tower that has none;
    /// never `None` when both towers are there.
    pub fn logit_bias(&self) -> Option<f32> {
        self.scalar("logit_bias")
    }

    fn scalar(&self, name: &str) -> Option<f32> {
        let tensor = self.view(self.weights.tensors.get(name)?)?;
        let mut value = [0.0];
        (tensor.elements() == 1).then(|| {
            tensor.read_f32(0, &mut value);
            value[0]
        })
    }

    fn view<'a>(&'a self, located: &'a Located) -> Option<Tensor<'a>> {
        let record = &located.record;
        Some(Tensor {
            name: &record.name,
            dtype: readable(&record.dtype)?,
            shape: &record.shape,
            file: &self.weights.files[located.file],
            begin: record.begin,
            end: record.end,
        })
    }

    fn prefix(&self, tower: Tower) -> Option<Prefix> {
        match tower {
            Tower::Vision => self.vision,
            Tower::Text => self.text,
        }
    }

    fn full_name(&self, tower: Tower, name: &str) -> String {
        match self.prefix(tower) {
            Some(Prefix::Bare) => name.to_owned(),
            Some(Prefix::Tower) | None => format!("{}{name}", tower.prefix()),
        }
    }

    /// A configuration of one tower says nothing about the shape of the other, so that other is not looked at.
    fn keep_towers_of_type(&mut self) {
        match self.config.model_type.as_str() {
            "siglip_vision_model" => self.text = None,
            "siglip_text_model" => self.vision = None,
            _ => {}
        }
    }

    fn find_text_head(&mut self) {
        let has = |name| {
            let name = self.full_name(Tower::Text, name);
            self.weights.tensors.contains_key(&name)
        };
        let text = &self.config.text;
        // Without a head the pooled text is the embedding, which only works when the widths agree.
        if !has("head.weight") && !has("head.bias") && text.projection_size == text.hidden_size {
            self.text_head = TextHead::Absent;
        }
    }

    /// Compares every expected tensor with what the files hold, and names all that differ in one error.
    fn check(&self) -> Result<(), WeightsError> {
        if !Tower::ALL.into_iter().any(|tower| self.has(tower)) {
            return Err(WeightsError::NoTower { folder: self.folder.clone() });
        }
        let mut mismatches = Vec::new();
        let mut count = 0;
        let mut report = |mismatch: String| {
            count += 1;
            if mismatches.len() < MOST_SPELLED_OUT {
                mismatches.push(mismatch);
            }
        };
        for tower in Tower::ALL {
            if !self.has(tower) {
                continue;
            }
            for expected in expected_tensors(&self.config, tower, self.text_head) {
                let name = self.full_name(tower, &expected.name);
                self.compare(&name, &[&expected.shape], &mut report);
            }
        }
        if Tower::ALL.into_iter().all(|tower| self.has(tower)) {
            for name in ["logit_scale", "logit_bias"] {
                self.compare(name, &[&[1], &[]], &mut report);
            }
        }
        if count == 0 {
            return Ok(());
        }
        Err(WeightsError::Tensors { folder: self.folder.clone(), mismatches, count })
    }

    /// Reports a tensor that is missing, unreadable, or of none of the allowed shapes.
    fn compare(&self, name: &str, allowed: &[&[usize]], report: &mut impl FnMut(String)) {
        let expected = allowed[0];
        match self.weights.tensors.get(name).map(|located| &located.record) {
            None => report(format!("`{name}` is missing, expected {expected:?}")),
            Some(record) if !allowed.contains(&record.shape.as_slice()) => {
                report(format!("`{name}` has shape {:?}, expected {expected:?}", record.shape));
            }
            Some(record) if readable(&record.dtype).is_none() => report(format!(
                "`{name}` has dtype {}, supported are F32, F16 and BF16",
                record.dtype
            )),
            Some(_) => {}
        }
    }
}

fn readable(dtype: &StoredDtype) -> Option<Dtype> {
    match dtype {
        StoredDtype::Readable(dtype) => Some(*dtype),
        StoredDtype::Other(_) => None,
    }
}

/// How a tower's tensors are named in the files, or `None` when they hold none of it. Any tensor with the prefix
/// counts: a tower of which some tensors are lost is a broken tower, not an absent one. Two towers without prefixes
/// could not be told apart (both have an `encoder.layers.0`), so that neither is found.
fn find_tower(weights: &WeightFiles, tower: Tower) -> Option<Prefix> {
    let prefix = tower.prefix();
    let stray = |name: &str| name.ends_with("position_ids");
    if weights.tensors.keys().any(|name| name.starts_with(prefix) && !stray(name)) {
        Some(Prefix::Tower)
    } else if weights.tensors.contains_key(tower.telltale())
        && !weights.tensors.contains_key(tower.other().telltale())
    {
        Some(Prefix::Bare)
    } else {
        None
    }
}
