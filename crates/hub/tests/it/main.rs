//! Tests of the crate against a server on this machine.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic means here")]

mod cache;
mod faults;
mod locations;
mod names;
mod pull;
mod redirects;
mod scene;
mod server;
