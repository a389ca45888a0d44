//! From a recipe to everything that a training begins with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pixels::Preprocessor;
use tokens::{Tokenizer, TokenizerOptions};
use weights::{Checkpoint, Config, Preprocessing};

use crate::data::{Kind, Source};
use crate::drawn::{Drawing, Drawn};
use crate::error::TrainError;
use crate::files::Files;
use crate::initial::{InitialLine, initialise};
use crate::parameters::Parameters;
use crate::recipe::{DataRecipe, ModelRecipe, Recipe, Stage};
use crate::trainer::CONCEPTS;

/// The files of a tokenizer, in a model folder.
const TOKENIZER_FILES: [&str; 4] =
    ["spiece.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"];

/// What a training begins with.
pub struct Beginning {
    /// The towers' shapes.
    pub config: Config,
    /// How pictures are prepared.
    pub preprocessing: Preprocessing,
    /// All values, the concepts' among them.
    pub parameters: Parameters,
    /// Texts to ids.
    pub tokenizer: Tokenizer,
    /// The tokenizer's files, which go into each checkpoint.
    pub tokenizer_files: Vec<PathBuf>,
    /// What it learns from.
    pub source: Arc<dyn Source>,
}

impl Beginning {
    /// Opens what the recipe names; its paths begin at `base`.
    ///
    /// # Errors
    /// When something is missing or cannot be used.
    pub fn of(recipe: &Recipe, base: &Path) -> Result<Self, TrainError> {
        let Model { config, preprocessing, mut parameters, tokenizer_files, missing } =
            Model::open(&recipe.model, base)?;
        let options = TokenizerOptions {
            length: config.text.max_position_embeddings,
            vocabulary: config.text.vocab_size,
            ..TokenizerOptions::default()
        };
        let tokenizer = tokenizer(&tokenizer_files, &options)?;
        let source = source(recipe, base, &config)?;
        if recipe.stages.iter().any(Stage::has_concepts) {
            let concepts = source.concepts();
            if concepts == 0 {
                let problem = "a stage trains against concepts, and the data knows none";
                return Err(TrainError::Recipe(problem.to_owned()));
            }
            parameters.add(CONCEPTS.to_owned(), &[concepts as usize, config.vision.hidden_size]);
        }
        let stage = &recipe.stages[0];
        let line = InitialLine::for_texts(stage.batch * stage.captions);
        // What a checkpoint gave stays; the rest is drawn.
        let given = parameters.values.clone();
        let drawn = missing.unwrap_or_else(|| {
            parameters.list().iter().map(|parameter| parameter.name.clone()).collect()
        });
        initialise(&mut parameters, &config, line, recipe.seed);
        for parameter in parameters.list().to_vec() {
            if parameter.name != CONCEPTS && !drawn.contains(&parameter.name) {
                let at = parameter.range;
                parameters.values[at.clone()].copy_from_slice(&given[at]);
            }
        }
        Ok(Self { config, preprocessing, parameters, tokenizer, tokenizer_files, source })
    }
}

/// A model to begin with.
struct Model {
    config: Config,
    preprocessing: Preprocessing,
    parameters: Parameters,
    tokenizer_files: Vec<PathBuf>,
    /// Tensors that a checkpoint lacks; none: there is no checkpoint.
    missing: Option<Vec<String>>,
}

impl Model {
    fn open(recipe: &ModelRecipe, base: &Path) -> Result<Self, TrainError> {
        let own = recipe.tokenizer.as_ref().map(|file| base.join(file));
        if let Some(from) = &recipe.from {
            let folder = base.join(from);
            let checkpoint = Checkpoint::open(&folder)?;
            let mut parameters = Parameters::of(checkpoint.config());
            let missing = parameters.load(&checkpoint)?;
            let files = TOKENIZER_FILES.iter().map(|name| folder.join(name));
            let files = files.filter(|file| file.exists()).collect();
            return Ok(Self {
                config: checkpoint.config().clone(),
                preprocessing: checkpoint.preprocessing().clone(),
                parameters,
                tokenizer_files: own.map_or(files, |file| vec![file]),
                missing: Some(missing),
            });
        }
        let Some(own) = own else {
            let problem = "a model from nothing needs `tokenizer`, or `from` a model folder";
            return Err(TrainError::Recipe(problem.to_owned()));
        };
        let config = recipe.config()?;
        Ok(Self {
            preprocessing: Preprocessing::for_vision(&config.vision),
            parameters: Parameters::of(&config),
            config,
            tokenizer_files: vec![own],
            missing: None,
        })
    }
}

fn tokenizer(files: &[PathBuf], options: &TokenizerOptions) -> Result<Tokenizer, TrainError> {
    let first = files.first().ok_or_else(|| {
        TrainError::Recipe("the model's folder has no tokenizer; name one with `tokenizer`".into())
    })?;
    if files.len() > 1 {
        return Ok(Tokenizer::open(first.parent().unwrap_or(Path::new(".")), options)?);
    }
    let bytes = fs_err::read(first)?;
    let is_json = first.extension().is_some_and(|extension| extension == "json");
    let open = if is_json { Tokenizer::from_json } else { Tokenizer::from_spiece };
    Ok(open(&bytes, options)?)
}

fn source(recipe: &Recipe, base: &Path, config: &Config) -> Result<Arc<dyn Source>, TrainError> {
    let size = config.vision.image_size as u32;
    match &recipe.data {
        DataRecipe::Files { path } => {
            Ok(Arc::new(Files::open(&base.join(path), Preprocessor::new(size, size))?))
        }
        DataRecipe::Scenes { path, languages, shapes } => {
            let drawing = Drawing { side: size, languages: languages.clone(), shapes: *shapes };
            let kinds = recipe.stages.iter().map(Kind::of).collect::<Vec<_>>();
            Ok(Arc::new(Drawn::open(&base.join(path), &drawing, &kinds, recipe.seed)?))
        }
    }
}
