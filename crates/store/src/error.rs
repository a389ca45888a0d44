//! What a database can answer instead of a result.

use ledger::Refusal;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database does not answer, or not as expected.
    #[error("the database: {0}")]
    Database(Box<dyn std::error::Error + Send + Sync>),
    /// Its tables are of another version of the program.
    #[error("the database's tables are not those of this version: {0}; run `polysight migrate`")]
    Version(String),
    /// The location makes no sense.
    #[error("{0}")]
    Location(String),
    /// A file of the data folder.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// There is no such thing, or it is another account's.
    #[error("there is no {what} {id:?}")]
    Missing {
        /// `account`, `key`, `label set`.
        what: &'static str,
        /// As it was asked for.
        id: String,
    },
    /// There are as many as there may be.
    #[error("the limit of {limit} {what} is reached")]
    Full {
        /// `label sets of an account`.
        what: &'static str,
        /// How many there may be.
        limit: i64,
    },
    /// Another account has it.
    #[error("there is an account with the e-mail address {0:?} already")]
    EmailTaken(String),
    /// A value that cannot be stored.
    #[error("{0}")]
    Invalid(String),
    /// The credit or the cap does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The key is disabled, expired or deleted, or its account is disabled.
    #[error("the key {0} is not usable any more")]
    Unusable(String),
    /// The key's pictures of this minute are used up.
    #[error("the key's limit of {limit} images a minute is used up")]
    Images {
        /// A minute's pictures.
        limit: u32,
        /// Until enough are there again.
        seconds: f64,
    },
    /// A call with the same idempotency key is being worked on.
    #[error("a call with this Idempotency-Key is being worked on")]
    InFlight,
    /// The call was answered before, and this is the answer.
    #[error("this was answered before")]
    Answered(Box<crate::StoredAnswer>),
    /// The idempotency key was used for something else.
    #[error("this Idempotency-Key was used for another request")]
    OtherQuestion,
    /// The hold was given back, because its process seemed dead.
    #[error("the hold {0} was released before it was settled")]
    HoldLost(String),
    /// The link is unknown, used or expired.
    #[error("the link is not valid any more; ask for a new one")]
    LinkInvalid,
    /// Where the bytes of files are does not answer, or not as expected.
    #[error("the storage of files: {0}")]
    Storage(Box<dyn std::error::Error + Send + Sync>),
    /// The owner's files would take more than they may.
    #[error("the file has {needed} bytes; your files take {used} of {quota} already")]
    NoRoom {
        /// Bytes of the file.
        needed: u64,
        /// Bytes of the others.
        used: u64,
        /// Bytes of all together.
        quota: u64,
    },
    /// What was uploaded was given up, because its process seemed dead.
    #[error("the upload was given up, because the server seemed dead; try again")]
    UploadLost,
    /// The batch, its chunk or its line is another process's by now, or has its result.
    #[error("the work on the batch {0} is another's by now, or done")]
    BatchLost(String),
    /// Too many links for one address.
    #[error("too many links were asked for with this address; try again later")]
    TooManyLinks,
}

impl StoreError {
    /// Whether storage answered, and has no such object.
    pub fn is_missing_object(&self) -> bool {
        matches!(self, Self::Storage(error) if matches!(error.downcast_ref(), Some(object_store::Error::NotFound { .. })))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

impl From<ledger::LedgerError> for StoreError {
    fn from(error: ledger::LedgerError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<StoreError> for index::IndexError {
    /// Of an index whose place the database knows, or that is in it.
    fn from(error: StoreError) -> Self {
        Self::Backend(error.to_string())
    }
}
