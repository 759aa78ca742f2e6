//! Where a zone's content comes from.

use std::fmt;

use zonelog_dns::{Name, Soa, Ttl, mailbox_from_rname};

use super::state::SoaTimers;
use crate::resource::HostPort;

/// The port of DNS.
const DNS_PORT: u16 = 53;

/// The type of a zone (the API's `type`), and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneKind {
    /// Its recordsets are made here.
    Primary,
    /// It is transferred from its masters (RFC 1034 §4.3.5), and its serial is theirs.
    Secondary {
        /// The primaries that it is asked of, in the order in which they were given; at least one.
        masters: Vec<HostPort>,
    },
}

impl ZoneKind {
    /// The name of the type.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::Secondary { .. } => "SECONDARY",
        }
    }

    /// Whether it is transferred from elsewhere.
    pub const fn is_secondary(&self) -> bool {
        matches!(self, Self::Secondary { .. })
    }

    /// The primaries that it is asked of; none of a primary zone.
    pub fn masters(&self) -> &[HostPort] {
        match self {
            Self::Primary => &[],
            Self::Secondary { masters } => masters,
        }
    }
}

impl HostPort {
    /// Reads `host` or `host:port`; the port is 53 when none is told. An IPv6 address stands in brackets when a port
    /// follows it, and may otherwise. `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let is_bare = text.parse::<std::net::Ipv6Addr>().is_ok();
        let (host, port) = match text.strip_prefix('[') {
            _ if is_bare => (text, None),
            Some(rest) => {
                let (host, after) = rest.split_once(']')?;
                match after {
                    "" => (host, None),
                    _ => (host, Some(after.strip_prefix(':')?)),
                }
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            // `u16` would read a sign too.
            Some(port) if port.bytes().all(|digit| digit.is_ascii_digit()) => port.parse().ok()?,
            Some(_) => return None,
            None => DNS_PORT,
        };
        Some(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for HostPort {
    /// As [`HostPort::parse`] reads it, and as Designate's clients know it: without the port when it is 53.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port, self.host.contains(':')) {
            (DNS_PORT, _) => f.write_str(&self.host),
            (port, true) => write!(f, "[{}]:{port}", self.host),
            (port, false) => write!(f, "{}:{port}", self.host),
        }
    }
}

/// What a zone's SOA says besides its serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoaFields {
    /// The MNAME.
    pub primary_nameserver: Name,
    /// The RNAME, as an email address where it is one (see [`zonelog_dns::mailbox_from_rname`]).
    pub email: String,
    /// The TTL of the SOA itself.
    pub ttl: Ttl,
    /// The timers.
    pub timers: SoaTimers,
}

impl SoaFields {
    /// What a primary's SOA says. Timers of more than 2^31-1 seconds count as that.
    pub fn of(soa: &Soa, ttl: Ttl) -> Self {
        let seconds = |seconds: u32| seconds.min(i32::MAX.unsigned_abs());
        Self {
            primary_nameserver: soa.mname.clone(),
            email: mailbox_from_rname(&soa.rname),
            ttl,
            timers: SoaTimers {
                refresh: seconds(soa.refresh),
                retry: seconds(soa.retry),
                expire: seconds(soa.expire),
                minimum: seconds(soa.minimum),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

    use super::*;

    #[test]
    fn masters_are_read_and_shown() {
        for (text, host, port, shown) in [
            ("192.0.2.1", "192.0.2.1", 53, "192.0.2.1"),
            ("192.0.2.1:53", "192.0.2.1", 53, "192.0.2.1"),
            ("192.0.2.1:5354", "192.0.2.1", 5354, "192.0.2.1:5354"),
            ("ns.example.com:54", "ns.example.com", 54, "ns.example.com:54"),
            ("2001:db8::1", "2001:db8::1", 53, "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1", 53, "2001:db8::1"),
            ("[2001:db8::1]:54", "2001:db8::1", 54, "[2001:db8::1]:54"),
        ] {
            let master = HostPort::parse(text).unwrap();
            assert_eq!((master.host.as_str(), master.port), (host, port), "{text}");
            assert_eq!(master.to_string(), shown);
            assert_eq!(HostPort::parse(shown).unwrap(), master);
        }
        for text in [
            "192.0.2.1:",
            "192.0.2.1:+53",
            "192.0.2.1:65536",
            "[2001:db8::1",
            "[::1]54",
            "a:b:c",
        ] {
            assert_eq!(HostPort::parse(text), None, "{text}");
        }
    }
}
