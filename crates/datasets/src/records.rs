//! What tables and JSON files say, gathered by picture.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::caption::Caption;
use crate::dataset::{Entry, Found, Kind, Labels, Options};
use crate::place::Place;
use crate::{DatasetError, picture_folder};

/// The most bytes of a caption or a name.
pub(crate) const MOST_TEXT_BYTES: usize = 1 << 20;

/// Pictures in the order of their first mention.
#[derive(Default)]
pub(crate) struct Records {
    records: Vec<Record>,
    places: HashMap<String, usize>,
}

/// What a file says about a picture.
pub(crate) struct Record {
    picture: PathBuf,
    key: String,
    pub(crate) captions: Vec<Caption>,
    pub(crate) classes: Vec<String>,
}

impl Records {
    /// The record of a picture, by its path as the file has it.
    ///
    /// # Errors
    /// What is wrong with the path.
    pub(crate) fn of(&mut self, picture: &str) -> Result<&mut Record, String> {
        let place = match self.places.get(picture) {
            Some(place) => *place,
            None => self.add(picture, picture)?,
        };
        Ok(&mut self.records[place])
    }

    /// A new record; `key` is what the sample is called.
    ///
    /// # Errors
    /// What is wrong with the path.
    pub(crate) fn add(&mut self, picture: &str, key: &str) -> Result<usize, String> {
        let path = picture_folder::below(picture).ok_or_else(|| {
            let short = picture.chars().take(200).collect::<String>();
            format!("the picture {short:?} is not a path below the folder of the pictures")
        })?;
        let place = self.records.len();
        self.places.insert(picture.to_owned(), place);
        self.records.push(Record {
            picture: path,
            key: key.to_owned(),
            captions: Vec::new(),
            classes: Vec::new(),
        });
        Ok(place)
    }

    /// A record by its place.
    pub(crate) fn at(&mut self, place: usize) -> &mut Record {
        &mut self.records[place]
    }

    /// The samples, whose pictures are in the folder of the options or in the first of `candidates` that has the first
    /// of them. Classes are numbered in the order of their names.
    pub(crate) fn finish(
        mut self,
        file: &Path,
        candidates: Vec<PathBuf>,
        options: &Options,
    ) -> Result<Found, DatasetError> {
        let all = self.records.len();
        self.records.retain(|record| !record.captions.is_empty() || !record.classes.is_empty());
        let left_out = all - self.records.len();
        let Some(first) = self.records.first() else {
            return Err(DatasetError::Empty { path: file.to_owned() });
        };
        let given = options.pictures.as_deref();
        let folder = picture_folder::find(given, file, candidates, &first.picture)?;
        let kind = if self.records.iter().any(|record| !record.captions.is_empty()) {
            Kind::Captions
        } else if self.records.iter().all(|record| record.classes.len() == 1) {
            Kind::Classification
        } else {
            Kind::MultiLabel
        };
        let names = self.records.iter().flat_map(|record| &record.classes).cloned();
        let mut numbers = names.map(|name| (name, 0)).collect::<BTreeMap<_, _>>();
        for (number, place) in numbers.values_mut().enumerate() {
            *place = number;
        }
        let entry = |record: Record| {
            let mut classes =
                record.classes.iter().map(|name| numbers[name]).collect::<Vec<usize>>();
            classes.sort_unstable();
            classes.dedup();
            Entry {
                key: record.key.into(),
                picture: Place::File(folder.join(record.picture)),
                labels: Labels::Known { captions: record.captions, classes },
            }
        };
        Ok(Found {
            kind,
            entries: self.records.into_iter().map(entry).collect(),
            shards: Vec::new(),
            class_names: numbers.keys().cloned().collect(),
            templates: Vec::new(),
            left_out,
        })
    }
}

impl Record {
    /// Adds a caption, unless it is empty.
    pub(crate) fn say(&mut self, language: Option<&str>, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            let language = language.map(str::to_owned);
            self.captions.push(Caption { language, text: text.to_owned() });
        }
    }

    /// Adds a class, unless it is there or has no name.
    pub(crate) fn belongs(&mut self, class: &str) {
        let class = class.trim();
        if !class.is_empty() && !self.classes.iter().any(|known| known == class) {
            self.classes.push(class.to_owned());
        }
    }
}

/// Where pictures of a table commonly are: beside it, or in a folder of pictures beside it.
pub(crate) fn usual_folders(file: &Path) -> Vec<PathBuf> {
    let beside = picture_folder::beside(file);
    let mut folders = vec![beside.to_owned()];
    for name in ["images", "Images", "pictures", "flickr30k-images"] {
        folders.push(beside.join(name));
    }
    folders
}
