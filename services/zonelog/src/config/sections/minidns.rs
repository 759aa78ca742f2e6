//! MiniDNS.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::loopback;

/// `[minidns]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MiniDns {
    /// Addresses and ports, each for UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// The memory for rendered zones, in MiB.
    pub image_budget_mib: usize,
    /// The most TCP connections at a time.
    pub max_connections: usize,
    /// The most transfers at a time.
    pub max_transfers: usize,
}

impl Default for MiniDns {
    fn default() -> Self {
        Self {
            listen: vec![loopback(5354)],
            image_budget_mib: 256,
            max_connections: 1024,
            max_transfers: 64,
        }
    }
}
