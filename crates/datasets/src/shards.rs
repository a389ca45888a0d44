//! Tars of samples: members with the same key stand together, and what comes after the key says what they are.
//!
//! `KEY.jpg` (or webp, png, ...) is the picture, `KEY.cls` its class, `KEY.npy` its classes, `KEY.txt` a caption,
//! `KEY.LANGUAGE.txt` one in a language, `KEY.json` an object with `caption`, which counts where there is no text.

use std::path::{Path, PathBuf};

use tar::{Archive, EntryType};

use crate::dataset::{Entry, Found, Kind, Labels};
use crate::place::{MOST_LABEL_BYTES, Place, Span, read_member, text};
use crate::{Caption, DatasetError, npy};

/// How the names of pictures end.
const PICTURES: &[&str] = &["webp", "png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff"];

/// What a `.txt` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextForm {
    /// One caption, which may have several lines: img2dataset.
    OneCaption,
    /// A caption in each line: `CLIP_benchmark`.
    CaptionPerLine,
}

/// A member that says something about the picture.
#[derive(Clone, Debug)]
pub(crate) struct LabelMember {
    form: LabelForm,
    span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum LabelForm {
    /// `.cls`
    Class,
    /// `.npy`
    Classes,
    /// `.txt`
    Text { language: Option<Box<str>>, form: TextForm },
    /// `.json`
    Json,
}

impl LabelForm {
    fn of(extension: &str, form: TextForm) -> Option<Self> {
        Some(match extension {
            "cls" => Self::Class,
            "npy" => Self::Classes,
            "txt" => Self::Text { language: None, form },
            "json" => Self::Json,
            other => {
                let language = other.strip_suffix(".txt")?;
                Self::Text { language: Some(language.into()), form }
            }
        })
    }

    /// As the member's name has it.
    fn extension(&self) -> String {
        match self {
            Self::Class => "cls".to_owned(),
            Self::Classes => "npy".to_owned(),
            Self::Text { language: None, .. } => "txt".to_owned(),
            Self::Text { language: Some(language), .. } => format!("{language}.txt"),
            Self::Json => "json".to_owned(),
        }
    }

    fn fits(&self, kind: Kind) -> bool {
        match self {
            Self::Class => kind == Kind::Classification,
            Self::Classes => kind == Kind::MultiLabel,
            Self::Text { .. } | Self::Json => kind == Kind::Captions,
        }
    }
}

/// What is in some tars.
pub(crate) struct Indexed {
    shards: Vec<PathBuf>,
    groups: Vec<Group>,
}

/// Members with the same key.
struct Group {
    key: Box<str>,
    picture: Option<Span>,
    labels: Vec<LabelMember>,
}

/// Lists tars that nothing describes: what their samples have says what they are.
pub(crate) fn list(shards: Vec<PathBuf>) -> Result<Found, DatasetError> {
    let indexed = index(shards, TextForm::OneCaption)?;
    let has = |kind| {
        indexed.groups.iter().any(|group| group.labels.iter().any(|label| label.form.fits(kind)))
    };
    let kinds = [Kind::Classification, Kind::MultiLabel];
    let kind = kinds.into_iter().find(|kind| has(*kind)).unwrap_or(Kind::Captions);
    Ok(indexed.of_kind(kind))
}

impl Indexed {
    /// The samples that have a picture and a label of this kind.
    pub(crate) fn of_kind(self, kind: Kind) -> Found {
        let all = self.groups.len();
        let complete = self.groups.into_iter().filter_map(|group| {
            let labels = group.labels.into_iter().filter(|label| label.form.fits(kind));
            let labels = labels.collect::<Vec<_>>();
            let picture = Place::Member(group.picture?);
            let labels = (!labels.is_empty()).then_some(Labels::Members(labels))?;
            Some(Entry { key: group.key, picture, labels })
        });
        let entries = complete.collect::<Vec<_>>();
        Found {
            kind,
            left_out: all - entries.len(),
            entries,
            shards: self.shards,
            class_names: Vec::new(),
            templates: Vec::new(),
        }
    }
}

/// Walks the headers of tars.
pub(crate) fn index(shards: Vec<PathBuf>, form: TextForm) -> Result<Indexed, DatasetError> {
    let mut groups = Vec::new();
    for (shard, path) in shards.iter().enumerate() {
        index_one(path, shard as u32, form, &mut groups)?;
    }
    Ok(Indexed { shards, groups })
}

fn index_one(
    path: &Path,
    shard: u32,
    form: TextForm,
    groups: &mut Vec<Group>,
) -> Result<(), DatasetError> {
    let file = fs_err::File::open(path)?;
    let end = file.metadata()?.len();
    let mut archive = Archive::new(file);
    let first = groups.len();
    let mut last = String::new();
    let damaged = |last: &str, error: std::io::Error| {
        let place =
            if last.is_empty() { "its beginning".to_owned() } else { format!("member {last}") };
        DatasetError::of_file(path, format!("no tar, or damaged after {place}: {error}"))
    };
    for entry in archive.entries_with_seek().map_err(|error| damaged("", error))? {
        let entry = entry.map_err(|error| damaged(&last, error))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        last.clone_from(&name);
        let of_member = |problem: String| DatasetError::of_member(path, &name, problem);
        let kind = entry.header().entry_type();
        if kind == EntryType::GNUSparse {
            return Err(of_member("sparse files are not supported".to_owned()));
        }
        let span = Span { shard, offset: entry.raw_file_position(), length: entry.size() };
        if span.offset.checked_add(span.length).is_none_or(|last_byte| last_byte > end) {
            let problem = format!(
                "the tar is cut short: it has {end} bytes, the member needs {} from byte {}",
                span.length, span.offset
            );
            return Err(of_member(problem));
        }
        if !matches!(kind, EntryType::Regular | EntryType::Continuous) {
            continue;
        }
        let Some(Name { key, extension }) = Name::split(&name) else { continue };
        let extension = extension.to_ascii_lowercase();
        let is_picture = PICTURES.contains(&extension.as_str());
        let label = LabelForm::of(&extension, form);
        if !is_picture && label.is_none() {
            continue;
        }
        if groups[first..].last().is_none_or(|group| *group.key != *key) {
            groups.push(Group { key: key.into(), picture: None, labels: Vec::new() });
        }
        let group = groups.last_mut().expect("a group was just added, or was there");
        let again = || of_member("the sample has a second member of this kind".to_owned());
        match label {
            Some(form) => {
                if group.labels.iter().any(|label| label.form == form) {
                    return Err(again());
                }
                group.labels.push(LabelMember { form, span });
            }
            None if group.picture.is_some() => return Err(again()),
            None => group.picture = Some(span),
        }
    }
    Ok(())
}

/// A member's name as `WebDataset` reads it.
struct Name<'a> {
    key: &'a str,
    extension: &'a str,
}

