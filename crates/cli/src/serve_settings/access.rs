//! Where the server listens, who may ask there, and the rule that joins the two: nothing but this machine reaches a
//! server without keys, unless its owner says so.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;

use super::accounts::AccountsSettings;
use crate::exit::UsageError;
use crate::given::Given;
use crate::labels;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name or an address, without brackets.
    pub(crate) host: String,
    /// 0 is any that is free.
    pub(crate) port: u16,
}

impl Address {
    /// Reads `HOST:PORT`; an IPv6 address stands in brackets.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once(':').and_then(|(host, port)| {
            let port = port.parse().ok()?;
            let bare = match host.strip_prefix('[') {
                Some(rest) => rest.strip_suffix(']')?,
                None if host.contains(':') => return None,
                None => host,
            };
            (!bare.is_empty()).then(|| Self { host: bare.to_owned(), port })
        });
        parts.ok_or_else(|| {
            format!("{text:?} is no address; it takes HOST:PORT, like 127.0.0.1:8080 or [::1]:8080")
        })
    }

    /// All socket addresses that the host's name means on this machine.
    ///
    /// # Errors
    /// When it means none, or nobody can tell.
    pub(crate) fn look_up(&self) -> io::Result<Vec<SocketAddr>> {
        Ok((self.host.as_str(), self.port).to_socket_addrs()?.collect())
    }
}

/// Who can reach an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Programs of this machine alone.
    ThisMachine,
    /// Possibly others.
    Others,
}

/// Who can reach the server: this machine alone only when every address is a loopback one.
pub(crate) fn reach(addresses: impl IntoIterator<Item = IpAddr>) -> Reach {
    let mut addresses = addresses.into_iter().peekable();
    let some = addresses.peek().is_some();
    // An IPv4 address in an IPv6 one counts as what it is.
    if some && addresses.all(|address| address.to_canonical().is_loopback()) {
        Reach::ThisMachine
    } else {
        Reach::Others
    }
}

/// What the user says about keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Clients must show a key.
    Keys,
    /// Everybody may ask.
    Open,
}

impl Policy {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        match text {
            "keys" => Ok(Self::Keys),
            "none" => Ok(Self::Open),
            _ => Err(format!("{text:?} is neither keys nor none")),
        }
    }
}

/// A key that clients may show.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ApiKey(String);

impl ApiKey {
    /// Checks that a text can be a key: it has to fit into a header. The message does not show it.
    pub(super) fn new(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("a key is empty");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a key has characters that are not visible ASCII");
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(..)")
    }
}

/// Who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// Whoever shows one of these. There is one at least.
    Keys(Vec<ApiKey>),
    /// Whoever has a key of an account.
    Accounts(Box<AccountsSettings>),
    /// Everybody.
    Open,
}

/// The rule: without a word of the user, keys are asked for when there are any, and else only this machine may reach the
/// server.
///
/// # Errors
/// When others could reach a server without keys, or keys are asked for and there are none. The message has no place.
pub(crate) fn authentication(
    policy: Option<Policy>,
    keys: Vec<ApiKey>,
    reach: Reach,
) -> Result<Authentication, &'static str> {
    match (policy, reach) {
        (None | Some(Policy::Keys), _) if !keys.is_empty() => Ok(Authentication::Keys(keys)),
        (Some(Policy::Keys), _) => {
            Err("there are no keys; give some with --api-key or --api-key-file")
        }
        (Some(Policy::Open), _) | (None, Reach::ThisMachine) => Ok(Authentication::Open),
        (None, Reach::Others) => Err(
            "other machines may reach this address and there are no keys; give some with --api-key or --api-key-file, \
             or let everybody ask with --auth none",
        ),
    }
}

