//! A data set whose samples are known and read one by one.

use std::path::{Path, PathBuf};

use crate::caption::{self, Caption, CaptionChoice};
use crate::place::{self, Place};
use crate::shards::{self, LabelMember};
use crate::{DatasetError, layout};

/// What is known about the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One class each.
    Classification,
    /// Any number of classes each.
    MultiLabel,
    /// Captions.
    Captions,
}

/// How to open a data set.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The folder of the pictures that a CSV or JSON file names; without it, it is looked for beside the file.
    pub pictures: Option<PathBuf>,
    /// The codes of the languages whose captions are used; none means all.
    pub languages: Vec<String>,
    /// Which captions of a language are used.
    pub captions: CaptionChoice,
}

/// A picture and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its name in the data set: a path, a key of a tar.
    pub key: String,
    /// The encoded picture, as it stands in the data set; nothing has looked at it.
    pub picture: Vec<u8>,
    /// Those that the options take, in the data set's order.
    pub captions: Vec<Caption>,
    /// Places in [`Dataset::class_names`], rising.
    pub classes: Vec<usize>,
}

/// What a layout found.
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) entries: Vec<Entry>,
    /// The tars that the entries' spans count.
    pub(crate) shards: Vec<PathBuf>,
    pub(crate) class_names: Vec<String>,
    pub(crate) templates: Vec<String>,
    pub(crate) left_out: usize,
}

/// A sample before it is read.
pub(crate) struct Entry {
    pub(crate) key: Box<str>,
    pub(crate) picture: Place,
    pub(crate) labels: Labels,
}

/// What is known about a picture, or where it stands.
pub(crate) enum Labels {
    Known { captions: Vec<Caption>, classes: Vec<usize> },
    Members(Vec<LabelMember>),
}

/// A data set, open: its samples are listed, and read when they are asked for, from any thread.
pub struct Dataset {
    name: String,
    found: Found,
    languages: Vec<String>,
    captions: CaptionChoice,
}

impl Dataset {
    /// Recognises the layout of a folder or a file (the crate's documentation lists them) and lists its samples.
    ///
    /// # Errors
    /// When no layout fits, there are no samples, or a file is not what its layout wants: the message names the file,
    /// and the line or the member. Pictures are not looked at.
    pub fn open(path: &Path, options: &Options) -> Result<Self, DatasetError> {
        let found = layout::find(path, options)?;
        if found.entries.is_empty() {
            return Err(DatasetError::Empty { path: path.to_owned() });
        }
        Ok(Self {
            name: own_name(path),
            found,
            languages: options.languages.clone(),
            captions: options.captions,
        })
    }

    /// The last part of the path that was opened, without a file's extension.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.found.entries.len()
    }

    /// Never: a data set without samples does not open.
    pub fn is_empty(&self) -> bool {
        self.found.entries.is_empty()
    }

    /// What is known about the pictures.
    pub fn kind(&self) -> Kind {
        self.found.kind
    }

    /// What the classes are called, by number; empty for captions, and where nobody says.
    pub fn class_names(&self) -> &[String] {
        &self.found.class_names
    }

    /// The data set's own sentences with `{c}` in the class's place; empty where there are none.
    pub fn templates(&self) -> &[String] {
        &self.found.templates
    }

    /// Which captions of a language are used.
    pub fn caption_choice(&self) -> CaptionChoice {
        self.captions
    }

    /// What is in the tars and is no sample, because it lacks a picture or a label.
    pub fn left_out(&self) -> usize {
        self.found.left_out
    }

    /// The name of a sample.
    ///
    /// # Errors
    /// When there is no such sample.
    pub fn key(&self, index: usize) -> Result<&str, DatasetError> {
        Ok(&self.entry(index)?.key)
    }

    /// Reads the picture of a sample.
    ///
    /// # Errors
    /// When there is no such sample, or its bytes cannot be read.
    pub fn picture(&self, index: usize) -> Result<Vec<u8>, DatasetError> {
        let entry = self.entry(index)?;
        place::read_picture(&entry.picture, &self.found.shards, &entry.key)
    }

    /// The captions of a sample that the options take.
    ///
    /// # Errors
    /// When there is no such sample, or its labels cannot be read.
    pub fn captions(&self, index: usize) -> Result<Vec<Caption>, DatasetError> {
        let entry = self.entry(index)?;
        let mut captions = match &entry.labels {
            Labels::Known { captions, .. } => captions.clone(),
            Labels::Members(members) => {
                shards::read_captions(&self.found.shards, &entry.key, members)?
            }
        };
        caption::choose(&mut captions, &self.languages, self.captions);
        Ok(captions)
    }

    /// The classes of a sample, rising.
    ///
    /// # Errors
    /// When there is no such sample, its labels cannot be read, or a class has no name while others do.
    pub fn classes(&self, index: usize) -> Result<Vec<usize>, DatasetError> {
        let entry = self.entry(index)?;
        match &entry.labels {
            Labels::Known { classes, .. } => Ok(classes.clone()),
            Labels::Members(members) => {
                let names = self.found.class_names.len();
                shards::read_classes(&self.found.shards, &entry.key, members, names)
            }
        }
    }

    /// Reads a sample.
    ///
    /// # Errors
    /// Those of [`picture`](Self::picture), [`captions`](Self::captions) and [`classes`](Self::classes).
    pub fn sample(&self, index: usize) -> Result<Sample, DatasetError> {
        Ok(Sample {
            key: self.key(index)?.to_owned(),
            picture: self.picture(index)?,
            captions: self.captions(index)?,
            classes: self.classes(index)?,
        })
    }

    fn entry(&self, index: usize) -> Result<&Entry, DatasetError> {
        let length = self.len();
        self.found.entries.get(index).ok_or(DatasetError::NoSample { index, length })
    }
}

/// Also for `.`, whose full path has a last part.
fn own_name(path: &Path) -> String {
    let full = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = if full.is_dir() { full.file_name() } else { full.file_stem() };
    name.unwrap_or(full.as_os_str()).to_string_lossy().into_owned()
}
