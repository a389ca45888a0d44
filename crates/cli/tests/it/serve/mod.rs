//! The server as its clients meet it.

mod status_support;
mod statuses;
