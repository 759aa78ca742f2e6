//! Where a request came from.

use std::net::{IpAddr, SocketAddr};

use crate::transfer::Transport;

/// The client of a request, and the way it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client's address and port.
    pub(crate) client: SocketAddr,
    /// How it came.
    pub(crate) transport: Transport,
}

impl Origin {
    /// A request over UDP.
    pub(crate) fn udp(client: SocketAddr) -> Self {
        Self {
            client,
            transport: Transport::Udp,
        }
    }

    /// A request over TCP.
    pub(crate) fn tcp(client: SocketAddr) -> Self {
        Self {
            client,
            transport: Transport::Tcp,
        }
    }

    /// The client's address as rules are written for it: IPv4 in IPv6 (RFC 4291 §2.5.5.2) is IPv4.
    pub(crate) fn address(&self) -> IpAddr {
        self.client.ip().to_canonical()
    }
}
