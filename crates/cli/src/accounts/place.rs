//! Where accounts and people's things are, and the secret that keys are hashed with.

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
    /// Of what is too large for the database.
    pub(crate) folder: Option<PathBuf>,
    pepper: Option<PathBuf>,
}

impl Place {
    /// From flag, variable, file and default; `None` when nothing says where the data folder is.
    ///
    /// # Errors
    /// When the database is none.
    pub(crate) fn find_if_any(
        options: &DatabaseOptions,
        environment: &Environment,
    ) -> Result<Option<Self>, UsageError> {
        let path = |key, typed: &Option<OsString>| {
            let given = given(key, typed.as_ref(), environment);
            given.filter(|given| !given.text.is_empty()).map(|given| PathBuf::from(given.text))
        };
        let folder = path(&keys::DATA_FOLDER, &options.data_folder);
        let folder = folder.or_else(|| default_folder(environment));
        let within = |name| folder.as_ref().map(|folder| folder.join(name));
        let location = match given(&keys::DATABASE, options.database.as_ref(), environment) {
            Some(named) => Some(named.read(Location::read)?),
            None => within(DATABASE).map(Location::Sqlite),
        };
        let pepper = path(&keys::PEPPER_FILE, &options.pepper_file).or_else(|| within(PEPPER));
        Ok(location.map(|location| Self { location, folder, pepper }))
    }

    /// The same where there must be one.
    ///
    /// # Errors
    /// When the database is none, or nothing says where the data folder is.
    pub(crate) fn find(
        options: &DatabaseOptions,
        environment: &Environment,
    ) -> Result<Self, UsageError> {
        let place = Self::find_if_any(options, environment)?;
        place.filter(|place| place.pepper.is_some()).ok_or_else(|| {
            UsageError::new("no place for the data folder: name one with --data-folder")
        })
    }

    /// The pepper; a new one is made when there is none.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub(crate) fn pepper(&self) -> anyhow::Result<Pepper> {
        let file =
            self.pepper.as_ref().context("no place for the pepper: name one with --pepper-file")?;
        Pepper::open(file).with_context(|| file.display().to_string())
    }
}

fn default_folder(environment: &Environment) -> Option<PathBuf> {
    let data = environment.xdg_data_home.as_ref().map(|folder| PathBuf::from(&folder.value));
    let home = || Some(PathBuf::from(&environment.home.as_ref()?.value).join(".local/share"));
    Some(data.or_else(home)?.join("polysight"))
}
