//! How MiniDNS is set up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::acl::Acl;
use crate::datagrams::BATCH;
use crate::origin::Origin;
use crate::request::Asked;

/// The settings of MiniDNS. [`MdnsOptions::default`] has the documented defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdnsOptions {
    /// Where to listen, over UDP and TCP. Port 0 takes a free one, the same for both.
    pub listen: Vec<SocketAddr>,
    /// How many UDP sockets, each with a thread of its own, listen on each address; 0 is one a processor.
    pub udp_workers: usize,
    /// How many datagrams at most are read or sent with one system call, where the system can.
    pub udp_batch: usize,
    /// From where queries that are no transfers are answered; others are REFUSED.
    pub allow_query: Acl,
    /// From where transfers (AXFR, IXFR) are answered; others are REFUSED.
    pub allow_transfer: Acl,
    /// How many octets of zone images to hold between transfers. A zone takes about 40 octets a
    /// record. Transfers under way hold theirs besides.
    pub image_budget_bytes: usize,
    /// How many TCP connections there may be at once. One more takes the place of the one that has been
    /// without a query for longest, or is closed when all are being served.
    pub max_connections: usize,
    /// How many of them one address may have (an IPv6 client: its /64); one more is closed at once.
    pub max_connections_per_address: usize,
    /// How many transfers may be built or sent at once; others wait for up to `transfer_wait`.
    pub max_transfers: usize,
    /// How many of them go to one address (an IPv6 client: its /64); its others wait likewise.
    pub max_transfers_per_address: usize,
    /// How far back an IXFR reaches: a client whose serial was replaced longer ago gets the whole zone.
    /// Zero is without limit.
    pub ixfr_retention: Duration,
    /// Whether queries and transfers must be signed; others are REFUSED.
    pub query_enforce_tsig: bool,
    /// Whether TSIG keys of the algorithm hmac-md5, which is broken, are used.
    pub allow_hmac_md5: bool,
    /// How many UDP queries may wait for PostgreSQL at once; one more is answered by what is in memory, or SERVFAIL.
    pub max_waiting_queries: usize,
    /// How long a TCP client may take for its first query, and for the rest of a message once its
    /// first octets are there.
    pub read_timeout: Duration,
    /// How long a TCP connection may stay without a query after the first (RFC 7766 §6.2.3).
    pub idle_timeout: Duration,
    /// How long a client may take to receive half a mebioctet of a transfer.
    pub write_timeout: Duration,
    /// How long a transfer may wait for its turn before it is answered SERVFAIL.
    pub transfer_wait: Duration,
    /// How long to wait for a connection to PostgreSQL.
    pub database_timeout: Duration,
    /// How long to go without looking at the log when nothing wakes us up.
    pub poll_interval: Duration,
    /// How long transfers under way may go on after the shutdown began.
    pub shutdown_grace: Duration,
}

impl Default for MdnsOptions {
    fn default() -> Self {
        Self {
            // Designate's MiniDNS listens on this port too.
            listen: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5354)],
            udp_workers: 0,
            udp_batch: BATCH,
            allow_query: Acl::default(),
            allow_transfer: Acl::default(),
            image_budget_bytes: 256 << 20,
            max_connections: 1024,
            max_connections_per_address: 256,
            max_transfers: 64,
            max_transfers_per_address: 32,
            ixfr_retention: Duration::ZERO,
            query_enforce_tsig: false,
            allow_hmac_md5: false,
            max_waiting_queries: 256,
            read_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            transfer_wait: Duration::from_secs(30),
            database_timeout: Duration::from_secs(5),
            poll_interval: Duration::from_secs(1),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}

impl MdnsOptions {
    /// Whether a question from there is answered.
    pub(crate) fn permits(&self, asked: Asked, origin: Origin) -> bool {
        let list = match asked {
            Asked::Axfr | Asked::Ixfr { .. } => &self.allow_transfer,
            Asked::Soa | Asked::Rrset(_) | Asked::Any => &self.allow_query,
            // The zone's own masters alone, who need ask nothing.
            Asked::Notify { .. } => return true,
        };
        list.permits(origin.address())
    }
}
