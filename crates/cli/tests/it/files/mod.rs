//! Files as clients and enemies meet them, and a server that may die while they come.

mod api;
mod crash;
mod hostile;
pub(crate) mod shelf;
