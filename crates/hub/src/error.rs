//! What can go wrong between here and a model folder.

/// Everything that can go wrong. Messages name the model, the file or the path, and what to do where that is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// The disk could not be read or written; the message has the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The text is no model id.
    #[error("{id:?} is not a model id: {problem}; it looks like org/name")]
    ModelId {
        /// What was given.
        id: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The text is no branch, tag or commit.
    #[error("{revision:?} is not a revision: {problem}")]
    Revision {
        /// What was given.
        revision: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The access token cannot be put into a request.
    #[error("the access token in {place} has characters that no token has")]
    Token {
        /// Where the token came from.
        place: String,
    },
    /// The endpoint or the proxy is no usable address.
    #[error("{address:?} is not an address of a server: {problem}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The model is not in the cache, and the network may not be used.
    #[error(
        "model {id} at revision {revision} is not complete in the cache, and the network is off (HF_HUB_OFFLINE)"
    )]
    Offline {
        /// The model.
        id: String,
        /// The revision.
        revision: String,
    },
    /// The server knows no such model, revision or file.
    #[error("{what} was not found on {endpoint}")]
    NotFound {
        /// The model with its revision, or the file.
        what: String,
        /// The server.
        endpoint: String,
    },
    /// The server does not let this user in.
    #[error(
        "{endpoint} refuses {what} (HTTP {status}): the model does not exist, or is gated or private; if it is, \
         accept its terms on its page and set HF_TOKEN to a token that may read it"
    )]
    Denied {
        /// The model with its revision, or the file.
        what: String,
        /// The server.
        endpoint: String,
        /// 401 or 403.
        status: u16,
    },
    /// The server answered something else than was asked for.
    #[error("{url}: HTTP {status}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status code.
        status: u16,
    },
    /// The server could not be reached, or the connection broke, and trying again did not help.
    #[error("{url}: {problem}")]
    Network {
        /// The address.
        url: String,
        /// What happened last.
        problem: String,
    },
    /// The server's answer makes no sense.
    #[error("{url}: {problem}")]
    Answer {
        /// The address.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The model has no weights that the program can read.
    #[error("model {id} has no {missing} at revision {revision}")]
    NoFile {
        /// The model.
        id: String,
        /// The revision.
        revision: String,
        /// What was looked for.
        missing: &'static str,
    },
    /// A download has another length than the server had announced.
    #[error("{file}: {found} bytes arrived, but {expected} were announced")]
    Length {
        /// The file.
        file: String,
        /// The announced length in bytes.
        expected: u64,
        /// The length in bytes that arrived; where more than announced arrived, as far as was read.
        found: u64,
    },
    /// A download has another hash than the server had announced; it was deleted.
    #[error("{file}: the hash is {found}, but {expected} was announced; the download was deleted")]
    Hash {
        /// The file.
        file: String,
        /// The announced hash.
        expected: String,
        /// The hash of what arrived.
        found: String,
    },
}

impl HubError {
    /// Whether the same request may succeed when it is sent again.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Network { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
            _ => false,
        }
    }
}
