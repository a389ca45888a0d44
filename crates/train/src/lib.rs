//! SigLIP's training on the CPU.
//!
//! [`loss`] has the sigmoid loss (and the softmax loss beside it) in tiles; `layers`, `vision` and `text` the towers with
//! their gradients; [`trainer`] a step over a batch; [`optimiser`] how gradients become updates.
#![forbid(unsafe_code)]

pub mod beginning;
pub mod checkpoint;
pub mod data;
pub mod drawn;
pub mod files;
pub mod initial;
pub mod loss;
pub mod optimiser;
pub mod parameters;
pub mod peers;
pub mod recipe;
pub mod run;
pub mod schedule;
pub mod trainer;

mod batches;
mod error;
mod layers;
mod log;
mod names;
mod text;
mod vision;

pub use error::TrainError;
pub use layers::Arithmetic;
pub use log::Line;
