//! Scores of published checkpoints on a photo that cannot be shipped: the user brings it.
//!
//! The photo is 000000039769 of COCO val2017, two cats on a sofa, on which the checkpoints' own examples and the tests of
//! transformers run. The expected values are published with four digits or two, and were made from JPEG bytes by another
//! decoder and resize, so that the tolerances are wider than the program's own error by far: they find a wrong
//! checkpoint, a wrong tokenizer or a damaged weight, not a rounding.

use model::Siglip;
use pixels::RgbImage;

/// What a checkpoint must say about the photo.
pub(crate) struct Golden {
    /// The checkpoint.
    model: &'static str,
    expected: &'static [Expected],
}

struct Expected {
    text: &'static str,
    value: Value,
}

/// A published number and how far the program may be from it.
enum Value {
    /// `transformers` tests: four digits after the point.
    Logit(f32),
    /// A model card: percent with two digits.
    Percent(f32),
}

/// A difference of resize alone moves a logit by up to 6e-3.
const LOGIT_TOLERANCE: f32 = 0.02;

/// 0.02 in the logit is at most half a percentage point.
const PERCENT_TOLERANCE: f32 = 0.5;

/// Mean and standard deviation of the photo's normalised samples at 256x256, and how far other sizes and decoders may be.
const MEAN: f64 = 0.037_208;
const DEVIATION: f64 = 0.545_908;
const STATISTICS_TOLERANCE: f64 = 0.01;

const GOLDENS: &[Golden] = &[
    Golden {
        model: "google/siglip-base-patch16-224",
        expected: &[
            Expected { text: "a photo of 2 cats", value: Value::Logit(-0.7567) },
            Expected { text: "a photo of 2 dogs", value: Value::Logit(-10.3354) },
        ],
    },
    Golden {
        model: "google/siglip-base-patch16-256-multilingual",
        expected: &[
            Expected { text: "This is a photo of 2 cats.", value: Value::Percent(21.57) },
            Expected { text: "This is a photo of a remote.", value: Value::Percent(0.01) },
            Expected { text: "This is a photo of a plane.", value: Value::Percent(0.00) },
        ],
    },
];

/// The expectations for a checkpoint of this shape.
pub(crate) fn of(member: &str) -> Option<&'static Golden> {
    GOLDENS.iter().find(|golden| golden.model == member)
}

impl Golden {
    /// Compares a model's scores of the photo with what is expected. `Err` names all that differ.
    pub(crate) fn compare(&self, model: &Siglip, photo: &RgbImage) -> Result<String, String> {
        if !is_photo(photo) {
            return Err("the picture is not COCO 000000039769".to_owned());
        }
        let encodings = self.expected.iter().map(|expected| model.tokenize(expected.text));
        let failed = |error: model::ModelError| error.to_string();
        let encodings = encodings.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let texts = model.embed_texts(&encodings).map_err(failed)?;
        let images = model.embed_images(&[photo]).map_err(failed)?;
        let scoring = model.scoring().map_err(failed)?;
        let mut found = Vec::new();
        let mut wrong = Vec::new();
        for (expected, text) in self.expected.iter().zip(texts.rows()) {
            let score = scoring.score(images.row(0), text);
            let (is, should_be, tolerance, unit) = match expected.value {
                Value::Logit(logit) => (score.logit, logit, LOGIT_TOLERANCE, "logit"),
                Value::Percent(percent) => {
                    (100.0 * score.probability, percent, PERCENT_TOLERANCE, "percent")
                }
            };
            found.push(format!("{is:.4}"));
            // A NaN is not within anything.
            let within = (is - should_be).abs() <= tolerance;
            if !within {
                wrong.push(format!(
                    "{:?} has {unit} {is:.4}, expected {should_be} within {tolerance}",
                    expected.text
                ));
            }
        }
        if wrong.is_empty() {
            Ok(format!("the scores of {}: {}", self.model, found.join(", ")))
        } else {
            Err(format!("other scores than {}: {}", self.model, wrong.join("; ")))
        }
    }
}

/// Whether a prepared picture has the photo's statistics.
fn is_photo(picture: &RgbImage) -> bool {
    let normalised = |sample: &u8| f64::from(*sample) / 127.5 - 1.0;
    let count = picture.data().len() as f64;
    let mean = picture.data().iter().map(normalised).sum::<f64>() / count;
    let squares = picture.data().iter().map(|sample| (normalised(sample) - mean).powi(2));
    let deviation = (squares.sum::<f64>() / count).sqrt();
    (mean - MEAN).abs() <= STATISTICS_TOLERANCE
        && (deviation - DEVIATION).abs() <= STATISTICS_TOLERANCE
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use pixels::Preprocessor;

    use super::is_photo;

    #[test]
    fn the_photo_is_told_from_others_where_it_is_at_hand() {
        let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/images");
        // Its licence is not known, so that it is not in the repository.
        let Ok(photo) = fs_err::read(images.join("000000039769.png")) else {
            return;
        };
        let other = fs_err::read(images.join("bike.jpg")).expect("it stands beside the photo");
        for size in [224, 256, 384] {
            let preprocessor = Preprocessor::new(size, size);
            let is = |bytes| is_photo(&preprocessor.prepare(bytes).expect("a good picture"));
            assert!(is(&photo), "at {size}");
            assert!(!is(&other), "at {size}");
        }
    }
}
