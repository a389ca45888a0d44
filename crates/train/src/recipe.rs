//! A training as its author writes it down, in TOML.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use weights::Config;

use crate::error::TrainError;
use crate::optimiser::{Learning, Rule};
use crate::parameters::Parameters;
use crate::schedule::Schedule;
use crate::trainer::{Keep, LossKind};
use crate::{Arithmetic, initial::InitialLine};

/// A whole training.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// From which everything random follows.
    #[serde(default)]
    pub seed: u64,
    /// Of products: `f32` or `bf16`.
    #[serde(default = "bf16")]
    pub arithmetic: Arithmetic,
    /// Steps between two checkpoints.
    #[serde(default = "hundred")]
    pub checkpoint_every: u64,
    /// Checkpoints that are kept.
    #[serde(default = "two")]
    pub checkpoints: usize,
    /// Of the numbers in the finished model's file; checkpoints are always f32.
    #[serde(default)]
    pub weights: StoredNumbers,
    /// What is trained.
    pub model: ModelRecipe,
    /// What it learns from.
    pub data: DataRecipe,
    /// One after another.
    #[serde(rename = "stage")]
    pub stages: Vec<Stage>,
}

fn bf16() -> Arithmetic {
    Arithmetic::Bf16
}
fn hundred() -> u64 {
    100
}
fn two() -> usize {
    2
}

/// How the numbers of a finished model are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoredNumbers {
    /// As they are.
    #[default]
    F32,
    /// Rounded to their upper halves: half the size.
    Bf16,
}

/// The model to begin with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecipe {
    /// A model folder; its values are the beginning. Without it, the model begins from nothing.
    pub from: Option<PathBuf>,
    /// The tokenizer's file (`spiece.model` or `tokenizer.json`), for a model from nothing.
    pub tokenizer: Option<PathBuf>,
    /// `vision_config` of `config.json`, for a model from nothing.
    #[serde(default)]
    pub vision: toml::Table,
    /// `text_config` of `config.json`, for a model from nothing.
    #[serde(default)]
    pub text: toml::Table,
}

impl ModelRecipe {
    /// The shapes of a model from nothing.
    ///
    /// # Errors
    /// When a field makes no sense.
    pub fn config(&self) -> Result<Config, TrainError> {
        let config = serde_json::json!({
            "model_type": "siglip",
            "text_config": self.text,
            "vision_config": self.vision,
        });
        Ok(Config::from_json(config.to_string().as_bytes())?)
    }
}

/// Where examples come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum DataRecipe {
    /// Pictures and captions in files: `WebDataset` tars, folders with captions.
    Files {
        /// The folder or file.
        path: PathBuf,
    },
    /// Pictograms and scenes drawn as they are needed.
    Scenes {
        /// The prepared folder of artwork and names.
        path: PathBuf,
        /// Languages of captions and how often each is taken, relative to the others; none: all.
        #[serde(default)]
        languages: BTreeMap<String, f32>,
        /// How often a picture is a scene of shapes rather than a pictogram, 0 to 1.
        #[serde(default)]
        shapes: f32,
    },
}

/// What the pictures' side of a stage is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureSide {
    /// The vision tower.
    #[default]
    Tower,
    /// Its embeddings, computed once: the tower is locked (`SigLiT`).
    Locked,
    /// The vectors of all concepts as an earlier stage left them: the text tower learns where each name belongs, without
    /// a picture.
    Concepts,
}

/// What the texts' side of a stage is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextSide {
    /// The text tower.
    #[default]
    Tower,
    /// One free vector for each concept of the data: the vision tower by itself.
    Concepts,
}

/// Where the vectors of concepts are put at the beginning of a stage: at their names, as the text tower has them by then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtNames {
    /// The language that counts by itself.
    pub language: String,
    /// How much it counts beside the mean of all others, 0 to 1.
    pub share: f32,
}

/// Some tensors that learn otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Names, in which `*` stands for anything.
    pub tensors: String,
    /// What the learning rate is multiplied by.
    #[serde(default = "one")]
    pub rate: f32,
    /// Instead of the stage's.
    pub decay: Option<f32>,
    /// They stay as they are.
    #[serde(default)]
    pub frozen: bool,
}

/// A part of a training, in which the same things learn from the same kind of batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// For people.
    pub name: String,
    /// Updates.
    pub steps: u64,
    /// Pictures of a batch.
    pub batch: usize,
    /// Texts for each picture.
    #[serde(default = "one_text")]
    pub captions: usize,
    /// How much drawn pictures are varied, 0 to 1: turns, grounds, colours, noise. Easy ones first teach more a step.
    #[serde(default = "one")]
    pub augmentation: f32,
    /// Whether pictures go through their tower.
    #[serde(default)]
    pub pictures: PictureSide,
    /// Whether texts go through theirs.
    #[serde(default)]
    pub texts: TextSide,
    /// With `texts = "concepts"`: the vectors begin where the text tower puts the concepts' names.
    pub names: Option<AtNames>,
    /// Pictures whose embeddings are computed once, for a locked tower over endless data.
    #[serde(default = "many")]
    pub locked_pictures: u64,
    /// The learning rate over the steps.
    pub schedule: Schedule,
    /// `AdamW` or LION.
    #[serde(default)]
    pub optimiser: Rule,
    /// Weight decay; norms, biases and the two scalars have none.
    #[serde(default = "decay")]
    pub decay: f32,
    /// The longest gradient.
    #[serde(default = "one")]
    pub clip: f32,
    /// `sigmoid` or `softmax`.
    #[serde(default = "sigmoid")]
    pub loss: LossKind,
    /// `all`, or `embeddings` where activations of a batch do not fit into memory (`GradCache`).
    #[serde(default = "all")]
    pub keep: Keep,
    /// `exp(logit_scale)` and `logit_bias` at the beginning, where they are not to go on from where they are; `auto` takes
    /// them from the batch.
    pub line: Option<Line>,
    /// The first that names a tensor decides.
    #[serde(default, rename = "group")]
    pub groups: Vec<Group>,
}

