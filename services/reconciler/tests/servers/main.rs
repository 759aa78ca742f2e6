//! The reconciler with real parts: PostgreSQL, Central, MiniDNS and BIND.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a broken part fails the test"
)]

mod another_designate;
mod catalog_checks;
mod catalog_keys;
mod catalog_moves;
mod catalogs;
mod control;
mod convergence;
mod failures;
mod faults;
mod leases;
mod pools;
mod several_pools;
mod signed;
mod target;
mod target_knot;
mod target_nsd4;
mod targets;
mod unreliable;
mod world;
