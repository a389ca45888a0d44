//! Examples that are drawn as they are needed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use scenes::{
    Artwork, ArtworkSettings, Augmentation, Combination, Content, Generator, LanguageWeight, Scene,
    Settings, Split,
};

use crate::data::{Example, Kind, Source, Subject, Wish, mix};
use crate::error::TrainError;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// Pixels a side.
    pub side: u32,
    /// Languages of captions and how often each is taken, relative to the others; none: all.
    pub languages: BTreeMap<String, f32>,
    /// How often a picture is a scene of shapes, 0 to 1.
    pub shapes: f32,
}

/// Pictograms and scenes. Its concepts are the pictograms, then the scenes of one kind of shape that training may show.
pub struct Drawn {
    artwork: Arc<Artwork>,
    combinations: Vec<Combination>,
    /// Of captions.
    languages: Vec<String>,
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
        let weight = |(language, &weight): (&String, &f32)| LanguageWeight {
            language: language.clone(),
            weight,
        };
        let mut generators = Vec::new();
        for &kind in kinds {
            let single = kind.subject == Subject::Concept;
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
        let languages = if drawing.languages.is_empty() {
            artwork.languages().to_vec()
        } else {
            drawing.languages.keys().cloned().collect()
        };
        Ok(Self { artwork, combinations, languages, shapes, seed, generators })
    }
}

impl Drawn {
    /// The content of the example at `place` that shows one concept, and which.
    fn concept(&self, generator: &Generator, place: u64) -> (Content, usize) {
        let chance = mix(place ^ mix(!self.seed));
        let share = (chance >> 11) as f32 / (1_u64 << 53) as f32;
        if share < self.shapes {
            let index = mix(chance) as usize % self.combinations.len();
            let scene = Scene::plain(self.combinations[index]);
            return (Content::Scene(scene), self.artwork.len() + index);
        }
        let content = generator.content(self.seed, place);
        let Content::Pictograms(shown) = &content else {
            unreachable!("this generator shows no scenes");
        };
        let concept = shown[0];
        (content, concept)
    }
}

impl Source for Drawn {
    fn count(&self) -> Option<u64> {
        None
    }

    fn concepts(&self) -> u32 {
        (self.artwork.len() + self.combinations.len()) as u32
    }

    fn names(&self, concept: u32) -> Vec<(String, String)> {
        let concept = concept as usize;
        if concept >= self.artwork.len() {
            return Vec::new();
        }
        let named = self.languages.iter().filter_map(|language| {
            let name = self.artwork.names(concept, language)?.short();
            Some((language.clone(), name.to_owned()))
        });
        named.collect()
    }

    fn example(&self, wish: Wish) -> Result<Example, TrainError> {
        let Wish { place, draw, kind, picture } = wish;
        let (_, generator) =
            self.generators.iter().find(|(known, _)| *known == kind).ok_or_else(|| {
                TrainError::Example {
                    index: place,
                    problem: format!("nobody said that {kind:?} would be asked for"),
                }
            })?;
        let (content, concept) = match kind.subject {
            Subject::Concept => {
                let (content, concept) = self.concept(generator, place);
                (content, Some(concept as u32))
            }
            Subject::Any => (generator.content(self.seed, place), None),
        };
        // The same again is painted and told in another way.
        let seed = if draw == 0 { self.seed } else { self.seed ^ mix(draw) };
        let texts =
            if kind.captions == 0 { Vec::new() } else { generator.captions(&content, seed, place) };
        Ok(Example {
            picture: picture.then(|| generator.picture(&content, seed, place)),
            captions: texts.into_iter().map(|caption| caption.text).collect(),
            key: generator.key(&content),
            concept,
        })
    }
}
