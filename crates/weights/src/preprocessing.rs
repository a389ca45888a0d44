//! How a picture becomes the numbers that the vision tower was trained on, read from the folder.
//!
//! The settings are in `processor_config.json` (section `image_processor`, as newer transformers write it) or in
//! `preprocessor_config.json`, looked for in that order, as transformers 5.23 does. Without either, the defaults of
//! `SiglipImageProcessor` hold, at the size that `config.json` gives.

use std::path::Path;

use serde_json::Value;

use crate::WeightsError;
use crate::config::VisionConfig;
use crate::fields::{JSON_LIMIT, Section, parse_object};
use crate::mapping::read_small_file;

/// The filter that resizes a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resample {
    /// A triangle: `"resample": 2`. SigLIP 2.
    Bilinear,
    /// A cubic with a = -0.5: `"resample": 3`. SigLIP 1.
    Bicubic,
}

/// From bytes of a picture to the input of the vision tower.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Preprocessing {
    /// Width in pixels that a picture is squashed to.
    pub width: usize,
    /// Height in pixels that a picture is squashed to.
    pub height: usize,
    /// The filter of the resize.
    pub resample: Resample,
    /// Subtracted from each channel after rescaling.
    pub mean: [f32; 3],
    /// Divides each channel afterwards.
    pub std: [f32; 3],
    /// Multiplies the 8-bit samples: 1/255.
    pub rescale_factor: f64,
}

impl Preprocessing {
    /// The preprocessing of SigLIP 1 at the size of a vision tower.
    pub fn for_vision(vision: &VisionConfig) -> Self {
        Self {
            width: vision.image_size,
            height: vision.image_size,
            resample: Resample::Bicubic,
            mean: [0.5; 3],
            std: [0.5; 3],
            rescale_factor: 1.0 / 255.0,
        }
    }

    /// Reads `preprocessor_config.json`, or `processor_config.json` with its section `image_processor`.
    ///
    /// # Errors
    /// Names the field that asks for something that the program does not do (another filter, a crop, no resize, no
    /// normalisation) or that contradicts the vision tower.
    pub fn from_json(json: &[u8], vision: &VisionConfig) -> Result<Self, WeightsError> {
        let object = parse_object(json)?;
        let top = Section::top(&object);
        match top.inner("image_processor")? {
            Some(section) => Self::from_section(&section, vision),
            None => Self::from_section(&top, vision),
        }
    }

    /// Reads what the folder says.
    pub(crate) fn read(folder: &Path, vision: &VisionConfig) -> Result<Self, WeightsError> {
        let within = |path: &Path, result: Result<Self, WeightsError>| {
            result.map_err(|problem| WeightsError::InFile {
                path: path.to_owned(),
                problem: Box::new(problem),
            })
        };
        let nested = folder.join("processor_config.json");
        if let Some(json) = read_small_file(&nested, JSON_LIMIT)? {
            let is_nested = parse_object(&json)
                .map_err(|problem| WeightsError::InFile {
                    path: nested.clone(),
                    problem: Box::new(problem),
                })?
                .contains_key("image_processor");
            if is_nested {
                return within(&nested, Self::from_json(&json, vision));
            }
        }
        let plain = folder.join("preprocessor_config.json");
        match read_small_file(&plain, JSON_LIMIT)? {
            Some(json) => within(&plain, Self::from_json(&json, vision)),
            None => Ok(Self::for_vision(vision)),
        }
    }

    fn from_section(section: &Section<'_>, vision: &VisionConfig) -> Result<Self, WeightsError> {
        let default = Self::for_vision(vision);
        for (step, wanted) in [
            ("do_resize", true),
            ("do_rescale", true),
            ("do_normalize", true),
            ("do_center_crop", false),
        ] {
            if section.flag(step, wanted)? != wanted {
                return Err(section.wrong(step, &Value::from(!wanted), &wanted.to_string()));
            }
        }
        let (width, height) = match section.value("size") {
            None => (default.width, default.height),
            Some(size) => {
                let side = |name| size.get(name).and_then(Value::as_u64);
                let whole = size.as_u64();
                let most = vision.image_size as u64;
                match (side("width").or(whole), side("height").or(whole)) {
                    (Some(width), Some(height)) if width == most && height == most => {
                        (default.width, default.height)
                    }
                    _ => {
                        let allowed = format!(
                            "width and height {most}, the size that config.json gives the vision tower"
                        );
                        return Err(section.wrong("size", size, &allowed));
                    }
                }
            }
        };
        let resample = match section.value("resample") {
            None => default.resample,
            Some(value) => match value.as_u64() {
                Some(2) => Resample::Bilinear,
                Some(3) => Resample::Bicubic,
                _ => return Err(section.wrong("resample", value, "2 (bilinear) or 3 (bicubic)")),
            },
        };
        let std = channels(section, "image_std", default.std)?;
        if std.iter().any(|deviation| *deviation <= 0.0) {
            let problem = format!("is {std:?}; every channel must be above 0");
            return Err(section.problem("image_std", problem));
        }
        Ok(Self {
            width,
            height,
            resample,
            mean: channels(section, "image_mean", default.mean)?,
            std,
            rescale_factor: section.positive("rescale_factor", default.rescale_factor, 1.0)?,
        })
    }
}

/// One number for each of the three channels, or one number for all of them.
fn channels(
    section: &Section<'_>,
    field: &str,
    default: [f32; 3],
) -> Result<[f32; 3], WeightsError> {
    let Some(value) = section.value(field) else {
        return Ok(default);
    };
    let number = |value: &Value| {
        value.as_f64().map(|number| number as f32).filter(|number| number.abs() <= 1e6)
    };
    let numbers: Option<Vec<f32>> = match value {
        Value::Array(list) if list.len() == 3 => list.iter().map(number).collect(),
        other => number(other).map(|all| vec![all; 3]),
    };
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| section.wrong(field, value, "three numbers"))
}
