//! From a seed and an index to a picture with its captions.

use std::sync::Arc;

use pixels::RgbImage;

use crate::artwork::{Artwork, Pictogram};
use crate::background;
use crate::canvas::{Canvas, luminance};
use crate::caption::{Templates, separator, with_keywords};
use crate::combination::Split;
use crate::error::ScenesError;
use crate::grammar::Grammar;
use crate::paint;
use crate::random::{Random, combine};
use crate::scene::Scene;
use crate::settings::Settings;
use crate::sprite::{Layer, Mirror, Placement};
use crate::style::{self, Finish, Hues};

/// A text in a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caption {
    /// As CLDR writes it: `en`.
    pub language: String,
    /// What the picture shows.
    pub text: String,
}

/// What a picture shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Pictograms, by their place in the [`Artwork`], from left to right or from top to bottom.
    Pictograms(Vec<usize>),
    /// A drawn scene.
    Scene(Scene),
}

/// A picture and what it shows.
#[derive(Clone, Debug)]
pub struct Example {
    /// Square.
    pub picture: RgbImage,
    /// In different languages, at least one.
    pub captions: Vec<Caption>,
    /// Equal exactly for examples whose captions mean the same.
    pub key: u64,
    /// What the captions say.
    pub content: Content,
}

/// Makes examples. An example depends on the settings, the artwork, the seed and the index alone.
pub struct Generator {
    artwork: Option<Arc<Artwork>>,
    settings: Settings,
    grammar: Grammar,
    templates: Templates,
    /// Weights of the artwork's languages.
    name_weights: Vec<f32>,
    /// Languages that scenes can be told in and that have a weight.
    scene_languages: Vec<&'static str>,
    scene_weights: Vec<f32>,
}

/// What is drawn from a seed and an index, each from numbers of its own: whoever needs the captions need not paint.
enum Stream {
    Content = 1,
    Picture,
    Captions,
}

/// A place of a cell that one drawing is put into, in shares of the side.
#[derive(Clone, Copy)]
struct Cell {
    centre: [f32; 2],
    side: f32,
}