impl<'a> Name<'a> {
    /// At the first point of the last part; `None` for hidden files and those without a point.
    fn split(name: &'a str) -> Option<Self> {
        let begin = name.rfind('/').map_or(0, |slash| slash + 1);
        let point = begin + name[begin..].find('.')?;
        let key = name[..point].trim_start_matches("./");
        (point > begin).then_some(Self { key, extension: &name[point + 1..] })
    }
}

fn read(shards: &[PathBuf], key: &str, label: &LabelMember) -> Result<Vec<u8>, DatasetError> {
    let name = format!("{key}.{}", label.form.extension());
    read_member(&shards[label.span.shard as usize], label.span, &name, MOST_LABEL_BYTES)
}

fn fault(
    shards: &[PathBuf],
    key: &str,
    label: &LabelMember,
    problem: impl Into<String>,
) -> DatasetError {
    let name = format!("{key}.{}", label.form.extension());
    DatasetError::of_member(&shards[label.span.shard as usize], &name, problem)
}

/// The captions that the members of a sample hold.
pub(crate) fn read_captions(
    shards: &[PathBuf],
    key: &str,
    members: &[LabelMember],
) -> Result<Vec<Caption>, DatasetError> {
    let has_text = members.iter().any(|label| matches!(label.form, LabelForm::Text { .. }));
    let mut captions = Vec::new();
    for label in members {
        let of = |problem| fault(shards, key, label, problem);
        match &label.form {
            LabelForm::Text { language, form } => {
                let text = text(read(shards, key, label)?).map_err(of)?;
                let mut add = |text: &str| {
                    let language = language.as_deref().map(str::to_owned);
                    captions.push(Caption { language, text: text.trim().to_owned() });
                };
                match form {
                    TextForm::OneCaption => add(&text),
                    TextForm::CaptionPerLine => {
                        text.lines().filter(|line| !line.trim().is_empty()).for_each(add);
                    }
                }
            }
            LabelForm::Json if !has_text => {
                let json = serde_json::from_slice::<serde_json::Value>(&read(shards, key, label)?)
                    .map_err(|error| fault(shards, key, label, error.to_string()))?;
                let caption = json.get("caption").and_then(serde_json::Value::as_str);
                let text = caption.ok_or_else(|| of("no text \"caption\" in it"))?;
                captions.push(Caption { language: None, text: text.trim().to_owned() });
            }
            LabelForm::Json | LabelForm::Class | LabelForm::Classes => {}
        }
    }
    Ok(captions)
}

/// The classes that the members of a sample hold, each below `names` unless that is 0.
pub(crate) fn read_classes(
    shards: &[PathBuf],
    key: &str,
    members: &[LabelMember],
    names: usize,
) -> Result<Vec<usize>, DatasetError> {
    let mut classes = Vec::new();
    for label in members {
        let of = |problem: String| fault(shards, key, label, problem);
        match label.form {
            LabelForm::Class => {
                let text = text(read(shards, key, label)?).map_err(|problem| of(problem.into()))?;
                let class = text.trim().parse::<usize>();
                classes.push(class.map_err(|_| of("no number of a class".to_owned()))?);
            }
            LabelForm::Classes => {
                classes.extend(npy::set_places(&read(shards, key, label)?).map_err(of)?);
            }
            LabelForm::Text { .. } | LabelForm::Json => {}
        }
        if let Some(class) = classes.iter().find(|class| names > 0 && **class >= names) {
            return Err(of(format!("class {class}; there are names of {names} classes")));
        }
    }
    classes.sort_unstable();
    classes.dedup();
    Ok(classes)
}