/// The keys of a list and of a file, each once.
///
/// # Errors
/// When a text cannot be a key, or the file cannot be read or has none.
pub(super) fn read_keys(
    given: &[Given<'_>],
    file: Option<Given<'_>>,
) -> Result<Vec<ApiKey>, UsageError> {
    let mut keys = Vec::new();
    let mut add = |key| {
        if !keys.contains(&key) {
            keys.push(key);
        }
    };
    for given in given {
        add(given.read(ApiKey::new)?);
    }
    // An empty name overrules that of another place.
    if let Some(file) = file.filter(|file| !file.text.is_empty()) {
        let lines = labels::lines_of(Path::new(file.text)).map_err(|error| file.wrong(error))?;
        if lines.is_empty() {
            return Err(file.wrong("the file has no keys"));
        }
        for line in &lines {
            add(ApiKey::new(line).map_err(|why| file.wrong(why))?);
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Address, ApiKey, Authentication, Policy, Reach, authentication, reach};

    fn reach_of(addresses: &[&str]) -> Reach {
        reach(addresses.iter().map(|address| address.parse::<IpAddr>().unwrap()))
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (text, host, port) in [
            ("127.0.0.1:8080", "127.0.0.1", 8080),
            ("[::1]:0", "::1", 0),
            ("localhost:80", "localhost", 80),
        ] {
            assert_eq!(Address::read(text), Ok(Address { host: host.to_owned(), port }));
        }
        for text in
            ["", "8080", ":8080", "localhost", "::1:8080", "[::1:80", "[]:80", "a:70000", "a:"]
        {
            assert!(Address::read(text).unwrap_err().contains("is no address"), "{text}");
        }
    }

    #[test]
    fn only_loopback_addresses_keep_others_out() {
        for address in ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(reach_of(&[address]), Reach::ThisMachine, "{address}");
        }
        for address in ["0.0.0.0", "::", "192.168.1.2", "10.0.0.1", "::ffff:10.0.0.1", "fe80::1"] {
            assert_eq!(reach_of(&[address]), Reach::Others, "{address}");
        }
        assert_eq!(reach_of(&["127.0.0.1", "::1"]), Reach::ThisMachine);
        assert_eq!(reach_of(&["127.0.0.1", "192.168.1.2"]), Reach::Others);
        assert_eq!(reach_of(&[]), Reach::Others, "no address proves nothing");
    }

    #[test]
    fn the_own_name_of_the_machine_is_looked_up() {
        let local = Address { host: "localhost".to_owned(), port: 80 };
        let found = local.look_up().unwrap();
        assert_eq!(reach(found.iter().map(std::net::SocketAddr::ip)), Reach::ThisMachine);
    }

    #[test]
    fn without_keys_others_are_refused_unless_the_owner_says_so() {
        let keys = || vec![ApiKey::new("k").unwrap()];
        let judge = |policy, keys, reach| authentication(policy, keys, reach);
        assert_eq!(judge(None, vec![], Reach::ThisMachine), Ok(Authentication::Open));
        assert!(judge(None, vec![], Reach::Others).unwrap_err().contains("--auth none"));
        for reach in [Reach::ThisMachine, Reach::Others] {
            assert_eq!(judge(None, keys(), reach), Ok(Authentication::Keys(keys())));
            let asked = Some(Policy::Keys);
            assert_eq!(judge(asked, keys(), reach), Ok(Authentication::Keys(keys())));
            assert!(judge(asked, vec![], reach).unwrap_err().contains("no keys"));
            assert_eq!(judge(Some(Policy::Open), vec![], reach), Ok(Authentication::Open));
            assert_eq!(judge(Some(Policy::Open), keys(), reach), Ok(Authentication::Open));
        }
    }

    #[test]
    fn nobody_sees_a_key_by_accident() {
        let key = ApiKey::new("sk-12345").unwrap();
        assert_eq!(key.expose(), "sk-12345");
        assert_eq!(format!("{:?}", Authentication::Keys(vec![key])), "Keys([ApiKey(..)])");
        for text in ["", "two words", "schlüssel", "line\n"] {
            assert!(ApiKey::new(text).is_err(), "{text:?}");
        }
    }
}
