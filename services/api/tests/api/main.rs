//! The REST API against a real PostgreSQL and the real Central, asked over HTTP as clients ask.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is missing fails the test"
)]

mod auth;
mod bad_input;
mod connections;
mod discovery;
mod idempotency;
mod lists;
mod outage;
mod parts;
mod recordsets;
mod tokens;
mod zones;
