//! hub
#![forbid(unsafe_code)]
