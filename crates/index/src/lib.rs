//! Vectors with ids and attributes: add, replace, remove, filter, search.
//!
//! [`VectorIndex`] is what every back end offers, and [`IndexServer`] one beyond this process; [`Embedded`] keeps its vectors in a folder of plain files, needs no building,
//! and survives being killed at any moment. An index belongs to one [`Space`]: vectors of two models never mix.
//!
//! # The embedded back end
//!
//! Rows are appended to files of [`ROWS_PER_CHUNK`]; a log says which rows are whose, and what is not in the log never happened. Full
//! chunks get *sketches*: the signs of each row's numbers once they are turned at random, one bit each. A search reads the
//! first 128 bits of all rows, then all bits of those that may be among the nearest, then the rows themselves of those that still
//! may; how far the estimates are off is measured for each query on a sample, so that an estimate never costs more than the few
//! percent of recall that [`search`](VectorIndex::search) states. Rows that no sketch covers are compared exactly.
//! docs/adr/0001-index.md has the comparison with graphs.
//!
//! What this crate does not know: models, HTTP, SQL, accounts.

mod attributes;
mod conformance;
mod embedded;
mod error;
mod filter;
mod sets;
mod vector_index;

pub use attributes::{Attributes, Value, attributes_from_json, attributes_to_json};
pub use conformance::conformance;
pub use embedded::{Access, Embedded, ROWS_PER_CHUNK};
pub use error::IndexError;
pub use filter::{Comparison, Filter};
pub use sets::Sets;
pub use vector_index::{
    Effort, Entry, Hit, IndexServer, Listed, Query, Space, Stored, VectorIndex, check_attributes,
};
