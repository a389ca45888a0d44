//! Accounts as operators and their customers meet them: the real program, its database, and a server that may die.
//!
//! PostgreSQL's part needs a server: `POLYSIGHT_TEST_POSTGRES` (`.ci/postgres`); without it it says so and passes.
//! `POLYSIGHT_TEST_ROUNDS=100` makes the crash test as long as it is meant to be.

pub(crate) mod bank;
mod books;
mod crash;
mod crowd;
mod routes;
mod secrets;
mod sign_up;
