//! The arguments of `polysight serve`.

use std::ffi::{OsStr, OsString};
use std::fmt;

use clap::Args;

use super::ComputeOptions;
use super::accounts::DatabaseOptions;

/// Answer over HTTP
///
/// Every flag has its key in the configuration file, most of them in the table `serve`. Without API keys the server
/// answers on a loopback address alone, unless --auth none says otherwise. Sizes are bytes or like 64MiB and 500MB,
/// durations are seconds or like 30s, 5m and 2h.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = "\
Examples:
  polysight serve --model FOLDER
  polysight serve --addr 0.0.0.0:8080 --api-key-file keys.txt --model photos=FOLDER --alias default=photos")]
pub(crate) struct ServeArguments {
    /// Where to listen; a host's name must mean loopback addresses alone to count as one
    /// [default: 127.0.0.1:8080; variable: POLYSIGHT_ADDR]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) addr: Option<OsString>,

    /// Print the addresses, the models and an example as JSON when the server listens
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) access: AccessArguments,

    #[command(flatten)]
    pub(crate) accounts: AccountsArguments,

    #[command(flatten)]
    pub(crate) files: FilesArguments,

    #[command(flatten)]
    pub(crate) vectors: VectorsArguments,

    #[command(flatten)]
    pub(crate) batches: BatchArguments,

    #[command(flatten)]
    pub(crate) fetch: FetchArguments,

    #[command(flatten)]
    pub(crate) limits: LimitArguments,

    #[command(flatten)]
    pub(crate) times: TimeArguments,

    #[command(flatten)]
    pub(crate) log: LogArguments,

    #[command(flatten)]
    pub(crate) models: ServedModelArguments,

    #[command(flatten)]
    pub(crate) compute: ComputeOptions,
}

/// Which models there are, and when they are in memory.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ServedModelArguments {
    /// A model folder or a Hugging Face id whose model is in the cache, and the name to serve it under; may be repeated.
    /// The first answers requests that name none [default: mini; variable: POLYSIGHT_MODEL]
    #[arg(long = "model", value_name = "[NAME=]FOLDER|ID")]
    pub(crate) models: Vec<OsString>,

    /// Another name of a model; may be repeated [variable: POLYSIGHT_ALIAS, commas between]
    #[arg(long = "alias", value_name = "ALIAS=MODEL")]
    pub(crate) aliases: Vec<OsString>,

    /// Load each model when it is first asked for, not at the start [default: off; variable: POLYSIGHT_LAZY]
    #[arg(
        long,
        value_name = "on|off",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "on"
    )]
    pub(crate) lazy: Option<OsString>,

    /// Drop a model that nobody has asked for so long [default: never; variable: POLYSIGHT_IDLE_TIMEOUT]
    #[arg(long, value_name = "DURATION")]
    pub(crate) idle_timeout: Option<OsString>,

    /// Drop the models that were not asked for the longest while all together take more than this
    /// [default: none; variable: POLYSIGHT_MODEL_MEMORY]
    #[arg(long, value_name = "SIZE")]
    pub(crate) model_memory: Option<OsString>,

    /// A folder that keeps the weights as this machine computes with them, so that the next start is faster; it may be
    /// deleted at any time [default: none; variable: POLYSIGHT_PACKED_CACHE]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) packed_cache: Option<OsString>,
}

/// Whose money calls cost.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Accounts")]
pub(crate) struct AccountsArguments {
    /// Keys belong to accounts, which pay for their calls [default: on where --database is given, else off;
    /// variable: POLYSIGHT_ACCOUNTS]
    #[arg(
        long,
        value_name = "on|off",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "on"
    )]
    pub(crate) accounts: Option<OsString>,

    #[command(flatten)]
    pub(crate) database: DatabaseOptions,

    /// People may make an account by themselves: a link goes to their e-mail address; needs --public-url
    /// [default: off; variable: POLYSIGHT_SIGN_UP]
    #[arg(
        long,
        value_name = "on|off",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "on"
    )]
    pub(crate) sign_up: Option<OsString>,

    /// What such an account gets, in dollars [default: 0; variable: POLYSIGHT_FREE_CREDIT]
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) free_credit: Option<OsString>,

    /// The address under which people reach the server, for links in e-mail [variable: POLYSIGHT_PUBLIC_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<OsString>,

    /// The server that sends e-mail, `smtps://USER:PASSWORD@HOST`; without it links are written to the log. Other users of
    /// this machine can read it here: prefer the variable or the file [variable: POLYSIGHT_SMTP_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) smtp_url: Option<Secret>,

    /// The sender of e-mail [variable: POLYSIGHT_SMTP_FROM]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) smtp_from: Option<OsString>,
}

