//! The two things that a fetch asks of the network, and what it may ask for.
//!
//! A name is resolved once for each request. Its addresses are checked, and those that pass become
//! [`CheckedAddress`]es, the only thing that a connection can be opened to. So there is no second
//! resolution that could give another answer.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::RootCertStore;

use super::address::is_public;
use super::error::FetchError;
use super::policy::{Addresses, FetchPolicy};
use super::target::Target;

/// Most addresses of one host that are tried.
const MOST_ADDRESSES: usize = 4;

/// An address and a port that passed the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckedAddress(SocketAddr);

impl CheckedAddress {
    /// Where to connect to.
    pub fn get(self) -> SocketAddr {
        self.0
    }

    fn check(address: SocketAddr, addresses: Addresses) -> Option<Self> {
        let passes = match addresses {
            Addresses::Public => is_public(address.ip()),
            Addresses::Any => true,
        };
        passes.then_some(Self(address))
    }
}

/// Names and connections. The operating system's is [`SystemNetwork`]; tests have their own.
pub trait Network: Send + Sync + 'static {
    /// All addresses of `host`, in the order in which to try them. Called once for each request,
    /// and never for a host that is an address. The answer is not trusted.
    ///
    /// # Errors
    /// When the name does not exist or cannot be looked up.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;

    /// Connects to exactly this address.
    ///
    /// # Errors
    /// When nobody answers there.
    fn connect(&self, to: CheckedAddress) -> BoxFuture<'_, io::Result<TcpStream>>;

    /// Who may vouch for the name of an HTTPS server. Asked once.
    fn certificate_roots(&self) -> Arc<RootCertStore> {
        Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }
}

/// Names that are looked up at the same time.
pub(crate) const LOOKUPS_AT_ONCE: usize = 32;

static LOOKUPS: Semaphore = Semaphore::const_new(LOOKUPS_AT_ONCE);

/// The resolver and the sockets of the operating system. No proxy is used, whatever the environment
/// says: a proxy would resolve names by itself.
///
/// A lookup runs on a blocking thread of the runtime and cannot be called off; after a deadline it
/// goes on there until the system's resolver gives up, so their number is bounded: names that
/// resolve slowly would else take the threads of the decoders.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNetwork;

impl Network for SystemNetwork {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let place = LOOKUPS.acquire().await.map_err(io::Error::other)?;
            let host = host.to_owned();
            let look_up = move || {
                let _place = place;
                Ok((host.as_str(), 0).to_socket_addrs()?.map(|found| found.ip()).collect())
            };
            tokio::task::spawn_blocking(look_up).await.map_err(io::Error::other)?
        })
    }

    fn connect(&self, to: CheckedAddress) -> BoxFuture<'_, io::Result<TcpStream>> {
        Box::pin(TcpStream::connect(to.get()))
    }
}

/// The addresses that `target` may be reached at, at least one. Where a host has public and other
/// addresses, only the public ones are left.
///
/// # Errors
/// [`FetchError::NoPublicAddress`], also when the name does not exist: the difference would tell a
/// caller which names exist inside.
pub(super) async fn locate(
    target: &Target,
    network: &dyn Network,
    policy: &FetchPolicy,
) -> Result<Vec<CheckedAddress>, FetchError> {
    let found = match target.address {
        Some(address) => vec![address],
        None => network.resolve(&target.host).await.unwrap_or_else(|error| {
            tracing::debug!(host = target.host, %error, "image host not resolved");
            Vec::new()
        }),
    };
    let mut checked: Vec<CheckedAddress> = Vec::new();
    for address in found {
        match CheckedAddress::check(SocketAddr::new(address, target.port), policy.addresses) {
            Some(address) if checked.contains(&address) => {}
            Some(address) => checked.push(address),
            None => tracing::debug!(host = target.host, %address, "image address refused"),
        }
    }
    checked.truncate(MOST_ADDRESSES);
    if checked.is_empty() {
        return Err(FetchError::NoPublicAddress { host: target.host.clone() });
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_authorities_are_trusted_by_default() {
        assert!(!SystemNetwork.certificate_roots().is_empty());
    }
}
