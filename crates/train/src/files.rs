//! Examples from data sets in files.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use datasets::{Dataset, Options};
use pixels::{Preprocessor, RgbImage, decode};

use crate::data::{Example, Source, Wish, mix};
use crate::error::TrainError;

/// The least part of a picture's area that an augmented one shows.
const LEAST_AREA: f64 = 0.6;

/// A data set whose pictures are cut a little differently each time.
pub struct Files {
    dataset: Dataset,
    preprocessor: Preprocessor,
}

impl Files {
    /// Opens a data set for pictures that `preprocessor` makes.
    ///
    /// # Errors
    /// When it is none.
    pub fn open(path: &Path, preprocessor: Preprocessor) -> Result<Self, TrainError> {
        let dataset = Dataset::open(path, &Options::default())
            .map_err(|error| TrainError::Recipe(error.to_string()))?;
        Ok(Self { dataset, preprocessor })
    }

    /// A part of the picture, whole the first time.
    fn cut(&self, picture: &RgbImage, wish: Wish) -> RgbImage {
        if wish.draw == 0 {
            return self.preprocessor.resize(picture);
        }
        let seed = mix(wish.place ^ mix(wish.draw));
        let share = |round: u64| (mix(seed ^ round) >> 11) as f64 / (1_u64 << 53) as f64;
        let side = (LEAST_AREA + (1.0 - LEAST_AREA) * share(1)).sqrt();
        let part = |whole: u32, round| {
            let length = ((f64::from(whole) * side) as u32).max(1);
            let first = (f64::from(whole - length + 1) * share(round)) as u32;
            (first as usize, length as usize)
        };
        let (left, width) = part(picture.width(), 2);
        let (top, height) = part(picture.height(), 3);
        let stride = picture.width() as usize * 3;
        let rows = picture.data().chunks_exact(stride).skip(top).take(height);
        let data = rows.flat_map(|row| &row[left * 3..(left + width) * 3]).copied().collect();
        let cut = RgbImage::from_raw(width as u32, height as u32, data);
        self.preprocessor.resize(&cut.expect("the part has the size of its pixels"))
    }
}

impl Source for Files {
    fn count(&self) -> Option<u64> {
        Some(self.dataset.len() as u64)
    }

    fn example(&self, wish: Wish) -> Result<Example, TrainError> {
        let place = wish.place as usize;
        let problem = |problem: String| TrainError::Example { index: wish.place, problem };
        let sample = self.dataset.sample(place).map_err(|error| problem(error.to_string()))?;
        let mut captions =
            sample.captions.into_iter().map(|caption| caption.text).collect::<Vec<_>>();
        for &class in &sample.classes {
            let name = &self.dataset.class_names()[class];
            let templates = self.dataset.templates();
            if templates.is_empty() {
                captions.push(format!("a photo of {name}"));
            } else {
                let template = mix(wish.place ^ mix(wish.draw)) % templates.len() as u64;
                captions.push(templates[template as usize].replace("{c}", name));
            }
        }
        if captions.is_empty() {
            return Err(problem(format!("{} has no caption", sample.key)));
        }
        let mut hasher = DefaultHasher::new();
        // Pictures of one class mean the same; so do those with the same first caption.
        if sample.classes.is_empty() {
            captions[0].hash(&mut hasher);
        } else {
            sample.classes.hash(&mut hasher);
        }
        let wanted = wish.kind.captions;
        let first = (wish.draw as usize).wrapping_mul(wanted) % captions.len();
        captions.rotate_left(first);
        captions.truncate(wanted);
        let picture = if wish.picture {
            let picture = decode(&sample.picture, self.preprocessor.limits())
                .map_err(|error| problem(format!("{}: {error}", sample.key)))?;
            Some(self.cut(&picture, wish))
        } else {
            None
        };
        Ok(Example { picture, captions, key: hasher.finish(), concept: None })
    }
}
