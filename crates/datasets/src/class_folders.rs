//! A folder for each class, as most people keep labelled pictures.

use std::path::{Path, PathBuf};

use crate::DatasetError;
use crate::dataset::{Entry, Found, Kind, Labels};
use crate::layout::{Sort, entries, has_extension};
use crate::place::Place;
use crate::webdataset::{CLASS_NAMES, TEMPLATES, names_of, templates_of};

/// How the names of pictures end.
const ENDINGS: &[&str] =
    &["png", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "bmp", "tif", "tiff"];

/// Lists the pictures below the folders of `folder`, whose names in order are the classes; `None` when there is none.
///
/// `classnames.txt` gives the folders other names, one a line in the folders' order.
pub(crate) fn list(folder: &Path) -> Result<Option<Found>, DatasetError> {
    let (mut class_names, mut samples) = (Vec::new(), Vec::new());
    for class in entries(folder, Sort::Folders)? {
        let mut pictures = Vec::new();
        search(&class, &mut pictures)?;
        if pictures.is_empty() {
            continue;
        }
        for picture in pictures {
            let key = picture.strip_prefix(folder).unwrap_or(&picture).to_string_lossy();
            samples.push(Entry {
                key: key.as_ref().into(),
                picture: Place::File(picture.clone()),
                labels: Labels::Known { captions: Vec::new(), classes: vec![class_names.len()] },
            });
        }
        let name = class.file_name().unwrap_or_default().to_string_lossy().into_owned();
        class_names.push(name);
    }
    if samples.is_empty() {
        return Ok(None);
    }
    let renamed = names_of(folder)?;
    if !renamed.is_empty() {
        if renamed.len() != class_names.len() {
            let problem =
                format!("it names {} classes; there are {}", renamed.len(), class_names.len());
            return Err(DatasetError::of_file(&folder.join(CLASS_NAMES), problem));
        }
        class_names = renamed;
    }
    Ok(Some(Found {
        kind: Kind::Classification,
        entries: samples,
        shards: Vec::new(),
        class_names,
        templates: templates_of(&folder.join(TEMPLATES))?,
        left_out: 0,
    }))
}

/// Adds the pictures of a folder and of the folders in it, by their names. Links to folders are not followed, so that
/// the search ends.
fn search(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), DatasetError> {
    let pictures = entries(folder, Sort::Files)?.into_iter();
    found.extend(pictures.filter(|path| ENDINGS.iter().any(|ending| has_extension(path, ending))));
    for below in entries(folder, Sort::Folders)? {
        if !fs_err::symlink_metadata(&below)?.is_symlink() {
            search(&below, found)?;
        }
    }
    Ok(())
}
