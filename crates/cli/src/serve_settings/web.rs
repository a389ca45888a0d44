//! What web pages may do with the server, and what the server may do on the web.

use crate::exit::UsageError;
use crate::given::Given;

/// The web pages whose scripts may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CorsOrigins {
    /// All.
    Any,
    /// Those of these origins, like `https://app.example`. None at all when there are none.
    Only(Vec<String>),
}

/// Where pictures may be fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchReach {
    /// Nowhere: a picture that is given as a URL is refused.
    Nowhere,
    /// Public addresses, ports 80 and 443.
    Public,
    /// Everything that this machine reaches. Dangerous.
    Anywhere,
}

/// How pictures are fetched that are given as URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetching {
    pub(crate) reach: FetchReach,
    /// The only hosts that URLs may name, in small letters; `None`: all.
    pub(crate) hosts: Option<Vec<String>>,
}

/// Reads the origins.
///
/// # Errors
/// When one is neither `*` nor an origin.
pub(super) fn read_origins(given: Option<Vec<Given<'_>>>) -> Result<CorsOrigins, UsageError> {
    let Some(given) = given else {
        return Ok(CorsOrigins::Any);
    };
    let mut origins = Vec::new();
    let mut any = false;
    for given in given {
        let origin = given.read(read_origin)?;
        any |= origin == "*";
        origins.push(origin);
    }
    Ok(if any { CorsOrigins::Any } else { CorsOrigins::Only(origins) })
}

/// Browsers send origins in small letters and without a slash at the end.
fn read_origin(text: &str) -> Result<String, String> {
    let text = text.trim();
    let host = text.split_once("://").filter(|(scheme, _)| !scheme.is_empty());
    let is_host = |host: &str| {
        !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@*,".contains(&byte))
    };
    if text == "*" || host.is_some_and(|(_, host)| is_host(host)) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!(
        "{text:?} is no origin; it takes * or one like https://app.example, without a path"
    ))
}

/// Reads the hosts.
///
/// # Errors
/// When one is not a host's name or address alone.
pub(super) fn read_hosts(given: Vec<Given<'_>>) -> Result<Vec<String>, UsageError> {
    given.into_iter().map(|given| given.read(read_host)).collect()
}

fn read_host(text: &str) -> Result<String, String> {
    let text = text.trim();
    let name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let ipv6 = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if ipv6.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok(ipv6.to_ascii_lowercase());
    }
    if !text.is_empty() && text.bytes().all(name) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!("{text:?} is no host; it takes a name or an address, without scheme, port or path"))
}

#[cfg(test)]
mod tests {
    use super::{read_host, read_origin};

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        for (text, origin) in [
            ("*", "*"),
            ("https://App.example", "https://app.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("tauri://localhost", "tauri://localhost"),
        ] {
            assert_eq!(read_origin(text).as_deref(), Ok(origin));
        }
        for text in [
            "",
            "app.example",
            "https://",
            "https://a/",
            "https://a/b",
            "https://*.a",
            "https://a b",
        ] {
            assert!(read_origin(text).unwrap_err().contains("is no origin"), "{text}");
        }
    }

    #[test]
    fn a_host_has_no_scheme_port_or_path() {
        for (text, host) in
            [("Images.example", "images.example"), ("10.0.0.1", "10.0.0.1"), ("[::1]", "::1")]
        {
            assert_eq!(read_host(text).as_deref(), Ok(host));
        }
        for text in ["", "https://a.example", "a.example:80", "a.example/b", "*.example"] {
            assert!(read_host(text).unwrap_err().contains("is no host"), "{text}");
        }
    }
}
