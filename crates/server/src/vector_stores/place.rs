//! Which back end keeps the vectors of a store.

use std::io::ErrorKind;
use std::path::PathBuf;

use index::{Embedded, IndexError, Space, VectorIndex};

use crate::archive::Archive;

/// Opens an index of a store, and makes it where there is none. This is the place that chooses the back end: plain files in
/// the data folder, whichever database the rest is in.
///
/// # Errors
/// When the server has no data folder, another server has the index open, or its files cannot be read.
pub(super) fn open(
    archive: &Archive,
    options: &model::Options,
    store: &str,
    number: i64,
    space: &Space,
) -> Result<Box<dyn VectorIndex>, IndexError> {
    let folder = folder(archive, store)?.join(number.to_string());
    Ok(Box::new(Embedded::create(&folder, space, options.isa)?))
}

/// Removes an index of a store, or with 0 all of them. What is not there is removed already.
///
/// # Errors
/// When a file cannot be removed.
pub(super) fn remove(archive: &Archive, store: &str, number: i64) -> Result<(), IndexError> {
    let all = folder(archive, store)?;
    let folder = if number == 0 { all } else { all.join(number.to_string()) };
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn folder(archive: &Archive, store: &str) -> Result<PathBuf, IndexError> {
    let Some(folder) = archive.folder() else {
        let message = "the server has no data folder; its operator names one with --data-folder";
        return Err(IndexError::Backend(message.to_owned()));
    };
    Ok(folder.join("indexes").join(store))
}
