//! Where the cache and the token are, from the values of the variables that `huggingface_hub` honours.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The values of the environment variables that place the cache. The caller reads them; an empty value counts as
/// unset.
#[derive(Debug, Clone, Copy, Default)]
pub struct CacheVariables<'a> {
    /// `HF_HUB_CACHE`: the cache itself.
    pub hf_hub_cache: Option<&'a OsStr>,
    /// `HUGGINGFACE_HUB_CACHE`: the older name of the same.
    pub huggingface_hub_cache: Option<&'a OsStr>,
    /// `HF_HOME`: the folder whose `hub` is the cache.
    pub hf_home: Option<&'a OsStr>,
    /// `HF_TOKEN_PATH`: the token file.
    pub hf_token_path: Option<&'a OsStr>,
    /// `XDG_CACHE_HOME`: the folder whose `huggingface` is the home.
    pub xdg_cache_home: Option<&'a OsStr>,
    /// `HOME` (on Windows `USERPROFILE`): the user's folder, also for a leading `~`.
    pub home: Option<&'a OsStr>,
}

impl CacheVariables<'_> {
    /// The cache: `HF_HUB_CACHE`, else `HUGGINGFACE_HUB_CACHE`, else `hub` in [`hf_home`](Self::hf_home). `None` when
    /// not even `HOME` is set.
    pub fn cache(&self) -> Option<PathBuf> {
        self.path(self.hf_hub_cache)
            .or_else(|| self.path(self.huggingface_hub_cache))
            .or_else(|| Some(self.hf_home()?.join("hub")))
    }

    /// The token file: `HF_TOKEN_PATH`, else `token` in [`hf_home`](Self::hf_home).
    pub fn token_file(&self) -> Option<PathBuf> {
        self.path(self.hf_token_path).or_else(|| Some(self.hf_home()?.join("token")))
    }

    /// The home of `huggingface_hub`: `HF_HOME`, else `huggingface` in `XDG_CACHE_HOME`, else in `~/.cache`.
    pub fn hf_home(&self) -> Option<PathBuf> {
        self.path(self.hf_home).or_else(|| Some(self.caches()?.join("huggingface")))
    }

    /// The folder of all the user's caches: `XDG_CACHE_HOME`, else `~/.cache`.
    pub fn caches(&self) -> Option<PathBuf> {
        self.path(self.xdg_cache_home).or_else(|| Some(self.home()?.join(".cache")))
    }

    fn home(&self) -> Option<&Path> {
        self.home.filter(|home| !home.is_empty()).map(Path::new)
    }

    /// The path that a variable names, with a leading `~` replaced.
    fn path(&self, variable: Option<&OsStr>) -> Option<PathBuf> {
        let path = Path::new(variable.filter(|value| !value.is_empty())?);
        match (path.strip_prefix("~"), self.home()) {
            (Ok(rest), Some(home)) => Some(home.join(rest)),
            _ => Some(path.to_owned()),
        }
    }
}

/// Whether the value of a switch such as `HF_HUB_OFFLINE` means yes: `1`, `ON`, `YES` or `TRUE` in any case.
pub fn is_true(value: &str) -> bool {
    ["1", "on", "yes", "true"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}
