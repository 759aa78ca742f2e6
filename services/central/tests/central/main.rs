//! Commands through Central on a real PostgreSQL, and what they leave in the log and in zone state.
#![allow(
    clippy::unwrap_used,
    reason = "what cannot be had fails the test that wanted it"
)]

mod availability;
mod catalog_moves;
mod catalogs;
mod concurrency;
mod cost;
mod history;
mod idempotency;
mod imports;
mod meanwhile;
mod outcomes;
mod ownership;
mod pools;
mod purge;
mod quotas;
mod rebuild;
mod registry;
mod secondary;
mod setup;
