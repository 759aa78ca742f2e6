//! Real parts for tests: PostgreSQL, BIND, Knot, NSD, PowerDNS and Keystone on free ports, stopped when the test ends.
//!
//! What cannot be started panics with the reason: there is no test to go on with.
#![allow(
    clippy::expect_used,
    reason = "a part that does not start fails the test that wanted it"
)]

pub mod bind;
pub mod keystone;
pub mod knot;
pub mod neutron;
pub mod nsd;
pub mod openstack;
pub mod pdns;
pub mod postgres;
pub mod primary;
pub mod python;
pub mod wait;

mod port;
mod process;
mod secondary;

pub use port::free_port;
pub use postgres::{TestDatabase, TestServer};
pub use secondary::TransferKey;
pub use wait::eventually;
