//! What a generator makes of what.

use crate::ScenesError;
use crate::augment::{Augmentation, Share};
use crate::combination::Split;

/// A language and how often it is taken, relative to the others.
#[derive(Clone, Debug, PartialEq)]
pub struct LanguageWeight {
    /// As CLDR writes it: `en`, `sr-Latn`.
    pub language: String,
    /// 0 or above.
    pub weight: f32,
}

/// The 36 languages of XM3600 in CLDR's codes: Quechua (`quz`) is `qu` there.
pub const XM3600: [&str; 36] = [
    "ar", "bn", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fil", "fr", "he", "hi", "hr",
    "hu", "id", "it", "ja", "ko", "mi", "nl", "no", "pl", "pt", "qu", "ro", "ru", "sv", "sw", "te",
    "th", "tr", "uk", "vi", "zh",
];

/// What a generator makes. Everything that an example depends on, besides the artwork, a seed and an index.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Pixels a side, 16 to 512.
    pub side: u32,
    /// Captions for each picture, each in another language; fewer where a pictogram has no more. At least 1.
    pub captions: usize,
    /// Languages and their weights. When empty, all that the artwork has: English 8, the others of XM3600 2, the rest 1.
    pub languages: Vec<LanguageWeight>,
    /// Which examples.
    pub split: Split,
    /// Share of drawn scenes, 0 to 1; the others show pictograms. All of them are scenes when there is no artwork or the
    /// split is held out.
    pub scenes: f32,
    /// How often a sequence (a flag, a family) is taken, relative to a single code point, 0 to 1.
    pub sequences: f32,
    /// Share of pictures with several pictograms among those that show pictograms.
    pub several: f32,
    /// Share of captions that are keywords, or that add one to the short name.
    pub keywords: f32,
    /// Share of captions that are a sentence around a name.
    pub templates: f32,
    /// How pictures are varied.
    pub augmentation: Augmentation,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            side: 64,
            captions: 3,
            languages: Vec::new(),
            split: Split::Training,
            scenes: 0.2,
            sequences: 0.4,
            several: 0.08,
            keywords: 0.12,
            templates: 0.12,
            augmentation: Augmentation::default(),
        }
    }
}

impl Settings {
    /// The weight of a language.
    pub(crate) fn weight(&self, language: &str) -> f32 {
        if self.languages.is_empty() {
            return match language {
                "en" => 8.0,
                _ if XM3600.contains(&language) => 2.0,
                _ => 1.0,
            };
        }
        let known = self.languages.iter().find(|known| known.language == language);
        known.map_or(0.0, |known| known.weight)
    }

    /// # Errors
    /// When a value is out of its range.
    pub(crate) fn check(&self) -> Result<(), ScenesError> {
        let wrong = |setting, problem| Err(ScenesError::Setting { setting, problem });
        if !(16..=512).contains(&self.side) {
            return wrong("side", format!("is {}; it may be 16 to 512 pixels", self.side));
        }
        if self.captions == 0 {
            return wrong("captions", "is 0; a picture has at least 1".to_owned());
        }
        for known in &self.languages {
            if !(known.weight >= 0.0 && known.weight.is_finite()) {
                let problem = format!(
                    "give `{}` the weight {}; it may be 0 or above",
                    known.language, known.weight
                );
                return wrong("languages", problem);
            }
        }
        let own = [
            Share { name: "scenes", value: self.scenes },
            Share { name: "sequences", value: self.sequences },
            Share { name: "several", value: self.several },
            Share { name: "keywords", value: self.keywords },
            Share { name: "templates", value: self.templates },
        ];
        for share in own.into_iter().chain(self.augmentation.shares()) {
            if !(0.0..=1.0).contains(&share.value) {
                return wrong(share.name, format!("is {}; it may be 0 to 1", share.value));
            }
        }
        Ok(())
    }
}
