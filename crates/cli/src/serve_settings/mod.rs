//! What the arguments of `polysight serve` mean: flag, then variable, then configuration file, then default.
//!
//! Nothing is opened here but the file of keys, and no socket: a server can be started from the result, or not at all.

mod access;
mod accounts;
mod files;
mod finder;
mod limits;
mod models;
#[cfg(test)]
mod tests;
mod units;
mod vectors;
mod web;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use index::IndexServer;
use model::Options;

use crate::accounts::Place;
use crate::arguments::serve::{
    AccessArguments, BatchArguments, FetchArguments, LogArguments, Secret, ServeArguments,
};
use crate::configuration::ModerationCategory;
use crate::environment::Environment;
use crate::exit::UsageError;
use crate::given::{Given, given_list, read_or};
use crate::keys;
use crate::settings;
use finder::Finder;
use units::{Switch, read_batch_lines, read_some_duration, read_some_size, read_switch};

pub(crate) use access::{Address, Authentication};
pub(crate) use accounts::AccountsSettings;
pub(crate) use files::Files;
pub(crate) use limits::{Limits, Rates, Times};
pub(crate) use models::{Alias, ServedModel};
pub(crate) use web::{CorsOrigins, FetchReach, Fetching};

/// Everything that a server has to know before it starts.
#[derive(Debug)]
pub(crate) struct ServeSettings {
    /// What the address means, one at least. The rule about keys was applied to these: bind them, and do not look the
    /// name up again.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The models, the default one first; none stands for the embedded one.
    pub(crate) models: Vec<ServedModel>,
    pub(crate) aliases: Vec<Alias>,
    pub(crate) loading: Loading,
    /// How long a model stays that nobody asks for; `None`: for ever.
    pub(crate) idle_timeout: Option<Duration>,
    /// Bytes that all models may take together; `None`: any.
    pub(crate) model_memory: Option<u64>,
    /// How the models compute, with the limits of pictures in it.
    pub(crate) options: Options,
    pub(crate) authentication: Authentication,
    /// Where accounts and people's things are; `None`: nothing says where.
    pub(crate) place: Option<Place>,
    pub(crate) tls: Option<Tls>,
    pub(crate) cors_origins: CorsOrigins,
    pub(crate) fetching: Fetching,
    pub(crate) files: Files,
    /// Where the vectors of new vector stores are; `None`: the server itself finds a place.
    pub(crate) vectors: Option<Arc<dyn IndexServer>>,
    /// Lines of batches that are worked on at once; 0: none.
    pub(crate) batch_lines: u64,
    pub(crate) limits: Limits,
    pub(crate) times: Times,
    pub(crate) rates: Rates,
    pub(crate) log: Log,
    pub(crate) moderation: Vec<ModerationCategory>,
}

/// When models are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loading {
    AtStart,
    AtFirstUse,
}

/// The files for TLS, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) certificates: PathBuf,
    pub(crate) key: PathBuf,
}

/// How the server writes about its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) level: LogLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// The address without a word of the user.
const ADDRESS: &str = "127.0.0.1:8080";

impl ServeSettings {
    /// Reads everything. `look_up` says which socket addresses an address means, as [`Address::look_up`] does.
    ///
    /// # Errors
    /// When a value makes no sense, two contradict each other, or others could reach the server without a key.
    pub(crate) fn resolve(
        arguments: &ServeArguments,
        environment: &Environment,
        look_up: impl FnOnce(&Address) -> io::Result<Vec<SocketAddr>>,
    ) -> Result<Self, UsageError> {
        let find = Finder { environment };
        let address = find.given(&keys::ADDR, arguments.addr.as_ref());
        let address = address.unwrap_or(Given { place: keys::ADDR.flag, text: ADDRESS.as_ref() });
        let addresses = find_addresses(&address, look_up)?;
        let models = &arguments.models;
        let lazy = find.given(&keys::LAZY, models.lazy.as_ref());
        let limits = find.limits(&arguments.limits)?;
        let mut options = settings::options(&arguments.compute, environment)?;
        options.packed_cache = settings::packed_cache(models.packed_cache.as_ref(), environment);
        options.limits.bytes = limits.image;
        options.limits.pixels = limits.pixels;
        Ok(Self {
            authentication: match find.accounts(&arguments.accounts)? {
                Some(accounts) => find.without_keys(&arguments.access, accounts)?,
                None => find.authentication(&arguments.access, &address, &addresses)?,
            },
            place: Place::find_if_any(&arguments.accounts.database, environment)?,
            addresses,
            models: models::read_models(&find.list(&keys::MODEL, &models.models))?,
            aliases: models::read_aliases(&find.list(&keys::ALIASES, &models.aliases))?,
            loading: match read_or(Switch::Off, lazy, read_switch)? {
                Switch::On => Loading::AtFirstUse,
                Switch::Off => Loading::AtStart,
            },
            idle_timeout: read_or(
                None,
                find.given(&keys::IDLE_TIMEOUT, models.idle_timeout.as_ref()),
                |text| if text == "never" { Ok(None) } else { read_some_duration(text).map(Some) },
            )?,
            model_memory: read_or(
                None,
                find.given(&keys::MODEL_MEMORY, models.model_memory.as_ref()),
                |text| if text == "none" { Ok(None) } else { read_some_size(text).map(Some) },
            )?,
            options,
            tls: find.tls(&arguments.access)?,
            cors_origins: find.cors_origins(&arguments.access)?,
            files: find.files(&arguments.files)?,
            vectors: find.vectors(&arguments.vectors)?,
            batch_lines: find.batch_lines(&arguments.batches)?,
            fetching: find.fetching(&arguments.fetch)?,
            limits,
            times: find.times(&arguments.times)?,
            rates: find.rates(&arguments.times)?,
            log: find.log(&arguments.log)?,
            moderation: environment.configuration.moderation.clone(),
        })
    }
}

