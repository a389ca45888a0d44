//! tokens
#![forbid(unsafe_code)]
