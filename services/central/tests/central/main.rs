//! Commands through Central on a real PostgreSQL, and what they leave in the log and in zone state.

mod availability;
mod concurrency;
mod cost;
mod history;
mod idempotency;
mod outcomes;
mod rebuild;
mod setup;
