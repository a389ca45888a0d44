//! A small internet without a wire: names have the addresses that a test gives them, and a connection
//! to an address reaches a server of the test on the loopback. The code under test sees ordinary
//! public addresses and the ports of the web, so the rules of production hold.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use server::fetch::{CheckedAddress, Network};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto, pki_types::PrivateKeyDer};

/// Public addresses for the servers of a test.
pub const FIRST: &str = "93.184.215.14";
pub const SECOND: &str = "151.101.1.69";
pub const SIXTH: &str = "2606:2800:220:1::14";

/// What a server does once it has read a request, and then closes the connection.
#[derive(Clone)]
pub enum Reply {
    /// Sends these bytes.
    Bytes(Vec<u8>),
    /// Sends the first bytes, then the second again and again until the other side goes away.
    Endless { start: Vec<u8>, again: Vec<u8>, pause: Duration },
    /// Sends these bytes after a pause.
    Late { pause: Duration, bytes: Vec<u8> },
    /// Sends these bytes and then nothing, without closing.
    Hold(Vec<u8>),
}

impl Reply {
    /// A whole answer with its length announced. `fields` are lines with their ends.
    pub fn with(status: &str, fields: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\n\r\n");
        Self::Bytes([head.as_bytes(), body].concat())
    }

    pub fn redirect(location: &str) -> Self {
        Self::with("302 Found", &format!("location: {location}\r\n"), b"")
    }

    /// Whatever the text and the body say.
    pub fn raw(head: &str, body: &[u8]) -> Self {
        Self::Bytes([head.as_bytes(), body].concat())
    }
}

/// An encoded picture as far as a fetch looks at it.
pub fn picture() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend((0..2000_u32).map(|at| (at % 251) as u8));
    bytes
}

/// A server of a test: replies in order, the last one again and again.
#[derive(Clone)]
pub struct Site {
    local: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Site {
    pub async fn serving(replies: Vec<Reply>) -> Self {
        Self::start(replies, None).await
    }

    /// A site with a certificate that it signed itself, for `name`; the certificate is for
    /// [`Web::trust`].
    pub async fn secure(name: &str, replies: Vec<Reply>) -> SecureSite {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        SecureSite { site: Self::start(replies, Some(acceptor)).await, roots }
    }

    async fn start(replies: Vec<Reply>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut replies = VecDeque::from(replies);
            while let Ok((stream, _)) = listener.accept().await {
                let reply = match replies.len() {
                    1 => replies[0].clone(),
                    _ => replies.pop_front().expect("a site has a reply"),
                };
                let (seen, tls) = (Arc::clone(&seen), tls.clone());
                // The other side may go away at any time: that is what many tests are about.
                tokio::spawn(async move {
                    match tls {
                        None => answer(stream, reply, &seen).await,
                        Some(tls) => answer(tls.accept(stream).await?, reply, &seen).await,
                    }
                });
            }
        });
        Self { local, requests }
    }

    /// The heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Where it really listens.
    pub fn local(&self) -> SocketAddr {
        self.local
    }
}

pub struct SecureSite {
    pub site: Site,
    pub roots: RootCertStore,
}

async fn answer<S>(mut stream: S, reply: Reply, seen: &Mutex<Vec<String>>) -> io::Result<()>
where
    S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    seen.lock().unwrap().push(String::from_utf8(head).unwrap());
    match reply {
        Reply::Bytes(bytes) => stream.write_all(&bytes).await?,
        Reply::Endless { start, again, pause } => {
            stream.write_all(&start).await?;
            loop {
                stream.write_all(&again).await?;
                stream.flush().await?;
                tokio::time::sleep(pause).await;
            }
        }
        Reply::Late { pause, bytes } => {
            tokio::time::sleep(pause).await;
            stream.write_all(&bytes).await?;
        }
        Reply::Hold(bytes) => {
            stream.write_all(&bytes).await?;
            stream.flush().await?;
            // Ends when the other side closes.
            stream.read_u8().await?;
        }
    }
    stream.shutdown().await
}

/// Names, addresses and the servers behind them.
#[derive(Default)]
pub struct Web {
    /// The answers to one lookup after another, the last one again and again; without any, a lookup
    /// never ends.
    names: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    sites: HashMap<SocketAddr, SocketAddr>,
    silent: Vec<SocketAddr>,
    roots: Option<Arc<RootCertStore>>,
    lookups: Mutex<Vec<String>>,
    dialled: Mutex<Vec<SocketAddr>>,
}

impl Web {
    pub fn name(self, name: &str, addresses: &[&str]) -> Self {
        self.changing_name(name, &[addresses])
    }

    pub fn changing_name(self, name: &str, answers: &[&[&str]]) -> Self {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        let answers = answers.iter().map(parse).collect();
        self.names.lock().unwrap().insert(name.to_owned(), answers);
        self
    }

    pub fn site(mut self, address: &str, port: u16, site: &Site) -> Self {
        self.sites.insert(SocketAddr::new(address.parse().unwrap(), port), site.local);
        self
    }

    /// Nobody ever answers there, not even with a refusal.
    pub fn silent(mut self, address: &str, port: u16) -> Self {
        self.silent.push(SocketAddr::new(address.parse().unwrap(), port));
        self
    }

    pub fn trust(mut self, roots: RootCertStore) -> Self {
        self.roots = Some(Arc::new(roots));
        self
    }

    fn next_answer(&self, host: &str) -> io::Result<Option<Vec<IpAddr>>> {
        let mut names = self.names.lock().unwrap();
        let answers = names.get_mut(host).ok_or(io::ErrorKind::NotFound)?;
        Ok(match answers.len() {
            1 => answers.front().cloned(),
            _ => answers.pop_front(),
        })
    }

    /// Every address that a connection was asked for, in order.
    pub fn dialled(&self) -> Vec<String> {
        self.dialled.lock().unwrap().iter().map(ToString::to_string).collect()
    }

    /// Every name that was looked up, in order.
    pub fn lookups(&self) -> Vec<String> {
        self.lookups.lock().unwrap().clone()
    }
}

impl Network for Web {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            self.lookups.lock().unwrap().push(host.to_owned());
            match self.next_answer(host)? {
                Some(answer) => Ok(answer),
                None => std::future::pending().await,
            }
        })
    }

    fn connect(&self, to: CheckedAddress) -> BoxFuture<'_, io::Result<TcpStream>> {
        Box::pin(async move {
            self.dialled.lock().unwrap().push(to.get());
            if self.silent.contains(&to.get()) {
                std::future::pending::<()>().await;
            }
            let local = self.sites.get(&to.get()).ok_or(io::ErrorKind::ConnectionRefused)?;
            // A wire has a length: who leaves no time for it does not get through.
            tokio::time::sleep(Duration::from_millis(5)).await;
            TcpStream::connect(local).await
        })
    }

    fn certificate_roots(&self) -> Arc<RootCertStore> {
        self.roots.clone().unwrap_or_else(|| Arc::new(RootCertStore::empty()))
    }
}
