//! Connections: accept, TLS, HTTP/1.1 and HTTP/2, and an end that finishes what was accepted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::ServerError;
use crate::app::App;
use crate::settings::TlsFiles;

/// The time for a request's head, and of an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);

/// The time for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Said on connections beyond the limit, which have no handler.
const FULL: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\nconnection: close\r\n\
content-type: application/json\r\ncontent-length: 134\r\n\r\n\
{\"error\":{\"message\":\"the server has as many connections as it may\",\"type\":\"rate_limit_error\",\"param\":null,\"code\":\"too_many_connections\"}}";

/// Serves connections until `stop` turns true, then those that are open.
pub(crate) struct Listener {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) connections: Arc<Semaphore>,
}

impl Listener {
    /// Accepts until the end begins; the open connections are finished by `graceful`.
    pub(crate) async fn accept(
        self: Arc<Self>,
        sockets: TcpListener,
        graceful: Arc<GracefulShutdown>,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            let accepted = tokio::select! {
                accepted = sockets.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((socket, _)) => self.clone().take(socket, graceful.watcher()),
                Err(error) => {
                    // Too many open files, most likely: wait for some to close.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn take(self: Arc<Self>, mut socket: TcpStream, watcher: Watcher) {
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            if self.tls.is_none() {
                tokio::spawn(async move {
                    let _gone = socket.write_all(FULL).await;
                    let _gone = socket.shutdown().await;
                });
            }
            return;
        };
        tokio::spawn(async move {
            let _permit = permit;
            let _no_delay = socket.set_nodelay(true);
            self.app.metrics.connections.inc();
            match &self.tls {
                None => self.serve(socket, watcher).await,
                Some(acceptor) => {
                    let handshake =
                        tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket));
                    if let Ok(Ok(socket)) = handshake.await {
                        self.serve(socket, watcher).await;
                    }
                }
            }
            self.app.metrics.connections.dec();
        });
    }

    async fn serve<S>(&self, socket: S, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(HEAD_TIMEOUT)
            .max_concurrent_streams(256);
        let service = TowerToHyperService::new(self.router.clone());
        let connection = builder.serve_connection(TokioIo::new(socket), service).into_owned();
        // How a client ends a connection is its own affair.
        let _ended = watcher.watch(connection).await;
    }
}

/// Binds an address.
///
/// # Errors
/// When it is in use or not this machine's.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Bind { address, source })
}

/// Reads a certificate and its key.
///
/// # Errors
/// When a file cannot be read or the two do not fit.
pub(crate) fn tls(files: &TlsFiles) -> Result<TlsAcceptor, ServerError> {
    let unusable = |error: String| ServerError::Tls(error);
    let certificates = CertificateDer::pem_slice_iter(&fs_err::read(&files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(format!("{}: {error}", files.certificate.display())))?;
    let key = PrivateKeyDer::from_pem_slice(&fs_err::read(&files.key)?)
        .map_err(|error| unusable(format!("{}: {error}", files.key.display())))?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| unusable(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Waits for the operator's word to stop: an interrupt, or a polite kill.
pub(crate) async fn told_to_stop() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    {
        tokio::signal::ctrl_c().await
    }
}
