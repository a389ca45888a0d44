//! Examples that are drawn as they are needed.

use std::path::Path;
use std::sync::Arc;

use scenes::{
    Artwork, ArtworkSettings, Augmentation, Combination, Content, Generator, LanguageWeight, Scene,
    Settings, Split,
};

use crate::data::{Example, Source, Subject, Wish, mix};
use crate::error::TrainError;
use crate::recipe::{Stage, TextSide};

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// Pixels a side.
    pub side: u32,
    /// Languages of captions; none: all.
    pub languages: Vec<String>,
    /// How often a picture is a scene of shapes, 0 to 1.
    pub shapes: f32,
}

/// What a stage asks of its drawings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kind {
    /// Texts for each; 0: pictures of concepts.
    pub captions: usize,
    /// How much they are varied, 0 to 1.
    pub augmentation: f32,
}

impl Kind {
    /// What a stage asks for.
    pub fn of(stage: &Stage) -> Self {
        let captions = match stage.texts {
            TextSide::Tower => stage.captions,
            TextSide::Concepts => 0,
        };
        Self { captions, augmentation: stage.augmentation }
    }
}

/// Pictograms and scenes. Its concepts are the pictograms, then the scenes of one kind of shape that training may show.
pub struct Drawn {
    artwork: Arc<Artwork>,
    combinations: Vec<Combination>,
    shapes: f32,
    seed: u64,
    generators: Vec<(Kind, Generator)>,
}

impl Drawn {
    /// Opens a prepared folder of artwork and names.
    ///
    /// # Errors
    /// When it is none, or no caption could be made.
    pub fn open(
        path: &Path,
        drawing: &Drawing,
        kinds: &[Kind],
        seed: u64,
    ) -> Result<Self, TrainError> {
        let wrong = |error: scenes::ScenesError| TrainError::Recipe(error.to_string());
        let artwork = Artwork::open(path, &ArtworkSettings::default()).map_err(wrong)?;
        let artwork = Arc::new(artwork);
        let weight = |language: &String| LanguageWeight { language: language.clone(), weight: 1.0 };
        let mut generators = Vec::new();
        for &kind in kinds {
            let single = kind.captions == 0;
            let settings = Settings {
                side: drawing.side,
                captions: kind.captions.max(1),
                languages: drawing.languages.iter().map(weight).collect(),
                scenes: if single { 0.0 } else { drawing.shapes },
                several: if single { 0.0 } else { Settings::default().several },
                augmentation: Augmentation::times(kind.augmentation),
                ..Settings::default()
            };
            let generator = Generator::new(Some(Arc::clone(&artwork)), settings).map_err(wrong)?;
            generators.push((kind, generator));
        }
        let combinations = Combination::of(Split::Training).collect();
        let shapes = drawing.shapes;
        Ok(Self { artwork, combinations, shapes, seed, generators })
    }
}

impl Drawn {
    /// A picture of one concept.
    fn concept(&self, generator: &Generator, place: u64) -> Example {
        let chance = mix(place ^ mix(!self.seed));
        let share = (chance >> 11) as f32 / (1_u64 << 53) as f32;
        let (drawn, concept) = if share < self.shapes {
            let index = mix(chance) as usize % self.combinations.len();
            let scene = Scene::plain(self.combinations[index]);
            (generator.scene(&scene, self.seed, place), self.artwork.len() + index)
        } else {
            let drawn = generator.example(self.seed, place);
            let Content::Pictograms(shown) = &drawn.content else {
                unreachable!("this generator draws no scenes");
            };
            let concept = shown[0];
            (drawn, concept)
        };
        let captions = Vec::new();
        Example { picture: drawn.picture, captions, key: drawn.key, concept: Some(concept as u32) }
    }
}

impl Source for Drawn {
    fn count(&self) -> Option<u64> {
        None
    }

    fn concepts(&self) -> u32 {
        (self.artwork.len() + self.combinations.len()) as u32
    }

    fn example(&self, wish: Wish) -> Result<Example, TrainError> {
        let Wish { place, draw, captions, subject, augmentation } = wish;
        let problem = |error: scenes::ScenesError| TrainError::Example {
            index: place,
            problem: error.to_string(),
        };
        let kind = Kind { captions, augmentation };
        let (_, generator) =
            self.generators.iter().find(|(known, _)| *known == kind).ok_or_else(|| {
                TrainError::Example {
                    index: place,
                    problem: format!("nobody said that {kind:?} would be asked for"),
                }
            })?;
        let drawn = match subject {
            Subject::Concept => return Ok(self.concept(generator, place)),
            Subject::Any => generator.example(self.seed, place),
        };
        // The same again with other captions, where the generator can.
        let drawn = match (&drawn.content, draw) {
            (_, 0) => drawn,
            (Content::Pictograms(shown), _) => match shown[..] {
                [one] => generator.pictogram(one, self.seed ^ mix(draw), place).map_err(problem)?,
                _ => drawn,
            },
            (Content::Scene(scene), _) => generator.scene(scene, self.seed ^ mix(draw), place),
        };
        let texts = drawn.captions.into_iter().map(|caption| caption.text);
        let captions = texts.take(captions).collect();
        Ok(Example { picture: drawn.picture, captions, key: drawn.key, concept: None })
    }
}
