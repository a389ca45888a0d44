//! Checkpoints: an ordinary model folder of Hugging Face, with the optimiser's state beside the weights.
//!
//! A checkpoint is written into a folder of another name, forced to the disk and renamed, so that one that can be seen is
//! whole whenever the process ends.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::json;
use weights::{Config, Preprocessing, Resample};

use crate::error::TrainError;
use crate::optimiser::Optimiser;
use crate::parameters::{Parameter, Parameters};
use crate::recipe::StoredNumbers;

/// The file of the optimiser's state.
const STATE: &str = "training_state.safetensors";
/// The file that says how far training was.
const PROGRESS: &str = "training_progress.json";
/// The folder of the finished model.
const FINISHED: &str = "model";
/// Before the number of a checkpoint's folder.
const PREFIX: &str = "step-";

/// How far a training is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The stage that goes on, from 0.
    pub stage: usize,
    /// Steps of the stage that are done.
    pub step: u64,
    /// Steps of all stages that are done.
    pub total: u64,
    /// Updates of the optimiser since its state was empty.
    pub updates: u64,
}

/// What a model folder needs beside its weights.
#[derive(Clone, Copy, Debug)]
pub struct ModelFiles<'a> {
    /// The towers' shapes.
    pub config: &'a Config,
    /// How pictures are prepared.
    pub preprocessing: &'a Preprocessing,
    /// Files that are copied as they are: the tokenizer's.
    pub tokenizer: &'a [PathBuf],
}

/// The folders of a training.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder that checkpoints are kept in; made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        fs_err::create_dir_all(path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The latest checkpoint.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn latest(&self) -> Result<Option<PathBuf>, TrainError> {
        Ok(self.all()?.pop())
    }

    /// All checkpoints, the oldest first.
    fn all(&self) -> Result<Vec<PathBuf>, TrainError> {
        let mut found = Vec::new();
        for entry in fs_err::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let number = name.strip_prefix(PREFIX).and_then(|number| number.parse::<u64>().ok());
            found.extend(number.map(|number| (number, path)));
        }
        found.sort();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }

    /// Writes a checkpoint and removes all but the `keep` latest.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(
        &self,
        files: ModelFiles<'_>,
        parameters: &Parameters,
        optimiser: &Optimiser,
        progress: Progress,
        keep: usize,
    ) -> Result<PathBuf, TrainError> {
        let place = self.step(progress.total);
        let unfinished = self.path.join(format!(".{}", name(progress.total)));
        if unfinished.exists() {
            fs_err::remove_dir_all(&unfinished)?;
        }
        fs_err::create_dir(&unfinished)?;
        save_model(&unfinished, files, parameters, StoredNumbers::F32)?;
        let state = [("mean", &optimiser.mean), ("squares", &optimiser.squares)];
        let state = state.map(|(name, values)| Stored { name, shape: &[], values });
        let state = state.into_iter().chain(extra(parameters));
        write_tensors(&unfinished.join(STATE), state, StoredNumbers::F32)?;
        let progress = Progress { updates: optimiser.steps, ..progress };
        write_json(&unfinished.join(PROGRESS), &serde_json::to_value(progress)?)?;
        sync_folder(&unfinished)?;
        if place.exists() {
            fs_err::remove_dir_all(&place)?;
        }
        fs_err::rename(&unfinished, &place)?;
        sync_folder(&self.path)?;
        let all = self.all()?;
        for old in &all[..all.len().saturating_sub(keep)] {
            fs_err::remove_dir_all(old)?;
        }
        Ok(place)
    }
}

impl Folder {
    /// The place of the checkpoint after step `total`.
    pub fn step(&self, total: u64) -> PathBuf {
        self.path.join(name(total))
    }

    /// Writes the finished model into the folder `model`, in place of an earlier one.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(
        &self,
        files: ModelFiles<'_>,
        parameters: &Parameters,
        numbers: StoredNumbers,
    ) -> Result<PathBuf, TrainError> {
        let (place, unfinished) = (self.path.join(FINISHED), self.path.join(".model"));
        for folder in [&unfinished, &place] {
            if folder.exists() {
                fs_err::remove_dir_all(folder)?;
            }
        }
        fs_err::create_dir(&unfinished)?;
        save_model(&unfinished, files, parameters, numbers)?;
        sync_folder(&unfinished)?;
        fs_err::rename(&unfinished, &place)?;
        sync_folder(&self.path)?;
        Ok(place)
    }
}

