//! Fetching the pictures that callers name by URL, without becoming their way into this network.
//!
//! A URL is somebody else's wish about where this machine connects to. The fence around it:
//!
//! 1. [`FetchPolicy`] can switch fetching off, or limit it to named hosts.
//! 2. A URL is HTTP or HTTPS, at port 80 or 443, without credentials.
//! 3. The host is resolved once. Addresses that are not [public](address::is_public) are dropped, and
//!    the connection goes to one of those that remain, not to the name.
//! 4. Redirects (at most [`MOST_REDIRECTS`]) are followed here, each through steps 1 to 3 again.
//! 5. There is no proxy, no pool of connections, no cookie, no decompression.
//! 6. One deadline ends everything, however slowly the bytes drip; the bytes are counted, first as
//!    announced, then as they come; the head of an answer is limited too.
//! 7. The first bytes must be those of a picture, whatever the content type says.
//! 8. Errors do not tell what a name resolved to, nor whether it exists inside.
//!
//! How many fetches run at once is the caller's business.

pub mod address;
mod body;
mod connection;
mod error;
mod network;
mod policy;
mod target;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub use error::{FetchError, FetchErrorKind};
pub(crate) use network::LOOKUPS_AT_ONCE;
pub use network::{CheckedAddress, Network, SystemNetwork};
pub use policy::{Access, Addresses, FetchPolicy, HostPattern, HostPatternError};

use connection::Answer;
use target::Target;

/// Most redirects of one fetch.
pub const MOST_REDIRECTS: usize = 5;

/// Fetches pictures within a [`FetchPolicy`]. Cheap to clone.
#[derive(Clone)]
pub struct Fetcher {
    policy: Arc<FetchPolicy>,
    network: Arc<dyn Network>,
    tls: TlsConnector,
}

impl Fetcher {
    /// A fetcher on the network of this machine.
    pub fn new(policy: FetchPolicy) -> Self {
        Self::on(Arc::new(SystemNetwork), policy)
    }

    /// A fetcher on another network. The policy holds there as well.
    pub fn on(network: Arc<dyn Network>, policy: FetchPolicy) -> Self {
        let tls = connection::tls(network.certificate_roots());
        Self { policy: Arc::new(policy), network, tls }
    }

    /// The encoded picture at `url`: not decoded, but begun like one. Dropping the future closes the
    /// connection.
    ///
    /// # Errors
    /// Any [`FetchError`]; its [kind](FetchError::kind) says whose fault it is.
    pub async fn fetch(&self, url: &str) -> Result<Bytes, FetchError> {
        if self.policy.access == Access::Off {
            return Err(FetchError::Off);
        }
        let target = Target::of(url, &self.policy)?;
        let host = target.host.clone();
        let limit = self.policy.deadline;
        let late = FetchError::TimedOut { what: "fetching from", host, limit };
        timeout(limit, self.follow(target)).await.unwrap_or(Err(late))
    }

    async fn follow(&self, mut target: Target) -> Result<Bytes, FetchError> {
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.ask(&target).await?;
            match answer.response.status() {
                StatusCode::OK => {
                    return body::read(answer, &target.host, self.policy.most_bytes).await;
                }
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT => {
                    let location = location(&answer, &target)?;
                    target = target.redirected(location, &self.policy)?;
                }
                status => {
                    return Err(FetchError::Status { host: target.host, status: status.as_u16() });
                }
            }
        }
        Err(FetchError::TooManyRedirects { host: target.host, limit: MOST_REDIRECTS })
    }

    async fn ask(&self, target: &Target) -> Result<Answer, FetchError> {
        let network = &*self.network;
        let addresses = network::locate(target, network, &self.policy).await?;
        let limit = self.policy.connect_deadline;
        connection::ask(target, &addresses, network, &self.tls, limit).await
    }
}

/// Where a redirect leads to, as it says.
fn location<'a>(answer: &'a Answer, target: &Target) -> Result<&'a str, FetchError> {
    let value = answer.response.headers().get(header::LOCATION).map(HeaderValue::as_bytes);
    value.and_then(|value| str::from_utf8(value).ok()).ok_or_else(|| FetchError::Broken {
        host: target.host.clone(),
        problem: "a redirect to nowhere".to_owned(),
    })
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Fetcher").field("policy", &self.policy).finish_non_exhaustive()
    }
}