impl Generator {
    /// A generator of pictograms and scenes; of scenes alone when there is no artwork.
    ///
    /// # Errors
    /// When a setting is out of its range, or when no language of the settings has names or a grammar.
    pub fn new(artwork: Option<Arc<Artwork>>, settings: Settings) -> Result<Self, ScenesError> {
        settings.check()?;
        let languages = artwork.as_ref().map_or(&[][..], |artwork| artwork.languages());
        let name_weights: Vec<f32> =
            languages.iter().map(|language| settings.weight(language)).collect();
        let scene_languages: Vec<&str> =
            Grammar::languages().filter(|language| settings.weight(language) > 0.0).collect();
        let scene_weights =
            scene_languages.iter().map(|language| settings.weight(language)).collect();
        let none = |of| ScenesError::Setting {
            setting: "languages",
            problem: format!("name none that has {of}"),
        };
        let generator = Self {
            grammar: Grammar::new(),
            templates: Templates::new(),
            artwork,
            settings,
            name_weights,
            scene_languages,
            scene_weights,
        };
        if generator.scene_share() < 1.0
            && !generator.name_weights.iter().any(|weight| *weight > 0.0)
        {
            return Err(none("names of pictograms"));
        }
        if let Some(artwork) = &generator.artwork
            && generator.scene_share() < 1.0
            && generator.settings.sequences == 0.0
            && artwork.singles == 0
        {
            let problem = "is 0, and the artwork has sequences alone".to_owned();
            return Err(ScenesError::Setting { setting: "sequences", problem });
        }
        if generator.scene_share() > 0.0 && generator.scene_languages.is_empty() {
            return Err(none("a grammar of scenes"));
        }
        Ok(generator)
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The artwork, if there is any.
    pub fn artwork(&self) -> Option<&Artwork> {
        self.artwork.as_deref()
    }

    /// Example `index` under `seed`: its content, its captions and a picture of it.
    pub fn example(&self, seed: u64, index: u64) -> Example {
        self.show(self.content(seed, index), seed, index)
    }

    /// What example `index` under `seed` shows.
    pub fn content(&self, seed: u64, index: u64) -> Content {
        let mut random = Random::new(combine(seed, Stream::Content as u64), index);
        match &self.artwork {
            Some(artwork) if !random.chance(self.scene_share()) => {
                self.pictograms(artwork, &mut random)
            }
            _ => Content::Scene(Scene::random(self.settings.split, &mut random)),
        }
    }

    /// An example that shows a given scene: what an evaluation asks for. `seed` and `index` vary how it is drawn.
    pub fn scene(&self, scene: &Scene, seed: u64, index: u64) -> Example {
        self.show(Content::Scene(*scene), seed, index)
    }

    /// An example that shows one given pictogram. `seed` and `index` vary vendor, picture and captions.
    ///
    /// # Errors
    /// When there is no artwork, no such pictogram, or no name of it in the settings' languages.
    pub fn pictogram(
        &self,
        pictogram: usize,
        seed: u64,
        index: u64,
    ) -> Result<Example, ScenesError> {
        let wrong = |problem| ScenesError::Setting { setting: "pictogram", problem };
        let Some(artwork) = &self.artwork else {
            return Err(wrong("is asked for, and the generator has no artwork".to_owned()));
        };
        if pictogram >= artwork.len() {
            return Err(wrong(format!("is {pictogram}; there are {}", artwork.len())));
        }
        if !self.is_named(&[pictogram], artwork) {
            return Err(wrong(format!(
                "{} has no name in the languages",
                artwork.ident(pictogram)
            )));
        }
        Ok(self.show(Content::Pictograms(vec![pictogram]), seed, index))
    }

    /// A picture of some content. `seed` and `index` vary vendors, places, grounds and colours.
    ///
    /// # Panics
    /// When it shows pictograms that the artwork lacks.
    pub fn picture(&self, content: &Content, seed: u64, index: u64) -> RgbImage {
        let random = &mut Random::new(combine(seed, Stream::Picture as u64), index);
        let canvas = match content {
            Content::Pictograms(shown) => self.draw(shown, self.artwork_of_pictograms(), random),
            Content::Scene(scene) => {
                let mut canvas = paint::random(scene, self.settings.side as usize, random);
                // A missing rectangle would change counts, and other colours the colours.
                let mild =
                    crate::Augmentation { cutout: 0.0, ..self.settings.augmentation.clone() };
                mild.apply(&mut canvas, random);
                canvas
            }
        };
        canvas.picture()
    }

    /// Captions of some content, each in another language: as many as the settings ask for, or as there are. `seed` and
    /// `index` vary languages and words.
    ///
    /// # Panics
    /// When it shows pictograms that the artwork lacks.
    pub fn captions(&self, content: &Content, seed: u64, index: u64) -> Vec<Caption> {
        let random = &mut Random::new(combine(seed, Stream::Captions as u64), index);
        match content {
            Content::Pictograms(shown) => {
                let artwork = self.artwork_of_pictograms();
                let weights = self.languages_of(shown, artwork);
                let chosen = distinct(&weights, self.settings.captions, random);
                let caption = |language| self.caption(shown, language, artwork, random);
                chosen.into_iter().map(caption).collect()
            }
            Content::Scene(scene) => {
                let chosen = distinct(&self.scene_weights, self.settings.captions, random);
                let caption = |place: usize| self.scene_caption(scene, place, random);
                chosen.into_iter().map(caption).collect()
            }
        }
    }

    /// A number that is equal exactly for contents whose captions mean the same.
    ///
    /// # Panics
    /// When it shows pictograms that the artwork lacks.
    pub fn key(&self, content: &Content) -> u64 {
        match content {
            Content::Pictograms(shown) => {
                let artwork = self.artwork_of_pictograms();
                let mut sorted: Vec<&str> =
                    shown.iter().map(|&pictogram| artwork.ident(pictogram)).collect();
                sorted.sort_unstable();
                // FNV-1a over the identities, so that a key does not depend on which other pictograms there are.
                let bytes = sorted.iter().flat_map(|ident| ident.bytes().chain([b' ']));
                let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                });
                combine(1, hash)
            }
            Content::Scene(scene) => combine(2, scene.key()),
        }
    }

    fn show(&self, content: Content, seed: u64, index: u64) -> Example {
        Example {
            picture: self.picture(&content, seed, index),
            captions: self.captions(&content, seed, index),
            key: self.key(&content),
            content,
        }
    }

    fn artwork_of_pictograms(&self) -> &Artwork {
        self.artwork.as_deref().expect("pictograms are of some artwork")
    }

    fn scene_share(&self) -> f32 {
        if self.artwork.is_none() || self.settings.split == Split::HeldOut {
            1.0
        } else {
            self.settings.scenes
        }
    }

    fn scene_caption(&self, scene: &Scene, place: usize, random: &mut Random) -> Caption {
        let language = self.scene_languages[place];
        let text = self.grammar.varied(scene, language, random).expect("it has a table");
        let text = if random.chance(self.settings.templates) {
            self.templates.around_phrase(&text, random)
        } else {
            text
        };
        Caption { language: language.to_owned(), text }
    }

    fn pictograms(&self, artwork: &Artwork, random: &mut Random) -> Content {
        loop {
            let count = if random.chance(self.settings.several) { 2 + random.below(2) } else { 1 };
            let mut shown: Vec<usize> = Vec::with_capacity(count);
            let available = self.available(artwork);
            while shown.len() < count.min(available) {
                let next = random.below(artwork.len());
                let is_taken =
                    artwork.pictograms[next].is_single || random.chance(self.settings.sequences);
                if is_taken && !shown.contains(&next) {
                    shown.push(next);
                }
            }
            // Few languages may leave a pictogram without any name; then there is nothing to learn from it.
            if self.is_named(&shown, artwork) {
                return Content::Pictograms(shown);
            }
        }
    }

    /// How many pictograms may be taken, at least one.
    fn available(&self, artwork: &Artwork) -> usize {
        if self.settings.sequences > 0.0 { artwork.len() } else { artwork.singles.max(1) }
    }

    /// Whether some language has names of all of them.
    fn is_named(&self, shown: &[usize], artwork: &Artwork) -> bool {
        self.languages_of(shown, artwork).iter().any(|weight| *weight > 0.0)
    }

    /// The weights of the languages that name every pictogram shown.
    fn languages_of(&self, shown: &[usize], artwork: &Artwork) -> Vec<f32> {
        let weight = |(place, weight): (usize, &f32)| {
            let named =
                shown.iter().all(|&pictogram| artwork.pictograms[pictogram].name(place).is_some());
            if named { *weight } else { 0.0 }
        };
        self.name_weights.iter().enumerate().map(weight).collect()
    }

    fn caption(
        &self,
        shown: &[usize],
        language: usize,
        artwork: &Artwork,
        random: &mut Random,
    ) -> Caption {
        let code = &artwork.languages()[language];
        let name = |pictogram: usize| {
            artwork.pictograms[pictogram]
                .name(language)
                .expect("the language names all that is shown")
        };
        let mut text = match shown {
            [one] if random.chance(self.settings.keywords) => {
                with_keywords(name(*one), code, random)
            }
            _ => {
                let short: Vec<&str> =
                    shown.iter().map(|&pictogram| name(pictogram).short()).collect();
                short.join(separator(code))
            }
        };
        if random.chance(self.settings.templates) {
            text = self.templates.around(&text, code, random);
        }
        Caption { language: code.clone(), text }
    }

    fn draw(&self, shown: &[usize], artwork: &Artwork, random: &mut Random) -> Canvas {
        let side = self.settings.side as usize;
        let augmentation = &self.settings.augmentation;
        let pictograms: Vec<&Pictogram> =
            shown.iter().map(|&place| &artwork.pictograms[place]).collect();
        let drawings: Vec<usize> =
            pictograms.iter().map(|pictogram| random.weighted(&pictogram.weights)).collect();
        let pieces = pictograms.iter().zip(&drawings);
        let pieces: Vec<_> =
            pieces.map(|(pictogram, &drawing)| &pictogram.drawings[drawing]).collect();
        let seen = |colour| {
            let of =
                |piece: &&crate::piece::Piece| (luminance(colour) - piece.luminance).abs() > 0.12;
            pieces.iter().all(of)
        };
        // Without a draw where there is no choice: examples of the whole augmentation stay what they were.
        let is_grounded = augmentation.ground >= 1.0 || random.chance(augmentation.ground);
        let mut canvas = if is_grounded {
            background::random(side, random, seen)
        } else {
            Canvas::filled(side, crate::canvas::WHITE)
        };
        let behind = luminance(canvas.mean());
        for ((pictogram, piece), cell) in
            pictograms.iter().zip(&pieces).zip(cells(shown.len(), random))
        {
            let hues = if pictogram.colour_matters { Hues::Keep } else { Hues::Vary };
            let mirrored = pictogram.may_flip && random.chance(augmentation.flip);
            let mirror = if mirrored { Mirror::Yes } else { Mirror::No };
            let placement = place(cell, side as f32, mirror, augmentation.strength, random);
            let tint = style::tint(hues, behind, augmentation, random);
            let finish = Finish::random(augmentation, random);
            let mut layer = Layer::new(side);
            layer.draw(piece, &placement, &tint);
            finish.apply(&mut layer);
            layer.composite(&mut canvas);
        }
        augmentation.apply(&mut canvas, random);
        canvas
    }
}