fn find_addresses(
    address: &Given<'_>,
    look_up: impl FnOnce(&Address) -> io::Result<Vec<SocketAddr>>,
) -> Result<Vec<SocketAddr>, UsageError> {
    let parsed = address.read(Address::read)?;
    let unknown = |why: &str| address.wrong(format!("cannot look up {:?}: {why}", parsed.host));
    let addresses = look_up(&parsed).map_err(|error| unknown(&error.to_string()))?;
    if addresses.is_empty() {
        return Err(unknown("it has no address"));
    }
    Ok(addresses)
}

impl<'a> Finder<'a> {
    fn authentication(
        &self,
        arguments: &'a AccessArguments,
        address: &Given<'_>,
        addresses: &[SocketAddr],
    ) -> Result<Authentication, UsageError> {
        let typed = arguments.api_keys.iter().map(Secret::expose);
        let keys = given_list(&keys::API_KEY, typed, self.environment).unwrap_or_default();
        let file = self.given(&keys::API_KEY_FILE, arguments.api_key_file.as_ref());
        let asked = self.given(&keys::AUTH, arguments.auth.as_ref());
        let policy = asked.map(|asked| asked.read(access::Policy::read)).transpose()?;
        let keys = access::read_keys(&keys, file)?;
        let reach = access::reach(addresses.iter().map(SocketAddr::ip));
        access::authentication(policy, keys, reach)
            .map_err(|why| asked.as_ref().unwrap_or(address).wrong(why))
    }

    /// Accounts have keys of their own; others beside them would be a second way in.
    fn without_keys(
        &self,
        arguments: &'a AccessArguments,
        accounts: Authentication,
    ) -> Result<Authentication, UsageError> {
        let typed = arguments.api_keys.iter().map(Secret::expose);
        let keys = given_list(&keys::API_KEY, typed, self.environment).unwrap_or_default();
        let file = self.path(&keys::API_KEY_FILE, arguments.api_key_file.as_ref());
        let policy = self.given(&keys::AUTH, arguments.auth.as_ref());
        let open = policy.filter(|policy| policy.text == "none");
        match keys.first().copied().or(file).or(open) {
            None => Ok(accounts),
            Some(given) => {
                Err(given.wrong("with --accounts, keys are made by `polysight key create`"))
            }
        }
    }

    fn batch_lines(&self, arguments: &'a BatchArguments) -> Result<u64, UsageError> {
        let given = self.given(&keys::BATCH_LINES, arguments.batch_lines.as_ref());
        read_or(32, given, read_batch_lines)
    }

    fn tls(&self, arguments: &'a AccessArguments) -> Result<Option<Tls>, UsageError> {
        let certificates = self.path(&keys::TLS_CERT, arguments.tls_cert.as_ref());
        let key = self.path(&keys::TLS_KEY, arguments.tls_key.as_ref());
        match (certificates, key) {
            (Some(certificates), Some(key)) => {
                Ok(Some(Tls { certificates: certificates.text.into(), key: key.text.into() }))
            }
            (None, None) => Ok(None),
            (Some(certificates), None) => {
                Err(certificates.wrong("a certificate needs its key; name it with --tls-key"))
            }
            (None, Some(key)) => {
                Err(key.wrong("a key needs its certificate; name it with --tls-cert"))
            }
        }
    }

    fn cors_origins(&self, arguments: &'a AccessArguments) -> Result<CorsOrigins, UsageError> {
        web::read_origins(self.list_if_any(&keys::CORS_ORIGIN, &arguments.cors_origins))
    }

    fn fetching(&self, arguments: &'a FetchArguments) -> Result<Fetching, UsageError> {
        let urls = self.given(&keys::FETCH_URLS, arguments.urls.as_ref());
        let private = self.given(&keys::FETCH_PRIVATE, arguments.private.as_ref());
        let urls = read_or(Switch::On, urls, read_switch)?;
        let private = read_or(Switch::Off, private, read_switch)?;
        let hosts = self.list_if_any(&keys::FETCH_HOST, &arguments.hosts);
        Ok(Fetching {
            reach: match (urls, private) {
                (Switch::Off, _) => FetchReach::Nowhere,
                (Switch::On, Switch::Off) => FetchReach::Public,
                (Switch::On, Switch::On) => FetchReach::Anywhere,
            },
            hosts: hosts.map(web::read_hosts).transpose()?,
        })
    }

    fn log(&self, arguments: &'a LogArguments) -> Result<Log, UsageError> {
        let format = self.given(&keys::LOG_FORMAT, arguments.log_format.as_ref());
        let level = self.given(&keys::LOG_LEVEL, arguments.log_level.as_ref());
        Ok(Log {
            format: read_or(LogFormat::Text, format, |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err(format!("{text:?} is neither text nor json")),
            })?,
            level: read_or(LogLevel::Info, level, |text| match text {
                "error" => Ok(LogLevel::Error),
                "warn" => Ok(LogLevel::Warn),
                "info" => Ok(LogLevel::Info),
                "debug" => Ok(LogLevel::Debug),
                _ => Err(format!("{text:?} is none of error, warn, info, debug")),
            })?,
        })
    }
}