/// What people upload.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Files")]
pub(crate) struct FilesArguments {
    /// Where the bytes of files are: a folder, which several servers of one database must share, or s3://BUCKET/PREFIX in a
    /// program that was built with the feature s3 [default: files in the data folder; variable: POLYSIGHT_STORAGE]
    #[arg(long, value_name = "FOLDER|URL")]
    pub(crate) storage: Option<OsString>,

    /// The largest file that is uploaded [default: 512MiB; variable: POLYSIGHT_MAX_FILE]
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_file: Option<OsString>,

    /// How much the files of an account may take together, or none for as much as there is
    /// [default: 10GiB; variable: POLYSIGHT_FILE_QUOTA]
    #[arg(long, value_name = "SIZE|none")]
    pub(crate) file_quota: Option<OsString>,
}

/// Where the vectors of vector stores are.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Vector stores")]
pub(crate) struct VectorsArguments {
    /// A Qdrant, 1.16 or newer, that keeps the vectors of new vector stores, http://HOST:6333 [default: pgvector in a PostgreSQL
    /// that has it, else files in the data folder; variable: POLYSIGHT_QDRANT]
    #[arg(long, value_name = "URL")]
    pub(crate) qdrant: Option<OsString>,

    /// The key that it asks for. Other users of this machine can read it here: prefer the variable or the file
    /// [variable: POLYSIGHT_QDRANT_API_KEY]
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) qdrant_api_key: Option<Secret>,
}

/// How much of the machine batches get.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Batches")]
pub(crate) struct BatchArguments {
    /// How many lines of batches are worked on at once, behind whoever waits for an answer; 0 takes batches and leaves the
    /// work on them to `polysight worker` [default: 32; variable: POLYSIGHT_BATCH_LINES]
    #[arg(long, value_name = "N")]
    pub(crate) batch_lines: Option<OsString>,
}

/// Who may ask.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessArguments {
    /// A key that clients may show; may be repeated. Other users of this machine can read it here: prefer the variable
    /// or the file [variable: POLYSIGHT_API_KEY, commas between]
    #[arg(long = "api-key", value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) api_keys: Vec<Secret>,

    /// A file with one such key in each line; empty lines and lines that begin with # do not count
    /// [variable: POLYSIGHT_API_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    pub(crate) api_key_file: Option<OsString>,

    /// keys (clients must show one) or none (everybody who reaches the address may ask)
    /// [default: keys if there are any, else none on a loopback address; variable: POLYSIGHT_AUTH]
    #[arg(long, value_name = "keys|none")]
    pub(crate) auth: Option<OsString>,

    /// The certificates for TLS, in PEM, the server's own first [default: no TLS; variable: POLYSIGHT_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<OsString>,

    /// The private key of the first certificate, in PEM [variable: POLYSIGHT_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<OsString>,

    /// A web page's origin, like `https://app.example`, whose scripts may ask, or * for all; may be repeated
    /// [default: *; variable: POLYSIGHT_CORS_ORIGIN, commas between]
    #[arg(long = "cors-origin", value_name = "ORIGIN")]
    pub(crate) cors_origins: Vec<OsString>,
}

/// What the server downloads for its clients.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Pictures by URL")]
pub(crate) struct FetchArguments {
    /// Whether pictures may be given as URLs [default: on; variable: POLYSIGHT_FETCH_URLS]
    #[arg(long = "fetch-urls", value_name = "on|off")]
    pub(crate) urls: Option<OsString>,

    /// A host that URLs may name, and no other but those given so; may be repeated
    /// [default: every public host; variable: POLYSIGHT_FETCH_HOST, commas between]
    #[arg(long = "fetch-host", value_name = "HOST")]
    pub(crate) hosts: Vec<OsString>,

