//! `WebDataset` tars as `CLIP_benchmark` lays them out, with what it says about them in small files beside them.
//!
//! `dataset_type.txt` is `classification` (when it is missing), `multilabel` or `retrieval`; `nshards.txt` says how many
//! tars there are, which are called `0.tar`, `1.tar` and so on. The files about classes stand in the data set's folder,
//! the tars in the folder of a split.

use std::path::{Path, PathBuf};

use crate::DatasetError;
use crate::dataset::{Found, Kind};
use crate::layout::{Sort, entries};
use crate::place::read_text;
use crate::shards::{self, TextForm};

pub(crate) const CLASS_NAMES: &str = "classnames.txt";
pub(crate) const TEMPLATES: &str = "zeroshot_classification_templates.txt";
const SHARD_COUNT: &str = "nshards.txt";
const TYPE: &str = "dataset_type.txt";

/// More than any published data set has.
const MOST_SHARDS: usize = 1_000_000;

/// Where the parts of the layout are.
pub(crate) struct Layout {
    /// The tars.
    split: PathBuf,
    /// What is said about them.
    about: PathBuf,
}

impl Layout {
    /// `folder` may be a split, or a data set whose split `test` is taken, else `val`, else the only one.
    pub(crate) fn recognise(folder: &Path) -> Result<Option<Self>, DatasetError> {
        let is_split = |folder: &Path| folder.join(SHARD_COUNT).is_file();
        if is_split(folder) {
            let above = match fs_err::canonicalize(folder)?.parent() {
                Some(above)
                    if [CLASS_NAMES, TYPE].iter().any(|name| above.join(name).is_file()) =>
                {
                    above.to_owned()
                }
                _ => folder.to_owned(),
            };
            return Ok(Some(Self { split: folder.to_owned(), about: above }));
        }
        let mut splits = entries(folder, Sort::Folders)?;
        splits.retain(|split| is_split(split));
        let named = |name: &str| splits.iter().find(|split| split.ends_with(name));
        let split = match (named("test").or_else(|| named("val")), splits.as_slice()) {
            (Some(split), _) | (None, [split]) => split.clone(),
            (None, []) => return Ok(None),
            (None, _) => {
                let problem =
                    "several splits, none of them test or val; open the one that is meant";
                return Err(DatasetError::of_file(folder, problem));
            }
        };
        Ok(Some(Self { split, about: folder.to_owned() }))
    }

    /// Lists the samples.
    pub(crate) fn list(&self) -> Result<Found, DatasetError> {
        let file = self.about.join(TYPE);
        let text = if file.is_file() { read_text(&file)? } else { String::new() };
        let kind = match text.trim().to_ascii_lowercase().as_str() {
            "" | "classification" => Kind::Classification,
            "multilabel" => Kind::MultiLabel,
            "retrieval" => Kind::Captions,
            other => {
                let problem = format!(
                    "unknown type {other:?}; one of classification, multilabel, retrieval was expected"
                );
                return Err(DatasetError::of_file(&file, problem));
            }
        };
        let indexed = shards::index(self.shards()?, TextForm::CaptionPerLine)?;
        let mut found = indexed.of_kind(kind);
        if kind != Kind::Captions {
            found.class_names = names_of(&self.about)?;
            found.templates = templates_of(&self.about.join(TEMPLATES))?;
        }
        Ok(found)
    }

    fn shards(&self) -> Result<Vec<PathBuf>, DatasetError> {
        let file = self.split.join(SHARD_COUNT);
        let text = read_text(&file)?;
        match text.trim().parse::<usize>() {
            Ok(count) if count <= MOST_SHARDS => {
                Ok((0..count).map(|shard| self.split.join(format!("{shard}.tar"))).collect())
            }
            _ => {
                let problem = format!(
                    "{:?} is not a number of shards; the limit is {MOST_SHARDS}",
                    text.trim().chars().take(20).collect::<String>()
                );
                Err(DatasetError::of_file(&file, problem))
            }
        }
    }
}

/// The names in a folder's `classnames.txt`, one a line; none when there is no such file. An empty line between others
/// is a class without a name, so that the numbers stay.
pub(crate) fn names_of(folder: &Path) -> Result<Vec<String>, DatasetError> {
    lines_of(&folder.join(CLASS_NAMES))
}

/// The templates of a file, one a line; none when there is no such file.
pub(crate) fn templates_of(file: &Path) -> Result<Vec<String>, DatasetError> {
    let mut templates = lines_of(file)?;
    templates.retain(|template| !template.is_empty());
    Ok(templates)
}

fn lines_of(file: &Path) -> Result<Vec<String>, DatasetError> {
    if !file.is_file() {
        return Ok(Vec::new());
    }
    let text = read_text(file)?;
    Ok(text.trim_end().lines().map(|line| line.trim().to_owned()).collect())
}
