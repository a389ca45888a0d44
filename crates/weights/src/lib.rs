//! A model folder as Hugging Face lays it out: `config.json`, the preprocessing of pictures, and the tensors of
//! `model.safetensors` (or its shards), memory-mapped and checked.
//!
//! [`Checkpoint::open`] is the door. It fills in every default of the configuration, reads the headers of the weight
//! files (not their data), and checks that every tensor that the configuration calls for is there with the right
//! shape. After that, [`Checkpoint::tensor`] hands out views into the map.
//!
//! The crate does not know how a tower computes, nor where folders come from, and it does not read the tokenizer.
//!
//! # What happens to memory
//! Opening maps the files and reads only their headers. A page of a tensor enters memory when it is read, belongs to
//! the page cache of the system, and can be given back with [`Tensor::release`]: a caller that packs the weights into
//! a layout of its own peaks near the packed size, not at twice of it. Rows of the 768 MB token table are read one by
//! one with [`Tensor::read_f32`].
//!
//! # What happens when a file changes while it is mapped
//! The weight files must not be written to in place while a [`Checkpoint`] is open. Replacing a file by renaming
//! another over it is fine (the map keeps the old one). A file that is overwritten in place gives undefined numbers,
//! and one that is cut short ends the process with a bus error when the lost pages are read. This is the price of
//! mapping; everything in this workspace that writes weights writes a new file and renames it.

mod checkpoint;
mod config;
mod error;
mod expected;
mod fields;
mod header;
mod mapping;
mod preprocessing;
mod samples;
mod shards;
mod tensor;

pub use checkpoint::Checkpoint;
pub use config::{Config, TextConfig, VisionConfig};
pub use error::WeightsError;
pub use expected::Tower;
pub use header::{Header, StoredDtype, TensorRecord};
pub use preprocessing::{Preprocessing, Resample};
pub use samples::read_samples;
pub use tensor::{Dtype, Tensor};