    /// DANGEROUS: fetch from private and loopback addresses and from any port too, so that clients reach what this
    /// machine reaches: routers, databases, the cloud's credentials [default: off; variable: POLYSIGHT_FETCH_PRIVATE]
    #[arg(
        long = "fetch-private",
        value_name = "on|off",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "on"
    )]
    pub(crate) private: Option<OsString>,
}

/// How much the server takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// The largest body of a request [default: 64MiB; variable: POLYSIGHT_MAX_BODY]
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_body: Option<OsString>,

    /// The largest file of a picture [default: 20MiB; variable: POLYSIGHT_MAX_IMAGE]
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_image: Option<OsString>,

    /// The most pixels of a picture [default: 64000000; variable: POLYSIGHT_MAX_PIXELS]
    #[arg(long, value_name = "N")]
    pub(crate) max_pixels: Option<OsString>,

    /// The most inputs of a request [default: 2048; variable: POLYSIGHT_MAX_INPUTS]
    #[arg(long, value_name = "N")]
    pub(crate) max_inputs: Option<OsString>,

    /// The most labels of a request [default: 10000; variable: POLYSIGHT_MAX_LABELS]
    #[arg(long, value_name = "N")]
    pub(crate) max_labels: Option<OsString>,

    /// How many pixels may wait before requests are turned away [default: 256000000; variable: POLYSIGHT_QUEUE_PIXELS]
    #[arg(long, value_name = "N")]
    pub(crate) queue_pixels: Option<OsString>,

    /// How much memory the bodies of all requests may take together [default: 1GiB; variable: POLYSIGHT_QUEUE_BYTES]
    #[arg(long, value_name = "SIZE")]
    pub(crate) queue_bytes: Option<OsString>,

    /// The most connections at a time [default: 1024; variable: POLYSIGHT_MAX_CONNECTIONS]
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<OsString>,

    /// The memory for embeddings of labels; 0 keeps none [default: 64MiB; variable: POLYSIGHT_LABEL_CACHE]
    #[arg(long, value_name = "SIZE")]
    pub(crate) label_cache: Option<OsString>,

    /// The memory for embeddings of pictures; 0 keeps none [default: 64MiB; variable: POLYSIGHT_IMAGE_CACHE]
    #[arg(long, value_name = "SIZE")]
    pub(crate) image_cache: Option<OsString>,
}

/// How long things take, and how often they may happen.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct TimeArguments {
    /// How long an input may have to wait for the engine; whoever would wait longer is turned away, and while that goes
    /// on, whoever would wait longer than a quarter of it, so that answers do not all take so long
    /// [default: 20s; variable: POLYSIGHT_QUEUE_TIME]
    #[arg(long, value_name = "DURATION")]
    pub(crate) queue_time: Option<OsString>,

    /// The longest that a request may take [default: 120s; variable: POLYSIGHT_REQUEST_TIMEOUT]
    #[arg(long, value_name = "DURATION")]
    pub(crate) request_timeout: Option<OsString>,

    /// How long a request's body may pause [default: 20s; variable: POLYSIGHT_BODY_TIMEOUT]
    #[arg(long, value_name = "DURATION")]
    pub(crate) body_timeout: Option<OsString>,

    /// How long requests may go on after the server was told to stop [default: 30s; variable: POLYSIGHT_SHUTDOWN_TIMEOUT]
    #[arg(long, value_name = "DURATION")]
    pub(crate) shutdown_timeout: Option<OsString>,

    /// The most requests of a key in a minute [default: 1000000; variable: POLYSIGHT_REQUESTS_PER_MINUTE]
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_minute: Option<OsString>,

    /// The most pictures of a key in a minute [default: 1000000; variable: POLYSIGHT_IMAGES_PER_MINUTE]
    #[arg(long, value_name = "N")]
    pub(crate) images_per_minute: Option<OsString>,
}

/// What the server writes about its work.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArguments {
    /// text or json [default: text; variable: POLYSIGHT_LOG_FORMAT]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<OsString>,

    /// error, warn, info or debug [default: info; variable: POLYSIGHT_LOG_LEVEL]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<OsString>,
}

/// A text that nobody must see in a log.
#[derive(Clone)]
pub(crate) struct Secret(OsString);

impl Secret {
    pub(crate) fn expose(&self) -> &OsStr {
        &self.0
    }
}

impl From<OsString> for Secret {
    fn from(text: OsString) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}
