//! From the name of a model to an open one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use model::{Options, Siglip};

use crate::arguments::ModelOptions;
use crate::console::Console;
use crate::environment::Environment;
use crate::{embedded, hub_access, settings};

/// The branch whose model an id stands for.
const REVISION: &str = "main";

/// A model that is ready, and what it was opened with.
pub(crate) struct OpenModel {
    /// Its id as the user knows it: the Hugging Face id, or the folder's own name.
    pub(crate) id: String,
    /// What the user called it.
    pub(crate) given: OsString,
    pub(crate) siglip: Siglip,
    pub(crate) options: Options,
}

/// Says what went wrong with the folder of packed towers.
pub(crate) fn note_packed_cache_problems(siglip: &Siglip, console: &Console) {
    for problem in siglip.take_packed_cache_problems() {
        console.note(&problem.to_string());
    }
}

/// A model folder and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) folder: PathBuf,
    /// What people should know of it.
    pub(crate) description: Option<&'static str>,
}

/// Opens the model that the options name.
///
/// # Errors
/// When there is none of the name, or it is not usable.
pub(crate) fn open(
    arguments: &ModelOptions,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<OpenModel> {
    let packed_cache = settings::packed_cache(arguments.packed_cache.as_ref(), environment);
    let options = Options { packed_cache, ..settings::options(&arguments.compute, environment)? };
    let Found { id, folder, description } = find(arguments.model.as_ref(), environment)?;
    // Whoever named it knows it.
    if let Some(description) = description
        && settings::model_name(arguments.model.as_ref(), environment).is_none()
    {
        console.note(&format!("{id}: {description}"));
    }
    let siglip = Siglip::open(&folder, &options)?;
    let given = settings::model_name(arguments.model.as_ref(), environment);
    let given = given.unwrap_or(embedded::ID.as_ref()).to_owned();
    Ok(OpenModel { id, given, siglip, options })
}

/// The model that a name stands for: a folder that exists, else `mini`, else a model of the cache; without a name `mini`.
/// `typed` is the name on the command line, without which that of the environment counts.
///
/// # Errors
/// When there is none, or `mini` can be unpacked nowhere.
pub(crate) fn find(typed: Option<&OsString>, environment: &Environment) -> anyhow::Result<Found> {
    let Some(name) = settings::model_name(typed, environment).filter(|name| !name.is_empty())
    else {
        return embedded_model(environment);
    };
    let path = Path::new(name);
    if path.is_dir() {
        return Ok(Found { id: own_name(path), folder: path.to_owned(), description: None });
    }
    if path.exists() {
        bail!(
            "{}: a file; a model is a folder with config.json and model.safetensors",
            path.display()
        );
    }
    if name == embedded::ID {
        return embedded_model(environment);
    }
    find_in_cache(path, environment)
}

/// A path that does not exist may be an id.
fn find_in_cache(path: &Path, environment: &Environment) -> anyhow::Result<Found> {
    let not_there = || format!("{}: no such folder", path.display());
    let id = path.to_str().with_context(not_there)?;
    let hub = hub_access::open_offline(environment)?;
    match hub.find(id, REVISION) {
        Ok(Some(folder)) => Ok(Found { id: id.to_owned(), folder, description: None }),
        Ok(None) => bail!(
            "{id}: no such folder, and no model of this id in the cache; `polysight model pull {id}` downloads it"
        ),
        // Such a name no id can have.
        Err(hub::HubError::ModelId { .. }) => bail!(not_there()),
        Err(error) => Err(error.into()),
    }
}

fn embedded_model(environment: &Environment) -> anyhow::Result<Found> {
    let folder = embedded::folder(environment)?;
    Ok(Found { id: embedded::ID.to_owned(), folder, description: Some(embedded::DESCRIPTION) })
}

/// The last part of a folder's full path, also for `.`.
fn own_name(folder: &Path) -> String {
    let full = fs_err::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let name = full.file_name().unwrap_or(full.as_os_str());
    name.to_string_lossy().into_owned()
}
