//! The cache of models, placed by the environment as `huggingface_hub` places it.

use std::ffi::OsStr;

use anyhow::Context;
use hub::{CacheVariables, Hub, HubOptions, Network, Token, is_true};

use crate::environment::{Environment, Variable};
use crate::exit::UsageError;

/// A hub that only looks into the cache.
///
/// # Errors
/// When nothing says where the cache is.
pub(crate) fn open_offline(environment: &Environment) -> anyhow::Result<Hub> {
    let mut options = HubOptions::new(cache_variables(environment).cache().with_context(no_home)?);
    options.network = Network::Offline;
    Ok(Hub::new(options)?)
}

/// A hub that may download, unless `HF_HUB_OFFLINE` says no.
///
/// # Errors
/// When nothing says where the cache is, or a variable makes no sense.
pub(crate) fn open(environment: &Environment) -> anyhow::Result<Hub> {
    let variables = cache_variables(environment);
    let mut options = HubOptions::new(variables.cache().with_context(no_home)?);
    if let Some(endpoint) = &environment.hf_endpoint {
        text(endpoint)?.clone_into(&mut options.endpoint);
    }
    if let Some(offline) = &environment.hf_hub_offline
        && is_true(text(offline)?)
    {
        options.network = Network::Offline;
    }
    options.token = match (&environment.hf_token, variables.token_file()) {
        (Some(token), _) => Token::new(text(token)?, token.name)?,
        (None, Some(file)) => Token::read(&file)?,
        (None, None) => None,
    };
    options.proxy = proxy(&options.endpoint, environment)?;
    Ok(Hub::new(options)?)
}

/// What places the caches.
pub(crate) fn cache_variables(environment: &Environment) -> CacheVariables<'_> {
    fn value(variable: Option<&Variable>) -> Option<&OsStr> {
        variable.map(|variable| variable.value.as_os_str())
    }
    CacheVariables {
        hf_hub_cache: value(environment.hf_hub_cache.as_ref()),
        huggingface_hub_cache: value(environment.huggingface_hub_cache.as_ref()),
        hf_home: value(environment.hf_home.as_ref()),
        hf_token_path: value(environment.hf_token_path.as_ref()),
        xdg_cache_home: value(environment.xdg_cache_home.as_ref()),
        home: value(environment.home.as_ref()),
    }
}

fn no_home() -> &'static str {
    "no place for the cache of models: set HF_HOME, or HOME"
}

/// The value of a variable whose message must not show it.
fn text(variable: &Variable) -> Result<&str, UsageError> {
    let not_text = || UsageError::new(format!("{}: the value is not UTF-8", variable.name));
    variable.value.to_str().ok_or_else(not_text)
}

/// The proxy on the way to an address.
///
/// # Errors
/// When a variable is not UTF-8.
pub(crate) fn proxy(endpoint: &str, environment: &Environment) -> anyhow::Result<Option<String>> {
    let encrypted = endpoint.to_ascii_lowercase().starts_with("https:");
    let proxy = if encrypted { &environment.https_proxy } else { &environment.http_proxy };
    let Some(proxy) = proxy else {
        return Ok(None);
    };
    if let Some(exceptions) = &environment.no_proxy
        && is_exception(host(endpoint), text(exceptions)?)
    {
        return Ok(None);
    }
    Ok(Some(text(proxy)?.to_owned()))
}

/// The host of an address, without the port.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    match place.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or(ipv6),
        None => place.split(':').next().unwrap_or(place),
    }
}

/// Whether a list like `localhost,.example.org` has a host: itself, a domain above it, or `*`.
fn is_exception(host: &str, list: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let mut exceptions = list.split(',').map(|exception| {
        let exception = exception.trim().to_ascii_lowercase();
        exception.trim_start_matches('.').to_owned()
    });
    exceptions.any(|exception| {
        let above = host.strip_suffix(&exception);
        !exception.is_empty()
            && (exception == "*"
                || above.is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
    })
}

#[cfg(test)]
mod tests {
    use super::{host, is_exception};

    #[test]
    fn the_host_of_an_address_is_found() {
        for (address, expected) in [
            ("https://huggingface.co", "huggingface.co"),
            ("http://user:word@mirror.example:8080/path", "mirror.example"),
            ("http://[::1]:8080", "::1"),
            ("mirror.example", "mirror.example"),
        ] {
            assert_eq!(host(address), expected, "{address}");
        }
    }

    #[test]
    fn an_exception_is_a_host_a_domain_above_it_or_everything() {
        for (list, expected) in [
            ("mirror.example", true),
            (" other, .Example", true),
            ("*", true),
            ("ror.example", false),
            ("", false),
            (",", false),
            ("a.mirror.example", false),
        ] {
            assert_eq!(is_exception("mirror.example", list), expected, "{list:?}");
        }
    }
}
