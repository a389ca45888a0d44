//! `mini`, the model that is part of the program.
//!
//! Everything that opens a model opens a folder: it maps files, names them in errors, keys caches by them. So the program
//! unpacks its own model once, beside other caches, and it is a folder like any other from then on.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::environment::Environment;
use crate::hub_access::cache_variables;

/// Its id, wherever it was unpacked.
pub(crate) const ID: &str = "mini";

/// What people should know of it.
pub(crate) const DESCRIPTION: &str = "a small model that knows pictograms, shapes, colours and counts in 35 languages, not photographs; \
     for those `polysight model pull google/siglip-base-patch16-256-multilingual`, then --model";

macro_rules! files {
    ($($name:literal),+) => {
        [$(($name, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/mini/", $name)).as_slice())),+]
    };
}

/// What `recipes/mini.toml` made.
const FILES: [(&str, &[u8]); 5] = files![
    "config.json",
    "preprocessor_config.json",
    "tokenizer_config.json",
    "spiece.model",
    "model.safetensors"
];

/// The folder of the model: that of the user's cache, where it is whole; else it is made, and where nothing may be written
/// there, in the folder for temporary files.
///
/// # Errors
/// When it can be written nowhere.
pub(crate) fn folder(environment: &Environment) -> anyhow::Result<PathBuf> {
    if let Some(caches) = cache_variables(environment).caches() {
        let place = caches.join("polysight").join(ID);
        if is_whole(&place) || unpack(&place).is_ok() && is_whole(&place) {
            return Ok(place);
        }
    }
    // Of a name that nobody can know before, so that nobody else's files are taken for ours. The system clears it.
    let problem = "the model mini can be unpacked neither into the cache nor into the folder for temporary files";
    let place = tempfile::Builder::new().prefix("polysight-mini-").tempdir().context(problem)?;
    write(place.path()).context(problem)?;
    Ok(place.keep())
}

/// Whether the folder holds this very model.
fn is_whole(folder: &Path) -> bool {
    FILES
        .iter()
        .all(|(name, bytes)| fs_err::read(folder.join(name)).is_ok_and(|found| found == *bytes))
}

/// Makes the folder beside its place and moves it there; what stood there (another version's, or a damaged one) goes.
fn unpack(place: &Path) -> std::io::Result<()> {
    let parent = place.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    let unfinished = tempfile::Builder::new().prefix(".mini-").tempdir_in(parent)?;
    let new = unfinished.path().join("new");
    fs_err::create_dir(&new)?;
    write(&new)?;
    if place.exists() {
        // Another process may do the same at this moment; one of them wins, and both models are the same.
        fs_err::rename(place, unfinished.path().join("old"))?;
    }
    fs_err::rename(&new, place)
}

fn write(folder: &Path) -> std::io::Result<()> {
    FILES.iter().try_for_each(|(name, bytes)| fs_err::write(folder.join(name), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(cache: &Path) -> Environment {
        let cache = cache.as_os_str().to_owned();
        Environment::from_lookup(|name| (name == "XDG_CACHE_HOME").then(|| cache.clone()))
    }

    #[test]
    fn it_is_unpacked_once_and_mended_when_it_is_damaged() {
        let cache = tempfile::tempdir().unwrap();
        let environment = environment(cache.path());
        let place = folder(&environment).unwrap();
        assert_eq!(place, cache.path().join("polysight").join(ID));
        let written = |place: &Path| {
            fs_err::metadata(place.join("model.safetensors")).unwrap().modified().unwrap()
        };
        let first = written(&place);
        assert_eq!(folder(&environment).unwrap(), place);
        assert_eq!(written(&place), first, "a whole one stays");
        fs_err::write(place.join("config.json"), "{}").unwrap();
        assert_eq!(folder(&environment).unwrap(), place);
        assert!(is_whole(&place));
        let left = fs_err::read_dir(cache.path().join("polysight")).unwrap().count();
        assert_eq!(left, 1, "nothing unfinished stays behind");
    }

    #[test]
    fn where_no_cache_can_be_made_it_goes_elsewhere() {
        let cache = tempfile::NamedTempFile::new().unwrap();
        let place = folder(&environment(cache.path())).unwrap();
        assert!(is_whole(&place) && !place.starts_with(cache.path()));
        fs_err::remove_dir_all(place).unwrap();
    }
}
