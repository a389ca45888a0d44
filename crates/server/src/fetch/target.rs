//! A URL that the policy admits.
//!
//! The same checks meet the URL of the caller and every URL of a redirect. [`Url`] has already
//! brought the host to one spelling: each notation of an IPv4 address (decimal, octal, hexadecimal,
//! short, percent-encoded, full-width digits) has become that address, so nothing here looks at the
//! text of a host to learn where it leads.

use std::net::IpAddr;

use url::{Host, Url};

use super::error::FetchError;
use super::policy::{Addresses, FetchPolicy};

/// Longest URL in bytes. Signed URLs of object stores stay below a third of it.
pub(super) const MOST_URL_BYTES: usize = 8192;

/// Longest name that the domain name system has.
const MOST_HOST_BYTES: usize = 253;

/// Ports of the public web.
const PORTS: [u16; 2] = [80, 443];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    Plain,
    Tls,
}

/// Where to connect to and what to ask for.
#[derive(Debug, Clone)]
pub(super) struct Target {
    url: Url,
    /// As in the URL, without a final dot; an IPv6 address in brackets.
    pub(super) host: String,
    /// The address, where the URL has one instead of a name.
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
    pub(super) security: Security,
}

impl Target {
    /// What a caller sent.
    ///
    /// # Errors
    /// Those of kind `Refused`, but for the addresses of the host, which are not known yet.
    pub(super) fn of(text: &str, policy: &FetchPolicy) -> Result<Self, FetchError> {
        admit_length(text)?;
        let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
        Self::admit(url, policy)
    }

    /// What this target redirects to, absolute or relative.
    ///
    /// # Errors
    /// As [`Target::of`].
    pub(super) fn redirected(
        &self,
        location: &str,
        policy: &FetchPolicy,
    ) -> Result<Self, FetchError> {
        admit_length(location)?;
        let url = self.url.join(location);
        Self::admit(url.map_err(|error| invalid(format!("redirected: {error}")))?, policy)
    }

    fn admit(url: Url, policy: &FetchPolicy) -> Result<Self, FetchError> {
        admit_length(url.as_str())?;
        let security = match url.scheme() {
            "http" => Security::Plain,
            "https" => Security::Tls,
            scheme => return Err(FetchError::Scheme { scheme: scheme.to_owned() }),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Credentials);
        }
        let (host, address) = match url.host() {
            Some(Host::Domain(name)) => (named(name)?, None),
            Some(Host::Ipv4(address)) => (address.to_string(), Some(IpAddr::V4(address))),
            Some(Host::Ipv6(address)) => (format!("[{address}]"), Some(IpAddr::V6(address))),
            None => return Err(invalid("it has no host".to_owned())),
        };
        let port = url.port_or_known_default().expect("http and https have a default port");
        if policy.addresses == Addresses::Public && !PORTS.contains(&port) {
            return Err(FetchError::Port { port });
        }
        if !policy.allows_host(&host) {
            return Err(FetchError::HostNotAllowed { host });
        }
        Ok(Self { url, host, address, port, security })
    }

    /// The value of the `Host` field: the port only where it is not the scheme's own.
    pub(super) fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// Path and query, as a request line has them. The fragment stays here.
    pub(super) fn path_and_query(&self) -> &str {
        &self.url[url::Position::BeforePath..url::Position::AfterQuery]
    }
}

/// A name without its final dot, which means the same host with and without.
fn named(name: &str) -> Result<String, FetchError> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > MOST_HOST_BYTES {
        let bytes = name.len();
        return Err(invalid(format!(
            "the host name is {bytes} bytes; the limit is {MOST_HOST_BYTES} bytes"
        )));
    }
    if name.split('.').any(str::is_empty) {
        return Err(invalid("the host name has an empty part".to_owned()));
    }
    Ok(name.to_owned())
}

fn admit_length(text: &str) -> Result<(), FetchError> {
    if text.len() > MOST_URL_BYTES {
        return Err(FetchError::TooLong { bytes: text.len(), limit: MOST_URL_BYTES });
    }
    Ok(())
}

fn invalid(problem: String) -> FetchError {
    FetchError::Invalid { problem }
}
