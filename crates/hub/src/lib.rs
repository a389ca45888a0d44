//! Finds and downloads model folders in the cache that `huggingface_hub` and everything built on it use, so that a
//! model is on the disk once, whoever fetched it.
//!
//! [`Hub::find`] looks, [`Hub::pull`] downloads what is missing, [`Hub::list`] says what is there. A model folder is
//! a plain path to the rest of the program; the crate does not open models and does not know how a tower computes.
//!
//! # Layout
//! ```text
//! {cache}/.locks/models--org--name/{etag}.lock      held while a blob is written
//! {cache}/models--org--name/blobs/{etag}            the contents; for large files the etag is their SHA-256
//! {cache}/models--org--name/blobs/{etag}.incomplete a download that was cut off, and goes on from there
//! {cache}/models--org--name/refs/main               the commit that a branch or tag stood at
//! {cache}/models--org--name/snapshots/{commit}/...  symbolic links to the blobs
//! ```
//! A blob gets its name only after its length and its hash were checked, and a ref is written only after every file
//! of its snapshot is there: a pull that is killed at any moment leaves nothing that looks finished and is not.
//!
//! # What the network may do
//! Downloads resume by range requests after dropped connections, for as long as each attempt brings something;
//! reads that bring nothing for a while count as dropped. The access token goes to the endpoint alone, never to the
//! host that a redirect points to. Certificates are checked against Mozilla's roots, which are part of the program.
//!
//! Nothing here reads the environment: [`CacheVariables`] and [`HubOptions`] take the values.
#![forbid(unsafe_code)]

mod download;
mod error;
mod http;
mod identity;
mod layout;
mod list;
mod listing;
mod location;
mod options;
mod part;
mod progress;
mod pull;
mod snapshot;
mod token;

pub use error::HubError;
pub use list::CachedModel;
pub use location::{CacheVariables, is_true};
pub use options::{HubOptions, Network};
pub use progress::{Event, Progress, Silent};
pub use pull::Hub;
pub use token::Token;
