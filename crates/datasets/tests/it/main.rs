//! Small data sets of every layout, whole and broken.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod class_names;
mod folders;
mod hostile;
mod json;
mod place;
mod tables;
mod tars;
