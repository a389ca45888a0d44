//! Examples that are drawn as they are needed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use scenes::{Artwork, ArtworkSettings, Content, Generator, LanguageWeight, Settings};

use crate::data::{Example, Source, Subject, Wish, mix};
use crate::error::TrainError;

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

/// Pictograms and scenes.
pub struct Drawn {
    artwork: Arc<Artwork>,
    seed: u64,
    /// One for each number of captions that is asked for.
    generators: HashMap<usize, Generator>,
}

impl Drawn {
    /// Opens a prepared folder of artwork and names.
    ///
    /// # Errors
    /// When it is none, or no caption could be made.
    pub fn open(
        path: &Path,
        drawing: &Drawing,
        captions: &[usize],
        seed: u64,
    ) -> Result<Self, TrainError> {
        let wrong = |error: scenes::ScenesError| TrainError::Recipe(error.to_string());
        let artwork = Artwork::open(path, &ArtworkSettings::default()).map_err(wrong)?;
        let artwork = Arc::new(artwork);
        let weight = |language: &String| LanguageWeight { language: language.clone(), weight: 1.0 };
        let mut generators = HashMap::new();
        for &captions in captions {
            let settings = Settings {
                side: drawing.side,
                captions: captions.max(1),
                languages: drawing.languages.iter().map(weight).collect(),
                scenes: drawing.shapes,
                ..Settings::default()
            };
            let generator = Generator::new(Some(Arc::clone(&artwork)), settings).map_err(wrong)?;
            generators.insert(captions.max(1), generator);
        }
        Ok(Self { artwork, seed, generators })
    }
}

impl Source for Drawn {
    fn count(&self) -> Option<u64> {
        None
    }

    fn concepts(&self) -> u32 {
        self.artwork.len() as u32
    }

    fn example(&self, wish: Wish) -> Result<Example, TrainError> {
        let Wish { place, draw, captions, subject } = wish;
        let problem = |error: scenes::ScenesError| TrainError::Example {
            index: place,
            problem: error.to_string(),
        };
        let generator = self.generators.get(&captions.max(1)).ok_or_else(|| TrainError::Example {
            index: place,
            problem: format!("nobody said that {captions} captions would be asked for"),
        })?;
        let drawn = match subject {
            Subject::Concept => {
                let concept = mix(place ^ mix(self.seed)) % self.artwork.len() as u64;
                generator.pictogram(concept as usize, self.seed, place).map_err(problem)?
            }
            Subject::Any => generator.example(self.seed, place),
        };
        // The same again with other captions, where the generator can.
        let drawn = match (&drawn.content, draw) {
            (_, 0) => drawn,
            (Content::Pictograms(shown), _) => match shown[..] {
                [one] => generator
                    .pictogram(one, self.seed ^ mix(draw), place)
                    .map_err(problem)?,
                _ => drawn,
            },
            (Content::Scene(scene), _) => generator.scene(scene, self.seed ^ mix(draw), place),
        };
        let concept = match &drawn.content {
            Content::Pictograms(shown) if shown.len() == 1 => Some(shown[0] as u32),
            _ => None,
        };
        let texts = drawn.captions.into_iter().map(|caption| caption.text);
        let captions = texts.take(captions).collect();
        Ok(Example { picture: drawn.picture, captions, key: drawn.key, concept })
    }
}
