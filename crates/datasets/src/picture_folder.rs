//! The folder of the pictures that a table or a JSON file names, and the fence around it.

use std::path::{Component, Path, PathBuf};

use crate::DatasetError;

/// A path below the folder of the pictures, from what a file says; `None` when it would leave it.
pub(crate) fn below(name: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    // What is a name here may be a way out on another system.
    let leaves = name.contains('\0') || name.split('\\').any(|part| part == "..");
    (!leaves && path.file_name().is_some()).then_some(path)
}

/// The folder among `candidates` that holds `picture`, unless somebody has given one.
///
/// # Errors
/// When none does.
pub(crate) fn find(
    given: Option<&Path>,
    file: &Path,
    candidates: Vec<PathBuf>,
    picture: &Path,
) -> Result<PathBuf, DatasetError> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let holds = |folder: &&PathBuf| folder.join(picture).is_file();
    match candidates.iter().find(holds) {
        Some(folder) => Ok(folder.clone()),
        None => Err(DatasetError::NoPictureFolder {
            file: file.to_owned(),
            picture: picture.display().to_string(),
            tried: candidates,
        }),
    }
}

/// The folder that a file is in, also for a bare name.
pub(crate) fn beside(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
