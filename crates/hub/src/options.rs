//! What a hub needs to know.

use std::path::PathBuf;
use std::time::Duration;

use crate::Token;

/// Where the cache and the server are, and how patient to be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HubOptions {
    /// The cache folder; see [`crate::CacheVariables::cache`]. It need not exist yet.
    pub cache: PathBuf,
    /// The server, `https://huggingface.co` unless `HF_ENDPOINT` says otherwise.
    pub endpoint: String,
    /// The access token, sent to the endpoint alone.
    pub token: Option<Token>,
    /// Whether the network may be used.
    pub network: Network,
    /// The proxy to go through, like `http://proxy:3128`.
    pub proxy: Option<String>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a read may bring nothing before the connection counts as dropped.
    pub stall_timeout: Duration,
    /// How many attempts in a row may bring nothing before a download fails.
    pub attempts: u32,
    /// The pause after the first failed attempt; it doubles with each further one, up to 16 times.
    pub pause: Duration,
}

/// Whether the network may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Yes.
    Online,
    /// No: `HF_HUB_OFFLINE`.
    Offline,
}

impl HubOptions {
    /// The public hub, no token, 5 attempts, 30 seconds of patience.
    pub fn new(cache: PathBuf) -> Self {
        Self {
            cache,
            endpoint: "https://huggingface.co".to_owned(),
            token: None,
            network: Network::Online,
            proxy: None,
            connect_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(30),
            attempts: 5,
            pause: Duration::from_millis(500),
        }
    }
}
