//! What an operator decides about fetching.

use std::str::FromStr;
use std::time::Duration;

use url::Host;

/// Whether pictures are fetched at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// URLs are fetched, within the policy.
    #[default]
    On,
    /// No URL is fetched; pictures come in the request only.
    Off,
}

/// Which addresses a host may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addresses {
    /// The public internet, at ports 80 and 443.
    #[default]
    Public,
    /// Every address and every port.
    ///
    /// Dangerous: whoever may call the API can then read pictures from, and probe, whatever this
    /// machine can reach: itself, its private network, its cloud's metadata. For tests, and for
    /// installations whose callers are trusted or whose
    /// [`allowed_hosts`](FetchPolicy::allowed_hosts) are few and known.
    Any,
}

/// Rules and limits of fetching. [`FetchPolicy::default`] suits callers that nobody knows.
#[derive(Debug, Clone)]
pub struct FetchPolicy {
    /// On or off; on by default.
    pub access: Access,
    /// When not empty, only these hosts are fetched from, redirects included; their addresses are
    /// checked all the same. Empty by default.
    pub allowed_hosts: Vec<HostPattern>,
    /// The addresses a host may have; public ones by default.
    pub addresses: Addresses,
    /// Most bytes of one picture; 20 MiB by default.
    pub most_bytes: u64,
    /// Longest time for everything, from resolving the name to the last byte, redirects included;
    /// 10 seconds by default.
    pub deadline: Duration,
    /// Longest time to connect to one host, TLS included; 5 seconds by default.
    pub connect_deadline: Duration,
}

impl Default for FetchPolicy {
    fn default() -> Self {
        Self {
            access: Access::default(),
            allowed_hosts: Vec::new(),
            addresses: Addresses::default(),
            most_bytes: 20 << 20,
            deadline: Duration::from_secs(10),
            connect_deadline: Duration::from_secs(5),
        }
    }
}

impl FetchPolicy {
    /// Whether `host`, as [`url`] writes it and without a final dot, is one of the allowed ones.
    pub(super) fn allows_host(&self, host: &str) -> bool {
        self.allowed_hosts.is_empty()
            || self.allowed_hosts.iter().any(|pattern| pattern.matches(host))
    }
}

/// One host, such as `images.example.com`, or all below one, such as `*.example.com`.
///
/// The second form matches at any depth and does not match `example.com` itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    /// In the spelling of a parsed URL: lower case, punycode, no final dot.
    host: String,
    extent: Extent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Exact,
    Below,
}

/// The text is no host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is not a host: it looks like images.example.com or *.example.com")]
pub struct HostPatternError {
    pattern: String,
}

impl HostPattern {
    fn matches(&self, host: &str) -> bool {
        match self.extent {
            Extent::Exact => host == self.host,
            Extent::Below => host
                .strip_suffix(&self.host)
                .is_some_and(|front| front.len() > 1 && front.ends_with('.')),
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(pattern: &str) -> Result<Self, Self::Err> {
        let wrong = || HostPatternError { pattern: pattern.to_owned() };
        let (name, extent) = match pattern.strip_prefix("*.") {
            Some(name) => (name, Extent::Below),
            None => (pattern, Extent::Exact),
        };
        let parsed = Host::parse(name.strip_suffix('.').unwrap_or(name)).map_err(|_| wrong())?;
        let is_name = matches!(parsed, Host::Domain(_));
        let host = parsed.to_string();
        // A star anywhere else would be taken for a letter and never match.
        if host.contains('*') || host.split('.').any(str::is_empty) {
            return Err(wrong());
        }
        if extent == Extent::Below && !is_name {
            return Err(wrong());
        }
        Ok(Self { host, extent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, host: &str) -> bool {
        pattern.parse::<HostPattern>().unwrap().matches(host)
    }

    #[test]
    fn an_exact_pattern_matches_that_host_alone() {
        assert!(matches("Example.com", "example.com"));
        assert!(matches("example.com.", "example.com"));
        assert!(matches("bücher.example", "xn--bcher-kva.example"));
        assert!(matches("[2001:db8::1]", "[2001:db8::1]"));
        assert!(!matches("example.com", "www.example.com"));
        assert!(!matches("example.com", "example.com.evil.test"));
        assert!(!matches("example.com", "notexample.com"));
    }

    #[test]
    fn a_star_matches_at_any_depth_below_and_not_the_host_itself() {
        assert!(matches("*.example.com", "www.example.com"));
        assert!(matches("*.example.com", "a.b.example.com"));
        assert!(!matches("*.example.com", "example.com"));
        assert!(!matches("*.example.com", ".example.com"));
        assert!(!matches("*.example.com", "notexample.com"));
        assert!(!matches("*.example.com", "example.com.evil.test"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for pattern in [
            "",
            "*",
            "*.",
            "*.*.example.com",
            "a.*.com",
            "http://example.com",
            "example.com:80",
            "example.com/",
            "a..b",
            "*.127.0.0.1",
            "user@example.com",
            "a b",
        ] {
            assert!(pattern.parse::<HostPattern>().is_err(), "{pattern:?}");
        }
    }
}
