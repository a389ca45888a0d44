//! Pictures of folders in a local store: embed them, search them, find doubles.
//!
//! A store is a folder below the data folder; in it is one index for each model that it was made with, and a file that says which
//! counts. The pictures themselves stay where they are.

mod dedupe;
mod gallery;
mod index;
mod remote_index;
mod remote_search;
mod remote_store;
mod search;
mod shelf;
mod survey;

pub(crate) use dedupe::run as dedupe;
pub(crate) use index::run as index;
pub(crate) use search::run as search;