/// Up to `count` places of `weights` that are above zero, none twice.
fn distinct(weights: &[f32], count: usize, random: &mut Random) -> Vec<usize> {
    let mut left = weights.to_vec();
    let available = left.iter().filter(|weight| **weight > 0.0).count();
    let mut chosen = Vec::with_capacity(count.min(available));
    for _ in 0..count.min(available) {
        let place = random.weighted(&left);
        left[place] = 0.0;
        chosen.push(place);
    }
    chosen
}

/// Cells for one, two or three drawings, from left to right or from top to bottom.
fn cells(count: usize, random: &mut Random) -> Vec<Cell> {
    if count == 1 {
        return vec![Cell { centre: [0.5, 0.5], side: 1.0 }];
    }
    let step = 1.0 / count as f32;
    let is_row = random.chance(0.6);
    let cell = |number: usize, random: &mut Random| {
        let along = step * (number as f32 + 0.5);
        let across = 0.5 + random.near_zero(0.5 - 0.5 * step);
        let centre = if is_row { [along, across] } else { [across, along] };
        Cell { centre, side: 1.25 * step }
    };
    (0..count).map(|number| cell(number, random)).collect()
}

/// A place in a cell: larger more often than smaller, and never far beyond the cell.
fn place(cell: Cell, side: f32, mirror: Mirror, strength: f32, random: &mut Random) -> Placement {
    let scale = 1.0 - strength * (0.5 * random.unit() * random.unit());
    let room = (1.06 - scale).max(0.04) * 0.5 * cell.side;
    let shift = [random.near_zero(room), random.near_zero(room)].map(|value| value * strength);
    let turned = random.chance(0.7 * strength);
    Placement {
        centre: [0, 1].map(|axis| (cell.centre[axis] + shift[axis]) * side),
        side: scale * cell.side * side,
        angle: if turned { random.near_zero(0.42) } else { 0.0 },
        shear: if turned { random.near_zero(0.22) } else { 0.0 },
        aspect: 1.0 + strength * random.near_zero(0.12),
        mirror,
    }
}
