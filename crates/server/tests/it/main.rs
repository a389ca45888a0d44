//! Tests of the crate from outside.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic means here")]

mod fetch;
mod web;
