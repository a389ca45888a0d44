//! COCO's captions: a JSON file with `images` (`id`, `file_name`) and `annotations` (`image_id`, `caption`).

use std::collections::HashMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::DatasetError;
use crate::dataset::{Found, Options};
use crate::picture_folder::beside;
use crate::records::{Records, usual_folders};

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    caption: String,
}

/// Lists the samples, in the order of `images`, their captions in the order of `annotations`.
pub(crate) fn list(path: &Path, options: &Options) -> Result<Found, DatasetError> {
    let reader = BufReader::new(fs_err::File::open(path)?);
    let fault = |problem: String| DatasetError::of_file(path, problem);
    let file = serde_json::from_reader::<_, File>(reader)
        .map_err(|error| fault(format!("no captions as COCO has them: {error}")))?;
    let mut records = Records::default();
    let mut places = HashMap::with_capacity(file.images.len());
    for image in &file.images {
        let place = records.add(&image.file_name, &image.file_name).map_err(fault)?;
        if places.insert(image.id, place).is_some() {
            return Err(fault(format!("two images have the id {}", image.id)));
        }
    }
    for annotation in &file.annotations {
        let place = places.get(&annotation.image_id);
        let place = place.ok_or_else(|| {
            fault(format!("a caption of the unknown image {}", annotation.image_id))
        })?;
        records.at(*place).say(None, &annotation.caption);
    }
    records.finish(path, folders(path), options)
}

/// `captions_val2017.json` in `annotations/` has its pictures in `val2017/` beside that.
fn folders(path: &Path) -> Vec<PathBuf> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let mut folders = Vec::new();
    if let Some(split) = stem.strip_prefix("captions_") {
        let above = beside(path).join("..");
        for place in [beside(path).to_owned(), above.clone(), above.join("images")] {
            folders.push(place.join(split));
        }
    }
    folders.extend(usual_folders(path));
    folders
}