/// The name of the checkpoint after step `total`.
fn name(total: u64) -> String {
    format!("{PREFIX}{total:08}")
}

/// Writes the model alone: what others can load.
///
/// # Errors
/// When a file cannot be written.
pub fn save_model(
    folder: &Path,
    files: ModelFiles<'_>,
    parameters: &Parameters,
    numbers: StoredNumbers,
) -> Result<(), TrainError> {
    let of_model = parameters.list().iter().filter(|parameter| !is_extra(parameter));
    let tensors = of_model.map(|parameter| Stored::of(parameter, parameters));
    write_tensors(&folder.join("model.safetensors"), tensors, numbers)?;
    write_json(&folder.join("config.json"), &config_json(files.config))?;
    let preprocessing = preprocessing_json(files.preprocessing);
    write_json(&folder.join("preprocessor_config.json"), &preprocessing)?;
    // A lone file may have any name; in a model folder it has the one that everybody looks for.
    let usual = |file: &PathBuf| {
        let is_json = file.extension().is_some_and(|extension| extension == "json");
        if is_json { "tokenizer.json" } else { "spiece.model" }
    };
    for file in files.tokenizer {
        let own = file.file_name().unwrap_or_default();
        let name = if let [_] = files.tokenizer { OsStr::new(usual(file)) } else { own };
        write(&folder.join(name), &fs_err::read(file)?)?;
    }
    if let [_] = files.tokenizer {
        write_json(&folder.join("tokenizer_config.json"), &tokenizer_json(files.config))?;
    }
    Ok(())
}

/// The stage that a checkpoint goes on with.
///
/// # Errors
/// When it cannot be read.
pub fn stage_of(folder: &Path) -> Result<usize, TrainError> {
    Ok(read_progress(folder)?.stage)
}

fn read_progress(folder: &Path) -> Result<Progress, TrainError> {
    Ok(serde_json::from_slice(&fs_err::read(folder.join(PROGRESS))?)?)
}

/// Reads what [`Folder::save`] wrote: the values of all parameters and, within a stage, the optimiser's state.
///
/// # Errors
/// When a file is missing or does not fit the model.
pub fn load(
    folder: &Path,
    parameters: &mut Parameters,
    optimiser: &mut Optimiser,
) -> Result<Progress, TrainError> {
    let misfit = |what: &str| TrainError::Checkpoint {
        folder: folder.to_owned(),
        problem: format!("{what} does not fit the recipe's model"),
    };
    let progress = read_progress(folder)?;
    let model = fs_err::read(folder.join("model.safetensors"))?;
    let model = safetensors::SafeTensors::deserialize(&model)?;
    let state = fs_err::read(folder.join(STATE))?;
    let state = safetensors::SafeTensors::deserialize(&state)?;
    let read = |tensor: Result<TensorView<'_>, _>, to: &mut [f32]| {
        let tensor = tensor.ok().filter(|tensor| tensor.dtype() == Dtype::F32);
        let numbers = tensor.as_ref().map(|tensor| tensor.data().as_chunks::<4>().0);
        let numbers = numbers.filter(|numbers| numbers.len() == to.len())?;
        to.iter_mut().zip(numbers).for_each(|(to, from)| *to = f32::from_le_bytes(*from));
        Some(())
    };
    for parameter in parameters.list().to_vec() {
        let from = if is_extra(&parameter) { &state } else { &model };
        let to = &mut parameters.values[parameter.range.clone()];
        read(from.tensor(&parameter.name), to).ok_or_else(|| misfit(&parameter.name))?;
    }
    // Between two stages there is no state to go on with: each begins with an optimiser of its own.
    if progress.step == 0 {
        return Ok(progress);
    }
    read(state.tensor("mean"), &mut optimiser.mean).ok_or_else(|| misfit("mean"))?;
    read(state.tensor("squares"), &mut optimiser.squares).ok_or_else(|| misfit("squares"))?;
    optimiser.steps = progress.updates;
    Ok(progress)
}

/// Whether a parameter is no part of the model: it helps to train it.
fn is_extra(parameter: &Parameter) -> bool {
    let model = ["vision_model.", "text_model.", "logit_"];
    !model.iter().any(|prefix| parameter.name.starts_with(prefix))
}

fn extra(parameters: &Parameters) -> impl Iterator<Item = Stored<'_>> {
    let extra = parameters.list().iter().filter(|parameter| is_extra(parameter));
    extra.map(|parameter| Stored::of(parameter, parameters))
}

