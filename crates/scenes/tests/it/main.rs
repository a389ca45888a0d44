#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
//! The generator, its split and its grammar, on a small folder of artwork that the tests draw themselves.

mod artwork;
mod folder;
mod generator;
mod grammar;
mod split;
