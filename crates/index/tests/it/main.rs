//! The embedded index: as every back end, and what only files have.

mod data;
mod files;
mod recall;
