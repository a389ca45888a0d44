//! Where accounts are, and the secret that keys are hashed with.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;
use store::{Location, Pepper};

use crate::arguments::accounts::DatabaseOptions;
use crate::environment::Environment;
use crate::exit::UsageError;
use crate::given::given;
use crate::keys;

/// The name of the database in the data folder.
const DATABASE: &str = "polysight.db";

/// The name of the pepper in the data folder.
const PEPPER: &str = "pepper";

/// Where accounts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) location: Location,
    pepper: PathBuf,
}

impl Place {
    /// From flag, variable, file and default.
    ///
    /// # Errors
    /// When the database is none, or nothing says where the data folder is.
    pub(crate) fn find(
        options: &DatabaseOptions,
        environment: &Environment,
    ) -> Result<Self, UsageError> {
        let path = |key, typed: &Option<OsString>| {
            let given = given(key, typed.as_ref(), environment);
            given.filter(|given| !given.text.is_empty()).map(|given| PathBuf::from(given.text))
        };
        let folder = path(&keys::DATA_FOLDER, &options.data_folder);
        let folder = || {
            folder.clone().or_else(|| default_folder(environment)).ok_or_else(|| {
                UsageError::new("no place for the data folder: name one with --data-folder")
            })
        };
        let location = match given(&keys::DATABASE, options.database.as_ref(), environment) {
            Some(named) => named.read(Location::read)?,
            None => Location::Sqlite(folder()?.join(DATABASE)),
        };
        let pepper = match path(&keys::PEPPER_FILE, &options.pepper_file) {
            Some(file) => file,
            None => folder()?.join(PEPPER),
        };
        Ok(Self { location, pepper })
    }

    /// The pepper; a new one is made when there is none.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub(crate) fn pepper(&self) -> anyhow::Result<Pepper> {
        Pepper::open(&self.pepper).with_context(|| self.pepper.display().to_string())
    }
}

fn default_folder(environment: &Environment) -> Option<PathBuf> {
    let data = environment.xdg_data_home.as_ref().map(|folder| PathBuf::from(&folder.value));
    let home = || Some(PathBuf::from(&environment.home.as_ref()?.value).join(".local/share"));
    Some(data.or_else(home)?.join("polysight"))
}
