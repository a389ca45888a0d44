//! Tests of the crate `tokens`; the goldens and their origins are in `tests/goldens`.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod folders;
mod goldens;
mod hostile;
mod json;
mod lengths;
mod lower_case;
mod models;
mod texts;
