//! What the operator decides, as plain values; the command line reads flags, variables and the file.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use index::IndexServer;
use sha2::{Digest, Sha256};

use crate::fetch::FetchPolicy;

/// Everything that a server is told when it starts.
#[derive(Debug)]
pub struct Settings {
    /// Where to listen: every address that the host's name stands for.
    pub addresses: Vec<SocketAddr>,
    /// The served models; the first answers requests that name none.
    pub models: Vec<ModelSpec>,
    /// When models are loaded.
    pub loading: Loading,
    /// A model that is unused for so long gives its memory back.
    pub idle_timeout: Option<Duration>,
    /// Bytes of weights that may be loaded together; beyond it the least recently used model goes.
    pub model_memory: Option<u64>,
    /// Who may call.
    pub auth: Auth,
    /// Where people's things are; without it none are kept.
    pub archive: Option<ArchiveSettings>,
    /// Certificate and key, both PEM; without them the server speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Origins whose pages may call; `*` is every one.
    pub cors_origins: Vec<String>,
    /// Which URLs of pictures are fetched.
    pub fetch: FetchPolicy,
    /// What one request may hold.
    pub limits: Limits,
    /// What may wait.
    pub admission: Admission,
    /// Bytes of vectors that are kept.
    pub caches: CacheSizes,
    /// The longest time from a request's head to its answer.
    pub request_timeout: Duration,
    /// A body that stops coming for so long is given up.
    pub body_timeout: Duration,
    /// How long a stopping server waits for the requests that it accepted.
    pub shutdown_timeout: Duration,
    /// What each key may do in a minute.
    pub rates: Rates,
    /// Lines of batches that are worked on at once; 0 leaves batches to other processes.
    pub batch_lines: usize,
    /// Categories of `/v1/moderations` beside or instead of the built-in ones.
    pub moderation: Vec<ModerationCategory>,
}

/// A model to serve.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// What requests call it.
    pub id: String,
    /// What requests may also call it.
    pub aliases: Vec<String>,
    /// What people should know of it; may be empty.
    pub description: String,
    /// A folder as Hugging Face lays it out.
    pub folder: PathBuf,
    /// How it computes.
    pub options: model::Options,
}

/// When models are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loading {
    /// Before the server is ready.
    AtStart,
    /// When a request first names them.
    AtFirstUse,
}

/// Who may call the API.
#[derive(Debug, Default)]
pub enum Auth {
    /// Everyone who reaches the address.
    #[default]
    Open,
    /// Whoever shows one of these keys.
    Keys(Vec<ApiKey>),
    /// Whoever has a key of an account, which pays.
    Accounts(Box<AccountSettings>),
}

/// Where accounts and people's things are. Without accounts nothing is opened before somebody needs it.
#[derive(Clone, Debug)]
pub struct ArchiveSettings {
    /// The database.
    pub location: store::Location,
    /// The folder of what is too large for it.
    pub folder: Option<PathBuf>,
    /// Where the bytes of files are; without it the folder `files` in that folder.
    pub storage: Option<Storage>,
    /// Where the vectors of new vector stores are; without it in the database, where that can, else in that folder.
    pub vectors: Option<Arc<dyn IndexServer>>,
}

/// Where the bytes of files are.
#[derive(Clone, Debug)]
pub enum Storage {
    /// A folder.
    Folder(PathBuf),
    /// A bucket that speaks S3.
    #[cfg(feature = "s3")]
    Bucket(Box<store::Bucket>),
}

/// How people get an account, and what their keys are hashed with. They are in the archive.
#[derive(Debug)]
pub struct AccountSettings {
    /// What keys are hashed with.
    pub pepper: store::Pepper,
    /// How people sign up; `None`: only the operator makes accounts.
    pub sign_up: Option<SignUp>,
    /// The server that sends e-mail, `smtps://USER:PASSWORD@HOST`; without it links go to the log.
    pub smtp: Option<Smtp>,
}

/// How e-mail is sent.
#[derive(Clone)]
pub struct Smtp {
    /// `smtp://` or `smtps://`, with user and password.
    pub url: String,
    /// The sender's address.
    pub from: String,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Smtp(from {})", self.from)
    }
}

/// How people make an account by themselves, with an e-mail address.
#[derive(Clone, Debug)]
pub struct SignUp {
    /// What a new account gets.
    pub free_credit: ledger::MicroDollars,
    /// Where links lead: the address under which people reach the server.
    pub public_url: String,
}

/// A static key, of which only the SHA-256 is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey([u8; 32]);

impl ApiKey {
    /// From the plain text.
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(..)")
    }
}

/// Files of a certificate.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain, PEM, the server's own first.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// What one request may hold.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a body.
    pub body: u64,
    /// Bytes of an encoded picture.
    pub image_bytes: u64,
    /// Width times height of a picture.
    pub image_pixels: u64,
    /// Inputs of a request.
    pub inputs: usize,
    /// Candidate labels of a request.
    pub labels: usize,
    /// Bytes of an uploaded file.
    pub file: u64,
    /// Bytes of all files of an account; `None`: any.
    pub files_of_owner: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 64 << 20,
            image_bytes: 20 << 20,
            image_pixels: 64_000_000,
            inputs: 2048,
            labels: 10_000,
            file: 512 << 20,
            files_of_owner: Some(10 << 30),
        }
    }
}

/// What may wait in the server before newcomers are told to come again.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Pixels of pictures that are not embedded yet.
    pub pixels: u64,
    /// How long an input may have to wait for the engine, by what waits before it.
    pub time: Duration,
    /// Bytes of bodies in memory.
    pub bytes: u64,
    /// Open connections.
    pub connections: usize,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            pixels: 256_000_000,
            time: Duration::from_secs(20),
            bytes: 1 << 30,
            connections: 1024,
        }
    }
}

/// Bytes of vectors that are kept.
#[derive(Clone, Debug)]
pub struct CacheSizes {
    /// Vectors of labels.
    pub labels: u64,
    /// Vectors of pictures, by the SHA-256 of their bytes.
    pub images: u64,
}

impl Default for CacheSizes {
    fn default() -> Self {
        Self { labels: 64 << 20, images: 64 << 20 }
    }
}

/// What each key may do in a minute.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Requests.
    pub requests_per_minute: u32,
    /// Pictures.
    pub images_per_minute: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { requests_per_minute: 1_000_000, images_per_minute: 1_000_000 }
    }
}

/// A category of the moderation policy.
#[derive(Clone, Debug, PartialEq)]
pub struct ModerationCategory {
    /// As it stands in the reply, `violence/graphic`.
    pub name: String,
    /// Sentences that describe such a picture; without any the category is never flagged.
    pub prompts: Vec<String>,
    /// The probability, 0 to 1, from which it is flagged.
    pub threshold: f32,
}
