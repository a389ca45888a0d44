//! Every metric beside its definition written out plainly, or a case that was computed by hand.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod calibration;
mod charts;
mod classification;
mod comparison;
mod dice;
mod fake;
mod precision;
mod rank;
mod retrieval;
mod similarity;
