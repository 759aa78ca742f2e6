//! The projections' tables on a real PostgreSQL: written from events, made anew from the log, read by the API and the
//! reconciler.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a broken part fails the test"
)]

mod delivery;
mod names;
mod rebuild;
mod resources;
mod services;
mod shares;
mod world;