/// Where scale and bias begin.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// What the batch calls for.
    Auto(AutoLine),
    /// Given.
    Given {
        /// `exp(logit_scale)`.
        scale: f32,
        /// `logit_bias`.
        bias: f32,
    },
}

/// The word `auto`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AutoLine {
    /// `auto`
    Auto,
}

impl Line {
    /// The numbers, for batches of so many texts.
    pub fn numbers(self, texts: usize) -> InitialLine {
        match self {
            Self::Auto(AutoLine::Auto) => InitialLine::for_texts(texts),
            Self::Given { scale, bias } => InitialLine { scale, bias },
        }
    }
}

fn one() -> f32 {
    1.0
}
fn one_text() -> usize {
    1
}
fn many() -> u64 {
    20_000
}
fn decay() -> f32 {
    1e-4
}
fn sigmoid() -> LossKind {
    LossKind::Sigmoid
}
fn all() -> Keep {
    Keep::All
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// Names the field that is missing, unknown or makes no sense.
    pub fn parse(text: &str) -> Result<Self, TrainError> {
        let recipe: Self =
            toml::from_str(text).map_err(|error| TrainError::Recipe(error.to_string()))?;
        if recipe.stages.is_empty() {
            return Err(TrainError::Recipe("there is no [[stage]]".to_owned()));
        }
        for (index, stage) in recipe.stages.iter().enumerate() {
            let name = &stage.name;
            if stage.batch == 0 || stage.captions == 0 || stage.steps == 0 {
                let problem =
                    format!("stage {index} ({name}): steps, batch and captions are at least 1");
                return Err(TrainError::Recipe(problem));
            }
        }
        if let Some(stage) =
            recipe.stages.iter().find(|stage| !(0.0..=1.0).contains(&stage.augmentation))
        {
            let problem = format!(
                "stage {}: augmentation is {}; it may be 0 to 1",
                stage.name, stage.augmentation
            );
            return Err(TrainError::Recipe(problem));
        }
        let mut have_vectors = false;
        for Stage { name, texts, pictures, names, .. } in &recipe.stages {
            if let Some(AtNames { share, .. }) = names
                && (*texts != TextSide::Concepts || !(0.0..=1.0).contains(share))
            {
                let problem = "names go with texts = \"concepts\", and their share is 0 to 1";
                return Err(TrainError::Recipe(format!("stage {name}: {problem}")));
            }
            have_vectors |= *texts == TextSide::Concepts;
            if *pictures == PictureSide::Concepts && *texts == TextSide::Concepts {
                let problem = "concepts against concepts: one side has to be a tower";
                return Err(TrainError::Recipe(format!("stage {name}: {problem}")));
            }
            if *pictures == PictureSide::Concepts && !have_vectors {
                let problem =
                    "pictures = \"concepts\" needs an earlier stage of texts = \"concepts\"";
                return Err(TrainError::Recipe(format!("stage {name}: {problem}")));
            }
        }
        if recipe.checkpoint_every == 0 {
            return Err(TrainError::Recipe("checkpoint_every is at least 1".to_owned()));
        }
        Ok(recipe)
    }

    /// Steps of all stages.
    pub fn steps(&self) -> u64 {
        self.stages.iter().map(|stage| stage.steps).sum()
    }
}

impl Stage {
    /// Whether one side of the pairs is the table of concepts.
    pub fn has_concepts(&self) -> bool {
        self.texts == TextSide::Concepts || self.pictures == PictureSide::Concepts
    }

    /// How each tensor learns in this stage.
    pub fn learning(&self, parameters: &Parameters) -> Vec<Learning> {
        parameters.list().iter().map(|parameter| self.learning_of(&parameter.name)).collect()
    }

    fn learning_of(&self, name: &str) -> Learning {
        let locked = self.pictures != PictureSide::Tower && name.starts_with("vision_model.");
        let absent = self.texts == TextSide::Concepts && name.starts_with("text_model.");
        let unused = self.texts == TextSide::Tower && name == crate::trainer::CONCEPTS;
        let group = self.groups.iter().find(|group| matches(&group.tensors, name));
        if locked || absent || unused || group.is_some_and(|group| group.frozen) {
            return Learning::Frozen;
        }
        let plain = name.starts_with("logit_") || name.ends_with("bias") || name.contains("norm");
        let decay = group.and_then(|group| group.decay).unwrap_or(self.decay);
        Learning::Free {
            rate: group.map_or(1.0, |group| group.rate),
            decay: if plain { 0.0 } else { decay },
        }
    }
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => {
            let Some(name) = name.strip_prefix(start) else { return false };
            let mut ends = (0..=name.len()).filter(|&at| name.is_char_boundary(at));
            ends.any(|at| matches(rest, &name[at..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("vision_model.*", "vision_model.head.probe"));
        assert!(matches("*.bias", "a.b.bias"));
        assert!(matches("*layers.1.*weight", "x.layers.1.mlp.fc1.weight"));
        assert!(!matches("*layers.1.*weight", "x.layers.11.mlp.fc1.weight"));
        assert!(!matches("text_model.*", "vision_model.text_model.x"));
        assert!(matches("logit_scale", "logit_scale"));
    }
}
