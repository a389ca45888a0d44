//! `polysight serve`: from settings to a server, and what it says when it answers.

use std::io::{IsTerminal, stderr, stdout};
use std::net::SocketAddr;

use serde::Serialize;
use server::fetch::{Access, Addresses, FetchPolicy, HostPattern};
use server::{Serving, Settings};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::arguments::serve::ServeArguments;
use crate::console;
use crate::environment::Environment;
use crate::exit::{Outcome, UsageError};
use crate::model_source::{self, Found};
use crate::reply::json;
use crate::serve_settings::{
    AccountsSettings, Address, Authentication, CorsOrigins, FetchReach, Fetching, Loading, Log,
    LogFormat, LogLevel, ServeSettings, ServedModel,
};

/// A red square of 16x16 pixels.
const SAMPLE: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mO4IydHEmIY1TCqYfhqAACaMxgQdrf9VwAAAABJRU5ErkJggg==";

/// What scripts are told when the server answers.
#[derive(Serialize)]
struct Started<'a> {
    urls: &'a [String],
    models: &'a [String],
    curl: &'a str,
}

/// Runs the command: serves until the process is told to stop.
///
/// # Errors
/// When the settings make no sense, a model is not found, or an address is not usable.
pub(crate) fn run(
    arguments: &ServeArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let settings = ServeSettings::resolve(arguments, environment, Address::look_up)?;
    let models = find_models(&settings, environment)?;
    begin_log(&settings, environment);
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let authentication = match settings.authentication {
        Authentication::Keys(_) | Authentication::Accounts(_) => {
            "-H \"Authorization: Bearer $POLYSIGHT_API_KEY\" "
        }
        Authentication::Open => "",
    };
    let ids = models.iter().map(|model| model.id.clone()).collect::<Vec<_>>();
    let settings = server_settings(settings, models, environment)?;
    let format = if arguments.json { Format::Json } else { Format::Text };
    server::run(settings, |serving| {
        let started = announce(serving, scheme, authentication, &ids, format);
        let _nobody_reads = std::io::Write::write_all(&mut stdout(), started.as_bytes());
    })?;
    Ok(Outcome::Complete)
}

/// From here on what happens goes to the log.
pub(crate) fn begin_log(settings: &ServeSettings, environment: &Environment) {
    start_log(&settings.log, environment);
    // What a panic says may quote a text that somebody sent.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panic; this is a bug of polysight, please report it");
    }));
}

#[derive(Clone, Copy)]
enum Format {
    Json,
    Text,
}

fn announce(
    serving: &Serving,
    scheme: &str,
    authentication: &str,
    models: &[String],
    format: Format,
) -> String {
    let urls = serving.addresses.iter().map(|address| url(scheme, *address));
    let urls = urls.collect::<Vec<_>>();
    let base = urls.first().map_or("", String::as_str);
    let body = serde_json::json!({
        "model": serving.model,
        "input": [{ "image": SAMPLE }],
        "labels": ["a red square", "a blue circle"],
    });
    let curl = format!(
        "curl -s {base}/v1/classify {authentication}-H \"Content-Type: application/json\" -d '{body}'"
    );
    match format {
        Format::Json => json(&Started { urls: &urls, models, curl: &curl }) + "\n",
        Format::Text => {
            let models = models.join(", ");
            format!(
                "polysight serves {models} at {}\n\nTry it in a browser at {base}/, read {base}/docs, or:\n\n  {curl}\n\n",
                urls.join(" and ")
            )
        }
    }
}

/// The address as a client on this machine can use it.
fn url(scheme: &str, address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        return format!("{scheme}://localhost:{}", address.port());
    }
    format!("{scheme}://{address}")
}

pub(crate) fn find_models(
    settings: &ServeSettings,
    environment: &Environment,
) -> anyhow::Result<Vec<server::ModelSpec>> {
    let named = |served: &ServedModel| {
        let found = model_source::find(Some(&served.source), environment)?;
        let id = served.name.clone().unwrap_or_else(|| found.id.clone());
        let options = settings.options.clone();
        anyhow::Ok(spec(found, id, options))
    };
    let mut models = settings.models.iter().map(named).collect::<anyhow::Result<Vec<_>>>()?;
    if models.is_empty() {
        let found = model_source::find(None, environment)?;
        let options = settings.options.clone();
        let id = found.id.clone();
        models.push(spec(found, id, options));
    }
    for alias in &settings.aliases {
        let Some(model) = models.iter_mut().find(|model| model.id == alias.model) else {
            let message =
                format!("the alias {}: no served model is called {}", alias.alias, alias.model);
            return Err(UsageError::new(message).into());
        };
        model.aliases.push(alias.alias.clone());
    }
    Ok(models)
}

fn spec(found: Found, id: String, options: model::Options) -> server::ModelSpec {
    let description = found.description.unwrap_or_default().to_owned();
    server::ModelSpec { id, aliases: Vec::new(), description, folder: found.folder, options }
}

