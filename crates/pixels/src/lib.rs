//! pixels
