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
    /// UDP sockets on each address, each with a thread; 0: one a processor.
    pub udp_workers: usize,
    /// How many datagrams go through one system call at most.
    pub udp_batch: usize,
    /// Who may ask: addresses and prefixes; empty: everybody.
    pub allow_query: Vec<String>,
    /// Who may transfer zones: addresses and prefixes; empty: everybody.
    pub allow_transfer: Vec<String>,
    /// The memory for rendered zones, in MiB.
    pub image_budget_mib: usize,
    /// The most TCP connections at a time.
    pub max_connections: usize,
    /// The most of them from one address.
    pub max_connections_per_address: usize,
    /// The most transfers at a time.
    pub max_transfers: usize,
    /// The most of them to one address.
    pub max_transfers_per_address: usize,
    /// How many seconds back an IXFR reaches; 0: without limit.
    pub ixfr_retention: u64,
    /// Whether queries and transfers must be signed (TSIG).
    pub query_enforce_tsig: bool,
    /// Whether TSIG keys of the algorithm hmac-md5 are used.
    pub allow_hmac_md5: bool,
}

impl Default for MiniDns {
    fn default() -> Self {
        Self {
            listen: vec![loopback(5354)],
            udp_workers: 0,
            udp_batch: 32,
            allow_query: Vec::new(),
            allow_transfer: Vec::new(),
            image_budget_mib: 256,
            max_connections: 1024,
            max_connections_per_address: 256,
            max_transfers: 64,
            max_transfers_per_address: 32,
            ixfr_retention: 0,
            query_enforce_tsig: false,
            allow_hmac_md5: false,
        }
    }
}
