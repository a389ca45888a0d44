//! Connections: accept, TLS, HTTP/1.1 and HTTP/2, and an end that finishes what was accepted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::ServerError;
use crate::app::App;
use crate::settings::TlsFiles;
use crate::wire::{Activity, NotedBody, Wire};

/// The time for a request's head, and of a connection on which nothing happens.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// The time for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections beyond the limit that are answered at a time; any more are closed without a word.
pub(crate) const TURNED_AWAY_AT_ONCE: usize = 64;

/// The longest that a connection beyond the limit takes.
const TURNED_AWAY_TIMEOUT: Duration = Duration::from_secs(35);

/// Serves connections until `stop` turns true, then those that are open.
pub(crate) struct Listener {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) connections: Arc<Semaphore>,
    /// Answers connections beyond the limit.
    pub(crate) full: Router,
    pub(crate) turned_away: Arc<Semaphore>,
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

    fn take(self: Arc<Self>, socket: TcpStream, watcher: Watcher) {
        let _no_delay = socket.set_nodelay(true);
        if let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() {
            tokio::spawn(async move {
                let _open = Open::new(&self.app);
                self.shake_hands(socket, watcher, &self.router).await;
                drop(permit);
            });
        } else if let Ok(permit) = Arc::clone(&self.turned_away).try_acquire_owned() {
            tokio::spawn(async move {
                let answer = self.shake_hands(socket, watcher, &self.full);
                let _in_time = tokio::time::timeout(TURNED_AWAY_TIMEOUT, answer).await;
                drop(permit);
            });
        }
    }

    async fn shake_hands(&self, socket: TcpStream, watcher: Watcher, router: &Router) {
        let Some(acceptor) = &self.tls else {
            return serve(socket, watcher, router).await;
        };
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket));
        if let Ok(Ok(socket)) = handshake.await {
            serve(socket, watcher, router).await;
        }
    }
}

/// Counts a connection until it is dropped.
struct Open<'a>(&'a App);

impl<'a> Open<'a> {
    fn new(app: &'a App) -> Self {
        app.metrics.connections.inc();
        Self(app)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}

/// Answers the requests of a connection until either side ends it or nothing happens on it any more.
async fn serve<S>(socket: S, watcher: Watcher, router: &Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(256);
    let activity = Activity::new();
    let router = TowerToHyperService::new(router.clone());
    let noted = Arc::clone(&activity);
    let service = service_fn(move |request: Request<Incoming>| {
        let answering = noted.answering();
        let request = request.map(|body| NotedBody::new(body, Arc::clone(&noted)));
        let answer = router.call(request);
        async move {
            let answer = answer.await;
            drop(answering);
            answer
        }
    });
    let wire = TokioIo::new(Wire::new(socket, Arc::clone(&activity)));
    let connection = builder.serve_connection(wire, service).into_owned();
    // The protocol's own timers begin only when the client has said which protocol it speaks.
    tokio::select! {
        // How a client ends a connection is its own affair.
        _ended = watcher.watch(connection) => {}
        () = activity.rested(IDLE_TIMEOUT) => {}
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

/// The operator's word to stop: an interrupt, or a polite kill. None that comes after [`listen`](Self::listen) is lost.
pub(crate) struct StopSignals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl StopSignals {
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Waits for the next one.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        let _word = tokio::signal::ctrl_c().await;
    }
}

#[cfg(test)]
mod tests {
    use hyper_util::server::graceful::GracefulShutdown;
    use tokio::io::AsyncWriteExt;
    use tokio::time::Instant;

    use super::*;

    /// How long a connection lives on which a client says only this.
    async fn life(said: &[u8]) -> Duration {
        let graceful = GracefulShutdown::new();
        let (mut client, server) = tokio::io::duplex(1000);
        client.write_all(said).await.unwrap();
        let begin = Instant::now();
        serve(server, graceful.watcher(), &Router::new()).await;
        begin.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_or_stops_in_the_middle_does_not_keep_its_place() {
        for said in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /", "GET / HTTP/1.1\r\n\r\n"]
        {
            let life = life(said.as_bytes()).await;
            assert!(life >= IDLE_TIMEOUT && life <= 2 * IDLE_TIMEOUT, "{said:?}: {life:?}");
        }
    }
}
