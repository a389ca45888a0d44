//! Accounts, keys, money, files and vectors in a database: a SQLite file on one machine, PostgreSQL for several servers.
//!
//! One set of functions for both; what differs between them is in `database.rs` and in the placeholders of the migrations.
//! A hold and its settlement are one short transaction each: the account's row decides, so that no two calls ever spend the
//! same money, and each hold is charged once, because its id may stand in one transfer only. What the numbers mean is the
//! `ledger`'s to say; the tests here compare the two.
//!
//! What this crate does not know: HTTP, and what a model is.
#![forbid(unsafe_code)]

mod accounts;
mod answers;
mod audit;
mod batch_work;
mod batches;
mod blobs;
mod database;
mod error;
mod files;
mod holds;
mod index_places;
mod keys;
mod label_sets;
mod links;
mod migrations;
mod owner;
mod prices;
mod processes;
#[cfg(feature = "qdrant")]
mod qdrant;
mod secret;
mod store_batches;
mod store_files;
mod store_work;
mod transfers;
mod usage;
mod vector_stores;
mod vectors;
mod verify;

pub use accounts::{Access, AccountRow, NewAccount};
pub use answers::{Question, StoredAnswer};
pub use audit::{Act, AuditRow};
pub use batch_work::{
    BatchChunk, BatchJob, BatchResult, BatchWorker, ClaimedChunk, LineCharge, LineOutcome, Payers,
};
pub use batches::{BatchRow, BatchStatus, MOST_OPEN_BATCHES, NewBatch};
pub use blobs::{BlobWriter, Blobs, Written};
#[cfg(feature = "s3")]
pub use blobs::{Bucket, Credentials};
pub use database::{Location, Store};
pub use error::StoreError;
pub use files::{FileFilter, FileRow, NewFile, Order, Stored};
pub use holds::{Charge, HoldRequest, Holding};
pub use index_places::IndexPlace;
pub use keys::{Admission, Change, DefaultRates, KeyRow, NewKey, Role, Shown, Standing};
pub use label_sets::{
    LabelSetPage, LabelSetRow, MOST_EXAMPLE_BYTES, MOST_LABEL_SETS, MOST_VERSIONS, NewExample,
    NewVersion, VersionChoice,
};
pub use links::{Link, LinkHash, Opened};
pub use migrations::MigrationRow;
pub use owner::Owner;
pub use processes::Process;
#[cfg(feature = "qdrant")]
pub use qdrant::Qdrant;
pub use secret::{KeyHash, Pepper, PlainKey, PlainLink};
pub use store_batches::FileBatchRow;
pub use store_files::{
    FileError, FileStatus, MOST_FILES_AT_ONCE, NewStoreFile, StoreFilePage, StoreFileRow,
};
pub use store_work::{Claimed, Completion, Outcome, Payment, Removal};
pub use transfers::{Credit, TransferRow};
pub use usage::{UsageFilter, UsageRow};
pub use vector_stores::{
    FileCounts, MOST_VECTOR_STORES, NewVectorStore, NextIndex, StorePage, VectorStoreChange,
    VectorStoreRow,
};
pub use vectors::{GRAPH_FROM, VectorTable, VectorTables};
pub use verify::Verified;
