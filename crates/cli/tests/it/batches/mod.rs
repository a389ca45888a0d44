//! Batches as clients meet them, and servers and workers that may die while they work on them.
//!
//! What needs PostgreSQL says so and passes without `POLYSIGHT_TEST_POSTGRES` (`.ci/postgres`).

mod api;
mod crash;
pub(crate) mod desk;
mod money;
mod owners;
mod workers;
