//! Which back end keeps the vectors of a store.

use std::io::ErrorKind;
use std::path::PathBuf;

use index::{Embedded, IndexError, Space, VectorIndex};
use store::VectorTable;
use tokio::runtime::Handle;

use crate::archive::Archive;

/// Opens an index of a store, and makes it where there is none. This is the place that chooses the back end: tables of pgvector
/// where the database is a PostgreSQL that has it, so that all its servers share them; else plain files in the data folder. An
/// index that was begun in files stays there.
///
/// # Errors
/// When the server has no data folder for files, another server has them open, or the back end does not answer.
pub(super) fn open(
    archive: &Archive,
    options: &model::Options,
    store: &str,
    number: i64,
    space: &Space,
) -> Result<Box<dyn VectorIndex>, IndexError> {
    let folder = folder(archive, store).map(|folder| folder.join(number.to_string()));
    let has_files = folder.as_ref().is_ok_and(|folder| folder.exists());
    if !has_files {
        let runtime = Handle::current();
        if runtime.block_on(VectorTable::is_available(&archive.store))? {
            let name = table(store, number);
            let table = VectorTable::create(&archive.store, &name, space);
            return Ok(Box::new(runtime.block_on(table)?));
        }
    }
    Ok(Box::new(Embedded::create(&folder?, space, options.isa)?))
}

/// Removes an index of a store, or with 0 all of them. What is not there is removed already.
///
/// # Errors
/// When a file or a table cannot be removed.
pub(super) fn remove(archive: &Archive, store: &str, number: i64) -> Result<(), IndexError> {
    let runtime = Handle::current();
    if runtime.block_on(VectorTable::is_available(&archive.store))? {
        let names = match number {
            0 => runtime.block_on(VectorTable::names(&archive.store, &format!("{store}_")))?,
            one => vec![table(store, one)],
        };
        for name in names {
            runtime.block_on(VectorTable::remove_all(&archive.store, &name))?;
        }
    }
    let Ok(all) = folder(archive, store) else { return Ok(()) };
    let folder = if number == 0 { all } else { all.join(number.to_string()) };
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// The name of an index among the tables.
fn table(store: &str, number: i64) -> String {
    format!("{store}_{number}")
}

fn folder(archive: &Archive, store: &str) -> Result<PathBuf, IndexError> {
    let Some(folder) = archive.folder() else {
        let message = "the server has no data folder; its operator names one with --data-folder";
        return Err(IndexError::Backend(message.to_owned()));
    };
    Ok(folder.join("indexes").join(store))
}
