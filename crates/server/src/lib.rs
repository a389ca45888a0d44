//! polysight's HTTP API: parse, admit, batch, answer.
#![forbid(unsafe_code)]

pub mod pages;
