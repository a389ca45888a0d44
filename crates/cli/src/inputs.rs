//! From what the user typed to pictures: files, folders, patterns, standard input.
//!
//! A picture is known by its content (the decoder's business); only inside a folder is it looked for by its name.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use glob::MatchOptions;

/// How the names of pictures end. Formats that are recognised and not read are among them, so that such a picture is
/// named rather than silently left out.
const ENDINGS: &[&str] = &[
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "bmp", "dib", "tif", "tiff",
    "avif", "heic", "heif", "jxl", "jp2",
];

/// Where the bytes of a picture are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    File(PathBuf),
    StandardInput,
}

impl fmt::Display for Source {
    /// The path as it was given or found; `-` for standard input.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::StandardInput => formatter.write_str("-"),
        }
    }
}

/// A folder that gives no pictures, and why.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) place: String,
    pub(crate) message: String,
}

/// The pictures of a command, in order, and the folders that could not be searched.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) sources: Vec<Source>,
    pub(crate) problems: Vec<Problem>,
}

impl Inputs {
    /// Finds the pictures: each argument's in turn, those of a folder or a pattern in the order of their names.
    ///
    /// A file that does not exist, and a pattern that fits nothing, are pictures that will fail to be read. A path that
    /// exists is never taken for a pattern.
    pub(crate) fn find(arguments: &[OsString]) -> Self {
        let mut inputs = Self::default();
        for argument in arguments {
            let path = Path::new(argument);
            if argument == "-" {
                inputs.sources.push(Source::StandardInput);
            } else if path.is_dir() {
                inputs.add_folder(path);
            } else if let Some(matches) = matches(path) {
                inputs.add_matches(&matches);
            } else {
                inputs.sources.push(Source::File(path.to_owned()));
            }
        }
        inputs
    }

    /// Adds what a pattern fits. It may fit a folder and the pictures in it, which are taken once.
    fn add_matches(&mut self, matches: &[PathBuf]) {
        let first = self.sources.len();
        for path in matches {
            if path.is_dir() {
                self.add_folder(path);
            } else {
                self.sources.push(Source::File(path.clone()));
            }
        }
        let mut seen = HashSet::new();
        let found = self.sources.split_off(first).into_iter();
        let new = found.filter(|source| seen.insert(source.clone()));
        self.sources.extend(new);
    }

    fn add_folder(&mut self, folder: &Path) {
        let (sources, problems) = (self.sources.len(), self.problems.len());
        self.search(folder);
        if self.sources.len() == sources && self.problems.len() == problems {
            self.problems.push(Problem {
                place: folder.display().to_string(),
                message: "no pictures in this folder".to_owned(),
            });
        }
    }

    /// Adds the pictures below a folder. Hidden files are left out, and links to folders are not followed, so that the
    /// search ends.
    fn search(&mut self, folder: &Path) {
        let mut open = vec![folder.to_owned()];
        while let Some(place) = open.pop() {
            if place != folder && is_picture_name(&place) && !is_real_folder(&place) {
                self.sources.push(Source::File(place));
                continue;
            }
            match entries(&place) {
                // The stack gives back the last first.
                Ok(entries) => open.extend(entries.into_iter().rev()),
                Err(error) => self.problems.push(Problem {
                    place: place.display().to_string(),
                    message: describe(&error),
                }),
            }
        }
    }
}

/// The folders and picture files of a folder, in the order of their names.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && (entry.file_type()?.is_dir() || is_picture(&path)) {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn is_real_folder(path: &Path) -> bool {
    fs_err::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Whether the name ends like a picture's and it is no folder, pipe or device. A link that leads nowhere counts, so that
/// it is named.
fn is_picture(path: &Path) -> bool {
    is_picture_name(path) && fs_err::metadata(path).map_or(true, |metadata| metadata.is_file())
}

fn is_picture_name(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
        ENDINGS.iter().any(|ending| extension.eq_ignore_ascii_case(ending))
    })
}

/// What a pattern fits, in order; `None` when the text is no pattern, or fits nothing.
fn matches(path: &Path) -> Option<Vec<PathBuf>> {
    let pattern = path.to_str()?;
    if !pattern.contains(['*', '?', '[']) || fs_err::symlink_metadata(path).is_ok() {
        return None;
    }
    let as_shells_do = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let found = glob::glob_with(pattern, as_shells_do).ok()?;
    // What cannot be looked into fits nothing, as in a shell.
    let found = found.filter_map(Result::ok).collect::<Vec<_>>();
    (!found.is_empty()).then_some(found)
}

/// What the system says, without the path, which the caller names.
pub(crate) fn describe(error: &io::Error) -> String {
    let text = match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder",
        io::ErrorKind::PermissionDenied => "permission denied",
        io::ErrorKind::IsADirectory => "is a folder",
        kind => return kind.to_string(),
    };
    text.to_owned()
}
