//! Crossmodal-3600: `captions.jsonl`, a picture a line with captions in 36 languages.
//!
//! `{"image/key": "...", "image/locale": "...", "en": {"caption": ["...", "..."], ...}, ...}`; the pictures are
//! `images/KEY.jpg`.

use std::path::Path;

use serde_json::Value;

use crate::dataset::{Found, Options};
use crate::records::{Records, usual_folders};
use crate::{DatasetError, lines};

/// The field that no other layout has.
pub(crate) const KEY: &str = "image/key";

/// Lists the samples.
pub(crate) fn list(path: &Path, options: &Options) -> Result<Found, DatasetError> {
    let mut records = Records::default();
    for line in lines::objects(path)? {
        let line = line?;
        let fault = |problem: String| DatasetError::of_line(path, line.number, problem);
        let key = line.object.get(KEY).and_then(Value::as_str);
        let key = key.ok_or_else(|| fault(format!("no text {KEY:?}")))?;
        let place = records.add(&format!("{key}.jpg"), key).map_err(fault)?;
        for (language, value) in &line.object {
            let Some(captions) = value.get("caption") else { continue };
            let captions = captions
                .as_array()
                .ok_or_else(|| fault(format!("the captions of {language:?} are no list")))?;
            for caption in captions {
                let text = caption
                    .as_str()
                    .ok_or_else(|| fault(format!("a caption of {language:?} is no text")))?;
                records.at(place).say(Some(language), text);
            }
        }
    }
    records.finish(path, usual_folders(path), options)
}
