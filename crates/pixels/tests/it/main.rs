//! Tests of `pixels` against Pillow and transformers, against hostile files, and of every
//! instruction set against the scalar path.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests as well")]

mod allocation;
mod coco;
mod conversions;
mod formats;
mod goldens;
mod hostile;
mod memory;
mod mutations;
mod patches;
mod preprocess;
mod resize;
