//! Tests of the crate through its public face.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic means here")]

mod checkpoint;
mod config;
mod folder;
mod hostile;
mod memory;
mod preprocessing;
mod safetensors_header;
mod tensor;