/// A tensor on its way into a file.
struct Stored<'a> {
    name: &'a str,
    /// Empty for a plain list.
    shape: &'a [usize],
    values: &'a [f32],
}

impl<'a> Stored<'a> {
    fn of(parameter: &'a Parameter, parameters: &'a Parameters) -> Self {
        let values = &parameters.values[parameter.range.clone()];
        Self { name: &parameter.name, shape: &parameter.shape, values }
    }
}

fn write_tensors<'a>(
    path: &Path,
    tensors: impl Iterator<Item = Stored<'a>>,
    numbers: StoredNumbers,
) -> Result<(), TrainError> {
    let dtype = match numbers {
        StoredNumbers::F32 => Dtype::F32,
        StoredNumbers::Bf16 => Dtype::BF16,
    };
    let list = tensors.map(|Stored { name, shape, values }| {
        let count = values.len();
        let values = values.iter().copied();
        let bytes = match numbers {
            StoredNumbers::F32 => values.flat_map(f32::to_le_bytes).collect::<Vec<_>>(),
            StoredNumbers::Bf16 => {
                values.flat_map(|value| half::bf16::from_f32(value).to_le_bytes()).collect()
            }
        };
        let shape = if shape.is_empty() { vec![count] } else { shape.to_vec() };
        (name, shape, bytes)
    });
    let list = list.collect::<Vec<_>>();
    let views = list
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(dtype, shape.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    write(path, &safetensors::serialize(views, None)?)
}

fn write_json(path: &Path, value: &serde_json::Value) -> Result<(), TrainError> {
    write(path, format!("{value:#}\n").as_bytes())
}

/// Writes a file and forces it to the disk.
fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let mut file = fs_err::File::create(path)?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}

fn sync_folder(path: &Path) -> Result<(), TrainError> {
    // Where folders cannot be opened (Windows), renames are as safe as they are.
    match fs_err::File::open(path).map(fs_err::File::into_parts) {
        Ok((folder, _)) => Ok(File::sync_all(&folder)?),
        Err(_) => Ok(()),
    }
}

fn config_json(config: &Config) -> serde_json::Value {
    let (text, vision) = (&config.text, &config.vision);
    json!({
        "architectures": ["SiglipModel"],
        "initializer_factor": 1.0,
        "model_type": "siglip",
        "text_config": {
            "hidden_size": text.hidden_size,
            "intermediate_size": text.intermediate_size,
            "layer_norm_eps": shortest(text.layer_norm_eps),
            "max_position_embeddings": text.max_position_embeddings,
            "model_type": "siglip_text_model",
            "num_attention_heads": text.num_attention_heads,
            "num_hidden_layers": text.num_hidden_layers,
            "pad_token_id": text.pad_token_id,
            "projection_size": text.projection_size,
            "vocab_size": text.vocab_size,
        },
        "torch_dtype": "float32",
        "vision_config": {
            "hidden_size": vision.hidden_size,
            "image_size": vision.image_size,
            "intermediate_size": vision.intermediate_size,
            "layer_norm_eps": shortest(vision.layer_norm_eps),
            "model_type": "siglip_vision_model",
            "num_attention_heads": vision.num_attention_heads,
            "num_hidden_layers": vision.num_hidden_layers,
            "patch_size": vision.patch_size,
        },
    })
}

/// The shortest decimal number that is this f32: 1e-6, not 9.999999974752427e-7.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

/// What transformers' `SiglipTokenizer` is told, for a tokenizer that came without.
fn tokenizer_json(config: &Config) -> serde_json::Value {
    json!({
        "do_lower_case": true,
        "eos_token": "</s>",
        "model_max_length": config.text.max_position_embeddings,
        "pad_token": "</s>",
        "tokenizer_class": "SiglipTokenizer",
        "unk_token": "<unk>",
    })
}

fn preprocessing_json(preprocessing: &Preprocessing) -> serde_json::Value {
    let Preprocessing { width, height, resample, mean, std, rescale_factor, .. } = preprocessing;
    json!({
        "do_normalize": true,
        "do_rescale": true,
        "do_resize": true,
        "image_mean": mean.map(shortest),
        "image_processor_type": "SiglipImageProcessor",
        "image_std": std.map(shortest),
        "processor_class": "SiglipProcessor",
        "resample": match resample { Resample::Bilinear => 2, Resample::Bicubic => 3 },
        "rescale_factor": rescale_factor,
        "size": { "height": height, "width": width },
    })
}
