//! From the name of a model to an open one.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::bail;
use model::{Options, Siglip};

use crate::arguments::ModelOptions;
use crate::environment::Environment;
use crate::exit::UsageError;
use crate::settings;

/// The model that is part of the program, in a later release.
const EMBEDDED: &str = "mini";

/// A model that is ready, and what it was opened with.
pub(crate) struct OpenModel {
    /// Its id as the user knows it: the Hugging Face id, or the folder's own name.
    pub(crate) id: String,
    pub(crate) siglip: Siglip,
    pub(crate) options: Options,
}

/// A model folder and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) folder: PathBuf,
}

/// Opens the model that the options name.
///
/// # Errors
/// When no model is named, there is none of the name, or it is not usable.
pub(crate) fn open(
    arguments: &ModelOptions,
    environment: &Environment,
) -> anyhow::Result<OpenModel> {
    let options = settings::options(arguments, environment)?;
    let Some(name) = settings::model_name(arguments, environment) else {
        return Err(no_embedded_model().into());
    };
    let Found { id, folder } = find(name, environment)?;
    let siglip = Siglip::open(&folder, &options)?;
    Ok(OpenModel {
        id,
        siglip,
        options,
    })
}

/// The folder that a name stands for: a path that exists, else a model of the cache.
///
/// # Errors
/// When there is neither.
pub(crate) fn find(name: &OsStr, environment: &Environment) -> anyhow::Result<Found> {
    let path = Path::new(name);
    if path.is_dir() {
        return Ok(Found {
            id: own_name(path),
            folder: path.to_owned(),
        });
    }
    if path.exists() {
        bail!(
            "{}: a file; --model takes a folder with config.json and model.safetensors",
            path.display()
        );
    }
    if name == EMBEDDED {
        return Err(no_embedded_model().into());
    }
    let _ = environment;
    bail!("{}: no such folder", path.display());
}

fn no_embedded_model() -> UsageError {
    UsageError::new(
        "the default model `mini` comes with a later release; name one with --model FOLDER (or --model ID, after \
         `polysight model pull ID`)",
    )
}

/// The last part of a folder's full path, also for `.`.
fn own_name(folder: &Path) -> String {
    let full = fs_err::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let name = full.file_name().unwrap_or(full.as_os_str());
    name.to_string_lossy().into_owned()
}
