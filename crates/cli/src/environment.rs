//! Every environment variable that the program reads, and the only place where it reads them.
//!
//! `POLYSIGHT_*` variables mirror flags, and a flag wins over its variable; `keys.rs` lists them. The `HF_*` variables
//! mean what they mean to `huggingface_hub`. An empty value counts as unset.

use std::ffi::{OsStr, OsString};

use crate::configuration::Configuration;
use crate::exit::UsageError;
use crate::keys::{self, Key};

/// A variable that is set.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) value: OsString,
}

/// What a command finds around it: the variables as they were when the program began, and the configuration file.
#[derive(Default)]
pub(crate) struct Environment {
    /// The file that mirrors the variables of settings.
    pub(crate) configuration: Configuration,
    /// `POLYSIGHT_*`: those of settings that are set.
    settings: Vec<Variable>,
    /// `POLYSIGHT_CONFIG`: `--config`.
    config: Option<Variable>,
    /// `NO_COLOR`: no colours.
    pub(crate) no_color: Option<Variable>,
    /// `HF_HOME`: the folder whose `hub` is the cache of models.
    pub(crate) hf_home: Option<Variable>,
    /// `HF_HUB_CACHE`: the cache itself.
    pub(crate) hf_hub_cache: Option<Variable>,
    /// `HUGGINGFACE_HUB_CACHE`: the older name of the same.
    pub(crate) huggingface_hub_cache: Option<Variable>,
    /// `HF_ENDPOINT`: the server of models.
    pub(crate) hf_endpoint: Option<Variable>,
    /// `HF_TOKEN`, or its older name `HUGGING_FACE_HUB_TOKEN`: the access token. It is never printed.
    pub(crate) hf_token: Option<Variable>,
    /// `HF_TOKEN_PATH`: the file of the access token.
    pub(crate) hf_token_path: Option<Variable>,
    /// `HF_HUB_OFFLINE`: no network.
    pub(crate) hf_hub_offline: Option<Variable>,
    /// `XDG_CACHE_HOME`: the folder of all caches.
    pub(crate) xdg_cache_home: Option<Variable>,
    /// `XDG_DATA_HOME`: the folder of what programs keep.
    pub(crate) xdg_data_home: Option<Variable>,
    /// `HOME`, on Windows `USERPROFILE`: the user's folder.
    pub(crate) home: Option<Variable>,
    /// `AWS_ACCESS_KEY_ID`: who asks for objects in a bucket.
    #[cfg(feature = "s3")]
    pub(crate) aws_access_key_id: Option<Variable>,
    /// `AWS_SECRET_ACCESS_KEY`: its secret. It is never printed.
    #[cfg(feature = "s3")]
    pub(crate) aws_secret_access_key: Option<Variable>,
    /// `AWS_SESSION_TOKEN`: of a key that is valid for a while.
    #[cfg(feature = "s3")]
    pub(crate) aws_session_token: Option<Variable>,
    /// `AWS_REGION` or `AWS_DEFAULT_REGION`: where the bucket is.
    #[cfg(feature = "s3")]
    pub(crate) aws_region: Option<Variable>,
    /// `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`: a server that speaks S3 and is not Amazon's.
    #[cfg(feature = "s3")]
    pub(crate) aws_endpoint_url: Option<Variable>,
    /// `https_proxy`, `HTTPS_PROXY`, `all_proxy` or `ALL_PROXY`: the proxy for encrypted connections.
    pub(crate) https_proxy: Option<Variable>,
    /// `http_proxy`, `all_proxy` or `ALL_PROXY`: the proxy for the others.
    pub(crate) http_proxy: Option<Variable>,
    /// `no_proxy` or `NO_PROXY`: hosts that need none.
    pub(crate) no_proxy: Option<Variable>,
}

impl Environment {
    /// Reads the variables of this process, and the configuration file: the one that the flag names, if it is given.
    ///
    /// # Errors
    /// Those of [`Configuration::read`].
    pub(crate) fn read(config: Option<&OsStr>) -> Result<Self, UsageError> {
        let mut environment = Self::from_lookup(variable);
        environment.configuration = Configuration::read(config, environment.config.as_ref())?;
        Ok(environment)
    }

    /// The variable of a setting.
    pub(crate) fn setting(&self, key: &'static Key) -> Option<&Variable> {
        self.settings.iter().find(|variable| variable.name == key.variable)
    }

    /// The text of a variable, if it is UTF-8.
    #[cfg(feature = "s3")]
    pub(crate) fn aws_text(&self, variable: Option<&Variable>) -> Option<String> {
        variable?.value.to_str().map(str::to_owned)
    }

    /// What a bucket is opened with; none asks the machine.
    #[cfg(feature = "s3")]
    pub(crate) fn aws_credentials(&self) -> Option<store::Credentials> {
        Some(store::Credentials {
            key_id: self.aws_text(self.aws_access_key_id.as_ref())?,
            secret: self.aws_text(self.aws_secret_access_key.as_ref())?,
            session: self.aws_text(self.aws_session_token.as_ref()),
        })
    }

    /// The variables that `look_up` finds, without a configuration file.
    pub(crate) fn from_lookup(look_up: impl Fn(&'static str) -> Option<OsString>) -> Self {
        let variable = |name: &'static str| {
            let value = look_up(name).filter(|value| !value.is_empty())?;
            Some(Variable { name, value })
        };
        let first = |names: &[&'static str]| names.iter().find_map(|name| variable(name));
        Self {
            configuration: Configuration::default(),
            settings: keys::ALL.iter().filter_map(|key| variable(key.variable)).collect(),
            config: variable("POLYSIGHT_CONFIG"),
            no_color: variable("NO_COLOR"),
            hf_home: variable("HF_HOME"),
            hf_hub_cache: variable("HF_HUB_CACHE"),
            huggingface_hub_cache: variable("HUGGINGFACE_HUB_CACHE"),
            hf_endpoint: variable("HF_ENDPOINT"),
            hf_token: first(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]),
            hf_token_path: variable("HF_TOKEN_PATH"),
            hf_hub_offline: variable("HF_HUB_OFFLINE"),
            xdg_cache_home: variable("XDG_CACHE_HOME"),
            xdg_data_home: variable("XDG_DATA_HOME"),
            home: variable(if cfg!(windows) { "USERPROFILE" } else { "HOME" }),
            #[cfg(feature = "s3")]
            aws_access_key_id: variable("AWS_ACCESS_KEY_ID"),
            #[cfg(feature = "s3")]
            aws_secret_access_key: variable("AWS_SECRET_ACCESS_KEY"),
            #[cfg(feature = "s3")]
            aws_session_token: variable("AWS_SESSION_TOKEN"),
            #[cfg(feature = "s3")]
            aws_region: first(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
            #[cfg(feature = "s3")]
            aws_endpoint_url: first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
            https_proxy: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            // Not HTTP_PROXY: to a CGI program that is a header of the request.
            http_proxy: first(&["http_proxy", "all_proxy", "ALL_PROXY"]),
            no_proxy: first(&["no_proxy", "NO_PROXY"]),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place where variables are read")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(OsStr::new(name))
}
