//! Masters as other servers' APIs write them.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// The port of DNS (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

/// Whether a server's masters, as it writes them, are these, in whatever order.
pub(super) fn are_same(written: &[String], masters: &[SocketAddr]) -> bool {
    let written: BTreeSet<Option<SocketAddr>> = written.iter().map(|text| address(text)).collect();
    written == masters.iter().copied().map(Some).collect()
}

/// `host` or `host:port`: the port of DNS may be left out.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = || {
        let literal = text.trim_start_matches('[').trim_end_matches(']');
        let ip: Option<IpAddr> = literal.parse().ok();
        ip.map(|ip| SocketAddr::new(ip, DNS_PORT))
    };
    text.parse().ok().or_else(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_dns_and_the_order_do_not_count() {
        let masters = [
            "192.0.2.1:53".parse().unwrap(),
            "[2001:db8::1]:5354".parse().unwrap(),
        ];
        let same = |written: &[&str]| {
            let written: Vec<String> = written.iter().map(|&text| text.to_owned()).collect();
            are_same(&written, &masters)
        };
        assert!(same(&["[2001:db8::1]:5354", "192.0.2.1"]));
        assert!(same(&["192.0.2.1:53", "[2001:db8::1]:5354"]));
        assert!(!same(&["192.0.2.1"]));
        assert!(!same(&["192.0.2.1", "2001:db8::1"]));
        assert!(!same(&["192.0.2.1", "[2001:db8::1]:5354", "ns.example.org"]));
    }
}
