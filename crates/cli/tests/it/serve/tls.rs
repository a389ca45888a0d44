//! The same over TLS, in both versions of the protocol.

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::client::{Connection, Request};
use super::server::Server;
use super::{PATIENCE, base64, eventually};
use crate::tiny::Tiny;

/// An authority of its own for `localhost`.
struct Certificate {
    folder: TempDir,
    der: CertificateDer<'static>,
}

impl Certificate {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let pem = |kind: &str, bytes: &[u8]| {
            format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", base64(bytes))
        };
        let der = made.cert.der().clone();
        fs_err::write(folder.path().join("cert.pem"), pem("CERTIFICATE", &der)).unwrap();
        let key = pem("PRIVATE KEY", &made.signing_key.serialize_der());
        fs_err::write(folder.path().join("key.pem"), key).unwrap();
        Self { folder, der }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn serve(&self, tiny: &Tiny, arguments: &[&str]) -> Server {
        let (certificate, key) = (self.file("cert.pem"), self.file("key.pem"));
        let model = format!("tiny={}", tiny.path().display());
        let run = crate::program::Run::new(["serve", "--model", &model]);
        let run = arguments.iter().fold(run, crate::program::Run::argument);
        let run = run.argument("--tls-cert").argument(certificate);
        Server::start(run.argument("--tls-key").argument(key))
    }

    /// A client that speaks one version of the protocol.
    fn client(&self, protocol: &str) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Arc::new(config)
    }

    fn connect(&self, server: &Server) -> Connection<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(self.client("http/1.1"), name).unwrap();
        let socket = TcpStream::connect(&server.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection::over(StreamOwned::new(tls, socket))
    }
}

fn is_ready(certificate: &Certificate, server: &Server) {
    eventually("the server is ready", || {
        certificate.connect(server).ask(&Request::get("/ready")).is_ok_and(|it| it.status == 200)
    });
}

#[test]
fn both_versions_of_the_protocol_give_the_same_answer() {
    let (tiny, certificate) = (Tiny::new(), Certificate::new());
    let server = certificate.serve(&tiny, &[]);
    is_ready(&certificate, &server);
    let body = json!({ "input": ["a text", "another"] });
    let request = Request::post("/v1/embeddings", &body);
    let mut connection = certificate.connect(&server);
    let first = connection.ask(&request).unwrap().with_status(200).json();
    let again = connection.ask(&request).unwrap().with_status(200).json();
    assert_eq!(first, again);
    let config = certificate.client("h2");
    assert_eq!(over_h2(config, &server.address, &body), vec![first; 20]);
}

/// The answers to twenty requests at once on one connection.
#[tokio::main(flavor = "current_thread")]
async fn over_h2(config: Arc<ClientConfig>, address: &str, body: &Value) -> Vec<Value> {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = tokio_rustls::TlsConnector::from(config).connect(name, socket).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let executor = TokioExecutor::new();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for _ in 0..20 {
        let mut sender = sender.clone();
        let request = hyper::Request::post(format!("https://{address}/v1/embeddings"))
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        answers.push(tokio::spawn(async move {
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.status(), 200);
            assert!(answer.headers().contains_key("x-request-id"));
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            serde_json::from_slice(&body).unwrap()
        }));
    }
    let mut replies = Vec::new();
    for answer in answers {
        replies.push(answer.await.unwrap());
    }
    replies
}

#[test]
fn connections_beyond_the_limit_are_told_to_come_again_over_tls_too() {
    let (tiny, certificate) = (Tiny::new(), Certificate::new());
    let server = certificate.serve(&tiny, &["--max-connections=1"]);
    is_ready(&certificate, &server);
    let health = Request::get("/health");
    let mut inside = certificate.connect(&server);
    eventually("the only place is ours", || {
        inside = certificate.connect(&server);
        inside.ask(&health).is_ok_and(|answer| answer.status == 200)
    });
    let answer = certificate.connect(&server).ask(&health).unwrap().with_status(429);
    assert_eq!(answer.code(), "too_many_connections");
    inside.ask(&health).unwrap().with_status(200);
}

#[test]
fn a_client_that_does_not_speak_tls_and_one_that_leaves_hurt_nobody() {
    let (tiny, certificate) = (Tiny::new(), Certificate::new());
    let server = certificate.serve(&tiny, &[]);
    is_ready(&certificate, &server);
    for _ in 0..20 {
        assert!(server.connect().ask(&Request::get("/health")).is_err());
        drop(server.connect());
    }
    is_ready(&certificate, &server);
}
