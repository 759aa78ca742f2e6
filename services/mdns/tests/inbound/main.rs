//! Secondary zones against real primaries, and against primaries that lie.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a broken part fails the test"
)]

mod notify;
mod outages;
mod primaries;
mod scripted;
mod scripted_streams;
#[path = "../support/mod.rs"]
mod support;
mod timed;
mod world;
