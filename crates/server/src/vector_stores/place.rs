//! Which back end keeps the vectors of a store.
//!
//! A new index goes to the Qdrant that the operator names; else to tables of pgvector, where the database has it; else into
//! plain files. The database notes where, so that an index stays where it was begun when the operator changes his mind.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use index::{Embedded, IndexError, IndexServer, Space, VectorIndex};
use store::{IndexPlace, VectorTables};
use tokio::runtime::Handle;

use crate::archive::Archive;

/// Opens an index of a store, and makes it where there is none.
///
/// # Errors
/// When the server has no data folder for files, another server has them open, or the back end is not there any more or does
/// not answer.
pub(super) fn open(
    archive: &Archive,
    options: &model::Options,
    store: &str,
    number: i64,
    space: &Space,
) -> Result<Box<dyn VectorIndex>, IndexError> {
    let places = Places::new(archive, store)?;
    let place = match places.noted(number)? {
        Some(place) => place,
        None => places.note(number, places.found_or_best(number)?)?,
    };
    if place == IndexPlace::Files {
        return Ok(Box::new(Embedded::create(&places.folder(number)?, space, options.isa)?));
    }
    places.server(place)?.open(&places.name(number), space)
}

/// Removes an index of a store, or with 0 all of them. What is not there is removed already.
///
/// # Errors
/// When a file cannot be removed, or a back end does not answer.
pub(super) fn remove(archive: &Archive, store: &str, number: i64) -> Result<(), IndexError> {
    let places = Places::new(archive, store)?;
    let is_meant = |one: i64| number == 0 || number == one;
    for (one, place) in places.all_noted()?.into_iter().filter(|(one, _)| is_meant(*one)) {
        if place != IndexPlace::Files {
            places.server(place)?.remove(&places.name(one))?;
        }
        places.forget(one)?;
    }
    // Files go by their folder, and what older versions left in tables is not noted.
    if let Some(tables) = &places.tables {
        for name in tables.names(&places.name_of_all())? {
            if number == 0 || name == places.name(number) {
                tables.remove(&name)?;
            }
        }
    }
    places.remove_folder(number)
}

/// Where the indexes of a store may be.
struct Places<'a> {
    archive: &'a Archive,
    store: &'a str,
    runtime: Handle,
    tables: Option<Arc<VectorTables>>,
}

impl<'a> Places<'a> {
    fn new(archive: &'a Archive, store: &'a str) -> Result<Self, IndexError> {
        let runtime = Handle::current();
        let tables = VectorTables::of(&archive.store, runtime.clone())?.map(Arc::new);
        Ok(Self { archive, store, runtime, tables })
    }

    fn all_noted(&self) -> Result<Vec<(i64, IndexPlace)>, IndexError> {
        Ok(self.runtime.block_on(self.archive.store.index_places(self.store))?)
    }

    fn noted(&self, number: i64) -> Result<Option<IndexPlace>, IndexError> {
        let noted = self.all_noted()?.into_iter().find(|(noted, _)| *noted == number);
        Ok(noted.map(|(_, place)| place))
    }

    fn note(&self, number: i64, place: IndexPlace) -> Result<IndexPlace, IndexError> {
        let note = self.archive.store.note_index_place(self.store, number, place);
        Ok(self.runtime.block_on(note)?)
    }

    fn forget(&self, number: i64) -> Result<(), IndexError> {
        let note = self.archive.store.forget_index_place(self.store, number);
        Ok(self.runtime.block_on(note)?)
    }

    /// Where an index of an older version is, or a new one should be.
    fn found_or_best(&self, number: i64) -> Result<IndexPlace, IndexError> {
        if self.folder(number).is_ok_and(|folder| folder.exists()) {
            return Ok(IndexPlace::Files);
        }
        let is_table = self.tables.as_ref().map(|tables| tables.names(&self.name(number)));
        let is_table =
            is_table.transpose()?.is_some_and(|names| names.contains(&self.name(number)));
        Ok(match (&self.archive.vectors, &self.tables) {
            (Some(_), _) if !is_table => IndexPlace::Qdrant,
            (_, Some(_)) => IndexPlace::Pgvector,
            _ => IndexPlace::Files,
        })
    }

    /// The server behind a place that is not files.
    fn server(&self, place: IndexPlace) -> Result<Arc<dyn IndexServer>, IndexError> {
        let tables = || self.tables.clone().map(|tables| tables as Arc<dyn IndexServer>);
        let (server, missing) = match place {
            IndexPlace::Qdrant => {
                (self.archive.vectors.clone(), "its operator names it with --qdrant")
            }
            _ => (tables(), "its database was one with pgvector"),
        };
        server.ok_or_else(|| {
            let place = place.name();
            let message = format!(
                "vectors of the store {} are in {place}, and the server has none now; {missing}",
                self.store
            );
            IndexError::Backend(message)
        })
    }

    /// The name of an index on a server.
    fn name(&self, number: i64) -> String {
        format!("{}{number}", self.name_of_all())
    }

    /// What all the store's names begin with.
    fn name_of_all(&self) -> String {
        format!("{}_", self.store)
    }

    /// The folder of an index, with 0 that of all of the store.
    fn folder(&self, number: i64) -> Result<PathBuf, IndexError> {
        let Some(folder) = self.archive.folder() else {
            let message =
                "the server has no data folder; its operator names one with --data-folder";
            return Err(IndexError::Backend(message.to_owned()));
        };
        let all = folder.join("indexes").join(self.store);
        Ok(if number == 0 { all } else { all.join(number.to_string()) })
    }

    fn remove_folder(&self, number: i64) -> Result<(), IndexError> {
        let Ok(folder) = self.folder(number) else { return Ok(()) };
        match fs_err::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}
