//! Why a picture was not fetched.
//!
//! A message is shown to whoever sent the URL, so it names what they named (a host, a port) and the
//! limit, and never an address: a name that does not exist and a name that leads inside read alike.

use std::time::Duration;

use pixels::PixelsError;

/// The class of a [`FetchError`], for status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// Fetching is switched off (400).
    Off,
    /// The URL, or one it redirects to, is not fetched by this installation (400).
    Refused,
    /// The other server could not be reached or gave no usable answer (422).
    Failed,
    /// The picture has too many bytes (413).
    TooLarge,
    /// The content is no picture that is read (415).
    NotAnImage,
    /// The other server was too slow (422).
    TimedOut,
}

/// Why a URL did not become bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// [`Access::Off`](super::Access::Off).
    #[error("image URLs are not fetched here: send the image as base64 data")]
    Off,
    /// The text is no URL with a host.
    #[error("not a usable image URL: {problem}")]
    Invalid {
        /// What is wrong with it.
        problem: String,
    },
    /// The URL is too long.
    #[error("the image URL is {bytes} bytes; the limit is {limit} bytes")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Neither HTTP nor HTTPS.
    #[error("image URLs begin with http:// or https://, not with {scheme}:")]
    Scheme {
        /// What it begins with.
        scheme: String,
    },
    /// A user name or a password stands before the host.
    #[error("image URLs must not have a user name or a password")]
    Credentials,
    /// A port other than those of the web.
    #[error("port {port} is not fetched from: only 80 and 443 are")]
    Port {
        /// The port.
        port: u16,
    },
    /// The host is not among the allowed ones.
    #[error("the host {host} is not among those that images are fetched from here")]
    HostNotAllowed {
        /// The host.
        host: String,
    },
    /// The host does not exist, or only inside.
    #[error("the host {host} has no public address")]
    NoPublicAddress {
        /// The host.
        host: String,
    },
    /// One redirect after another.
    #[error("{host} redirects once more after {limit} redirects, the limit")]
    TooManyRedirects {
        /// The host that gave the last one.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// No connection.
    #[error("could not connect to {host} at port {port}")]
    Connect {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// No trusted connection.
    #[error("no secure connection with {host}: {problem}")]
    Tls {
        /// The host.
        host: String,
        /// What was wrong.
        problem: String,
    },
    /// Another status than 200.
    #[error("{host} answered with status {status}")]
    Status {
        /// The host.
        host: String,
        /// The HTTP status code.
        status: u16,
    },
    /// The answer is compressed although none such was asked for. Unpacking is refused: a few bytes
    /// could become any number.
    #[error("{host} sends the image with a content-encoding; only plain answers are read")]
    Encoded {
        /// The host.
        host: String,
    },
    /// The answer breaks off or is not HTTP.
    #[error("the answer of {host} is broken: {problem}")]
    Broken {
        /// The host.
        host: String,
        /// What was wrong.
        problem: String,
    },
    /// More bytes than [`FetchPolicy::most_bytes`](super::FetchPolicy::most_bytes), announced or sent.
    #[error("the image at {host} is larger than {limit} bytes, the limit")]
    TooLarge {
        /// The host.
        host: String,
        /// The limit.
        limit: u64,
    },
    /// The first bytes belong to no picture that is read, whatever the answer calls itself.
    #[error("from {host}: {source}")]
    NotAnImage {
        /// The host.
        host: String,
        /// What `pixels` says about them.
        source: PixelsError,
    },
    /// A deadline has passed.
    #[error("{what} {host} took longer than {} seconds, the limit", limit.as_secs_f64())]
    TimedOut {
        /// What was being done.
        what: &'static str,
        /// The host.
        host: String,
        /// The limit.
        limit: Duration,
    },
}

impl FetchError {
    /// The class of the error, for status codes.
    pub fn kind(&self) -> FetchErrorKind {
        match self {
            Self::Off => FetchErrorKind::Off,
            Self::Invalid { .. }
            | Self::TooLong { .. }
            | Self::Scheme { .. }
            | Self::Credentials
            | Self::Port { .. }
            | Self::HostNotAllowed { .. }
            | Self::NoPublicAddress { .. } => FetchErrorKind::Refused,
            Self::TooManyRedirects { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Status { .. }
            | Self::Encoded { .. }
            | Self::Broken { .. } => FetchErrorKind::Failed,
            Self::TooLarge { .. } => FetchErrorKind::TooLarge,
            Self::NotAnImage { .. } => FetchErrorKind::NotAnImage,
            Self::TimedOut { .. } => FetchErrorKind::TimedOut,
        }
    }
}
