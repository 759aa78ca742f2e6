//! The sections of the configuration, their defaults, and what each key means: one file a concern.
//!
//! `ops/config/zonelog.toml` says the same to people; a test compares the two.

mod api;
mod central;
mod database;
mod keystone;
mod minidns;
mod pools;
mod reconciler;
mod secondary;
mod telemetry;
mod zones;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub use api::{Api, Auth, Neutron};
pub use central::{Central, Import, Quotas, Secrets};
pub use database::Database;
pub use keystone::{Keystone, KeystoneSecret};
pub use minidns::MiniDns;
pub use pools::Pools;
pub use reconciler::Reconciler;
pub use secondary::{Purge, Secondary};
pub use telemetry::{Log, LogFormat, Metrics};
pub use zones::{Limits, Soa};

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