pub(crate) fn server_settings(
    settings: ServeSettings,
    models: Vec<server::ModelSpec>,
    environment: &Environment,
) -> anyhow::Result<Settings> {
    let limits = settings.limits;
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let rate = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let auth = match settings.authentication {
        Authentication::Open => server::Auth::Open,
        Authentication::Accounts(accounts) => account_settings(*accounts)?,
        Authentication::Keys(keys) => {
            server::Auth::Keys(keys.iter().map(|key| server::ApiKey::new(key.expose())).collect())
        }
    };
    let storage = settings.files.storage.map(|storage| storage.open(environment));
    let moderation = settings.moderation.into_iter().map(|category| server::ModerationCategory {
        name: category.name,
        prompts: category.prompts,
        threshold: category.threshold,
    });
    Ok(Settings {
        addresses: settings.addresses,
        models,
        loading: match settings.loading {
            Loading::AtStart => server::Loading::AtStart,
            Loading::AtFirstUse => server::Loading::AtFirstUse,
        },
        idle_timeout: settings.idle_timeout,
        model_memory: settings.model_memory,
        auth,
        archive: settings.place.map(|place| server::ArchiveSettings {
            location: place.location,
            folder: place.folder,
            storage,
            vectors: settings.vectors,
        }),
        tls: settings
            .tls
            .map(|tls| server::TlsFiles { certificate: tls.certificates, key: tls.key }),
        cors_origins: match settings.cors_origins {
            CorsOrigins::Any => vec!["*".to_owned()],
            CorsOrigins::Only(origins) => origins,
        },
        fetch: fetch_policy(&settings.fetching)?,
        limits: server::Limits {
            body: limits.body,
            image_bytes: limits.image,
            image_pixels: limits.pixels,
            inputs: size(limits.inputs),
            labels: size(limits.labels),
            file: settings.files.largest,
            files_of_owner: settings.files.quota,
        },
        admission: server::Admission {
            pixels: limits.queue_pixels,
            bytes: limits.queue_bytes,
            connections: size(limits.connections),
            time: settings.times.queue,
        },
        caches: server::CacheSizes { labels: limits.label_cache, images: limits.image_cache },
        request_timeout: settings.times.request,
        body_timeout: settings.times.body,
        shutdown_timeout: settings.times.shutdown,
        rates: server::Rates {
            requests_per_minute: rate(settings.rates.requests_per_minute),
            images_per_minute: rate(settings.rates.images_per_minute),
        },
        batch_lines: size(settings.batch_lines),
        moderation: moderation.collect(),
    })
}

fn account_settings(accounts: AccountsSettings) -> anyhow::Result<server::Auth> {
    let pepper = accounts.place.pepper()?;
    Ok(server::Auth::Accounts(Box::new(server::AccountSettings {
        pepper,
        sign_up: accounts.sign_up.map(|sign_up| server::SignUp {
            free_credit: sign_up.free_credit,
            public_url: sign_up.public_url,
        }),
        smtp: accounts.smtp.map(|smtp| server::Smtp { url: smtp.url, from: smtp.from }),
    })))
}

fn fetch_policy(fetching: &Fetching) -> Result<FetchPolicy, UsageError> {
    let hosts = fetching.hosts.as_deref();
    let allowed_hosts = hosts.unwrap_or_default().iter().map(|host| host.parse::<HostPattern>());
    let allowed_hosts = allowed_hosts.collect::<Result<Vec<_>, _>>();
    let allowed_hosts =
        allowed_hosts.map_err(|error| UsageError::new(format!("--fetch-host: {error}")))?;
    // A list without a host allows none.
    let none_allowed = hosts.is_some_and(<[_]>::is_empty);
    let off = none_allowed || fetching.reach == FetchReach::Nowhere;
    Ok(FetchPolicy {
        access: if off { Access::Off } else { Access::On },
        allowed_hosts,
        addresses: match fetching.reach {
            FetchReach::Anywhere => Addresses::Any,
            FetchReach::Nowhere | FetchReach::Public => Addresses::Public,
        },
        ..FetchPolicy::default()
    })
}

/// The log goes to standard error: ours from the level on, other crates' warnings.
fn start_log(log: &Log, environment: &Environment) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let targets =
        Targets::new().with_target("server", level).with_default(level.min(LevelFilter::WARN));
    let format = tracing_subscriber::fmt::layer().with_writer(stderr);
    let registry = tracing_subscriber::registry().with(targets);
    let started = match log.format {
        LogFormat::Json => registry.with(format.json().flatten_event(true)).try_init(),
        LogFormat::Text => {
            let colours = stderr().is_terminal() && environment.no_color.is_none();
            registry.with(format.with_ansi(colours)).try_init()
        }
    };
    if started.is_err() {
        console::complain("the log was started already");
    }
}
