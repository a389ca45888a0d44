//! One request over one connection of its own.
//!
//! Nothing is kept between requests: no pool, no cookies, no cache, so that no caller's fetch
//! depends on another's.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::error::FetchError;
use super::network::{CheckedAddress, Network};
use super::target::{Security, Target};

/// Most bytes of an answer's head. Ordinary heads have a few thousand.
const MOST_HEAD_BYTES: usize = 64 << 10;

const USER_AGENT: &str = concat!("polysight/", env!("CARGO_PKG_VERSION"));

/// The formats that `pixels` reads, so that a server which has several picks one of them.
const ACCEPT: &str = "image/jpeg, image/png, image/webp, image/gif, image/bmp, image/tiff";

/// The head of an answer, and the body as far as it is asked for.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    /// Reads from the socket; ends when the answer is dropped.
    _driver: JoinSet<()>,
}

/// TLS that trusts `roots` and speaks HTTP/1.1.
pub(super) fn tls(roots: Arc<RootCertStore>) -> TlsConnector {
    let mut config =
        ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// Connects to the first of `addresses` that answers and asks for `target`.
///
/// # Errors
/// [`FetchError::Connect`], [`FetchError::Tls`], [`FetchError::TimedOut`] within `limit`, and
/// [`FetchError::Broken`].
pub(super) async fn ask(
    target: &Target,
    addresses: &[CheckedAddress],
    network: &dyn Network,
    tls: &TlsConnector,
    limit: Duration,
) -> Result<Answer, FetchError> {
    let end = Instant::now() + limit;
    let late = || FetchError::TimedOut { what: "connecting to", host: target.host.clone(), limit };
    let stream = dial(target, addresses, network, end).await?.ok_or_else(late)?;
    match target.security {
        Security::Plain => exchange(target, stream).await,
        Security::Tls => {
            let refused = |problem: String| FetchError::Tls { host: target.host.clone(), problem };
            let name = server_name(target).map_err(|problem| refused(problem.to_owned()))?;
            let stream = timeout_at(end, tls.connect(name, stream))
                .await
                .map_err(|_| late())?
                .map_err(|error| refused(error.to_string()))?;
            exchange(target, stream).await
        }
    }
}

/// Tries one address after the other, each for an equal share of the time that is left, so that a
/// dead one leaves time for the next. `None`: the time is over.
async fn dial(
    target: &Target,
    addresses: &[CheckedAddress],
    network: &dyn Network,
    end: Instant,
) -> Result<Option<TcpStream>, FetchError> {
    let mut was_late = false;
    for (tried, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - tried).expect("few addresses");
        let share = end.saturating_duration_since(Instant::now()) / left;
        match timeout(share, network.connect(*address)).await {
            Ok(Ok(stream)) => return Ok(Some(stream)),
            Ok(Err(error)) => {
                tracing::debug!(host = target.host, address = %address.get(), %error, "no connection");
            }
            Err(_) => was_late = true,
        }
    }
    if was_late {
        return Ok(None);
    }
    Err(FetchError::Connect { host: target.host.clone(), port: target.port })
}

fn server_name(target: &Target) -> Result<ServerName<'static>, &'static str> {
    match target.address {
        Some(address) => Ok(ServerName::from(address)),
        None => ServerName::try_from(target.host.clone())
            .map_err(|_| "the host is no name that a certificate can have"),
    }
}

async fn exchange<S>(target: &Target, stream: S) -> Result<Answer, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| broken(&target.host, &error);
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MOST_HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // Whoever reads the answer gets the same error.
        let _ = connection.await;
    });
    let response = sender.send_request(request(target)?).await.map_err(broken)?;
    Ok(Answer { response, _driver: driver })
}

fn request(target: &Target) -> Result<Request<Empty<Bytes>>, FetchError> {
    Request::get(target.path_and_query())
        .header(header::HOST, target.authority())
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, ACCEPT)
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::CONNECTION, "close")
        .body(Empty::new())
        .map_err(|error| FetchError::Invalid { problem: error.to_string() })
}

/// An error of the connection with its causes, in one line.
pub(super) fn broken(host: &str, error: &hyper::Error) -> FetchError {
    let mut problem = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(problem, ": {error}").expect("a string takes everything");
        cause = error.source();
    }
    FetchError::Broken { host: host.to_owned(), problem }
}
