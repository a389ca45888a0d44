//! What a folder has, beside what a store knows of it.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;
use index::{Attributes, Embedded, Listed, Value, VectorIndex};

use crate::inputs::{Inputs, Problem, Source};

/// Ids that are asked for at a time.
const PAGE: usize = 10_000;

/// A picture file as it is now.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Its full path, which is its id.
    pub(crate) id: String,
    pub(crate) source: Source,
    pub(crate) attributes: Attributes,
    /// Whether the store has an older one of this name.
    pub(crate) is_known: bool,
}

/// What has to be done.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) changed: Vec<File>,
    pub(crate) unchanged: usize,
    /// Ids of files that are not there any more.
    pub(crate) vanished: Vec<String>,
    pub(crate) problems: Vec<Problem>,
}

impl Survey {
    /// Looks at a folder; `known` says what there is of the folder whose full path it is given.
    ///
    /// # Errors
    /// When it is no folder, and what `known` says.
    pub(crate) fn of(
        folder: &Path,
        known: impl FnOnce(&Path) -> anyhow::Result<HashMap<String, Attributes>>,
    ) -> anyhow::Result<Self> {
        let root = fs_err::canonicalize(folder).context("cannot be indexed")?;
        let inputs = Inputs::find(&[root.clone().into_os_string()]);
        anyhow::ensure!(root.is_dir(), "{}: not a folder", folder.display());
        let mut known = known(&root)?;
        let mut survey = Self { problems: inputs.problems, ..Self::default() };
        for source in inputs.sources {
            let Source::File(path) = &source else { continue };
            match attributes(path) {
                Ok((id, attributes)) => {
                    let before = known.remove(&id);
                    if before.as_ref() == Some(&attributes) {
                        survey.unchanged += 1;
                    } else {
                        let is_known = before.is_some();
                        survey.changed.push(File { id, source, attributes, is_known });
                    }
                }
                Err(problem) => survey.problems.push(problem),
            }
        }
        let is_gone = |id: &String| {
            fs_err::symlink_metadata(id).is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        survey.vanished = known.into_keys().filter(is_gone).collect();
        survey.vanished.sort();
        Ok(survey)
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.changed.is_empty() && self.vanished.is_empty()
    }
}

/// What an index has below a folder, by its full path.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn known(root: &Path, index: &Embedded) -> anyhow::Result<HashMap<String, Attributes>> {
    let prefix = root.join("").to_string_lossy().into_owned();
    let mut known = HashMap::new();
    // Ids are in order, so that those below the folder are together; none is the prefix alone.
    let mut after = prefix.clone();
    loop {
        let page = index.list(Some(&after), PAGE)?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        let is_full = page.len() == PAGE && after.starts_with(&prefix);
        let below = page.into_iter().filter(|listed| listed.id.starts_with(&prefix));
        known.extend(below.map(|Listed { id, attributes }| (id, attributes)));
        if !is_full {
            break;
        }
    }
    Ok(known)
}

/// A file's id, and what tells whether it is still the same.
fn attributes(path: &Path) -> Result<(String, Attributes), Problem> {
    let problem = |message: String| Problem { place: path.display().to_string(), message };
    let Some(id) = path.to_str() else {
        return Err(problem("its name is not UTF-8".to_owned()));
    };
    let metadata = std::fs::metadata(path).map_err(|error| problem(error.to_string()))?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let text = |part: Option<&std::ffi::OsStr>| {
        Value::Text(part.unwrap_or_default().to_string_lossy().into_owned())
    };
    let attributes = Attributes::from([
        ("bytes".to_owned(), Value::Number(metadata.len() as f64)),
        ("modified".to_owned(), Value::Number(modified.unwrap_or_default().as_millis() as f64)),
        ("name".to_owned(), text(path.file_name())),
        ("folder".to_owned(), text(path.parent().map(Path::as_os_str))),
    ]);
    Ok((id.to_owned(), attributes))
}

/// The folders of a store's pictures, none of which lies in another.
///
/// # Errors
/// When the index cannot be read.
pub(crate) fn folders_of(index: &Embedded) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::<PathBuf>::new();
    let mut after = None;
    loop {
        let page = index.list(after.as_deref(), PAGE)?;
        let Some(last) = page.last() else { return Ok(folders) };
        after = Some(last.id.clone());
        for listed in page {
            let Some(folder) = Path::new(&listed.id).parent() else { continue };
            if folders.last().is_none_or(|last| !folder.starts_with(last)) {
                folders.push(folder.to_owned());
            }
        }
    }
}
