//! What the cache holds.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::HubError;
use crate::identity::ModelId;
use crate::layout::ModelFolder;
use crate::snapshot::{is_complete, model_type};

/// A SigLIP-like model of the cache: a complete snapshot whose `model_type` begins with `siglip`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedModel {
    /// The id, like `google/siglip-base-patch16-256-multilingual`.
    pub id: String,
    /// The commit of the snapshot.
    pub commit: String,
    /// The branches and tags that stood at this commit when they were last pulled, in order.
    pub revisions: Vec<String>,
    /// The `model_type` of its configuration.
    pub model_type: String,
    /// The snapshot's folder.
    pub folder: PathBuf,
    /// The size of its files in bytes.
    pub bytes: u64,
}

/// Lists the models of a cache in the order of their ids; a cache that does not exist is empty.
pub(crate) fn list(cache: &Path) -> Result<Vec<CachedModel>, HubError> {
    let mut models = Vec::new();
    for folder in names(cache)? {
        let Some(id) = ModelId::from_folder(&folder) else {
            continue;
        };
        let layout = ModelFolder::new(cache, &id);
        let refs = references(&cache.join(&folder).join("refs"), "")?;
        for commit in names(&layout.snapshots())? {
            let snapshot = layout.snapshot(&commit);
            let Some(model_type) = model_type(&snapshot) else {
                continue;
            };
            if !model_type.starts_with("siglip") || !is_complete(&snapshot) {
                continue;
            }
            let mut revisions = Vec::new();
            for revision in &refs {
                if layout.commit(revision)?.as_deref() == Some(&commit) {
                    revisions.push(revision.clone());
                }
            }
            models.push(CachedModel {
                id: id.as_str().to_owned(),
                bytes: size(&snapshot)?,
                commit,
                revisions,
                model_type,
                folder: snapshot,
            });
        }
    }
    Ok(models)
}

/// The sizes of a folder's files in sum, links followed; links that lead nowhere count nothing.
fn size(folder: &Path) -> Result<u64, HubError> {
    let mut bytes = 0;
    for name in names(folder)? {
        let metadata = fs_err::metadata(folder.join(name));
        bytes += metadata.map_or(0, |metadata| if metadata.is_file() { metadata.len() } else { 0 });
    }
    Ok(bytes)
}

/// The refs below a folder, as `main` or `refs/pr/3`. The depth is that of the folders, four at most.
fn references(folder: &Path, prefix: &str) -> Result<Vec<String>, HubError> {
    let mut found = Vec::new();
    for name in names(folder)? {
        let path = folder.join(&name);
        let reference = format!("{prefix}{name}");
        if path.is_dir() && prefix.matches('/').count() < 4 {
            found.extend(references(&path, &format!("{reference}/"))?);
        } else if path.is_file() {
            found.push(reference);
        }
    }
    Ok(found)
}

/// The names in a folder in order, without those that are no UTF-8; none when the folder is not there.
fn names(folder: &Path) -> Result<Vec<String>, HubError> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.into()),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}
