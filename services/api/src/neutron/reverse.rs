//! The name of an address in DNS (RFC 1035 §3.5, RFC 3596 §2.5), and the zone that is made for it.

use std::fmt::Write;
use std::net::IpAddr;

use zonelog_dns::{NameError, OwnerName, ZoneName};

/// The owner name of an address's PTR recordset.
pub(crate) fn owner_of(address: IpAddr) -> Result<OwnerName, NameError> {
    OwnerName::parse(&name(address, 0))
}

/// The zone that is made to hold it: of the /24 of an IPv4 address, of the /64 of an IPv6 address.
pub(crate) fn zone_of(address: IpAddr) -> Result<ZoneName, NameError> {
    let host = match address {
        IpAddr::V4(_) => 1,
        IpAddr::V6(_) => 16,
    };
    ZoneName::parse(&name(address, host))
}

/// The name without its first `skip` labels.
fn name(address: IpAddr, skip: usize) -> String {
    let mut name = String::with_capacity(74);
    // Writing to a String cannot fail.
    match address {
        IpAddr::V4(address) => {
            for octet in address.octets().iter().rev().skip(skip) {
                let _ = write!(name, "{octet}.");
            }
            name.push_str("in-addr.arpa.");
        }
        IpAddr::V6(address) => {
            let octets = address.octets();
            let nibbles = octets.iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            for nibble in nibbles.skip(skip) {
                let _ = write!(name, "{nibble:x}.");
            }
            name.push_str("ip6.arpa.");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(address: &str) -> (String, String) {
        let address = address.parse().unwrap();
        (
            owner_of(address).unwrap().to_string(),
            zone_of(address).unwrap().to_string(),
        )
    }

    #[test]
    fn an_address_has_its_name_and_zone() {
        assert_eq!(
            names("192.0.2.10"),
            (
                "10.2.0.192.in-addr.arpa.".to_owned(),
                "2.0.192.in-addr.arpa.".to_owned()
            )
        );
        let (owner, zone) = names("2001:db8:1:2::f0a1");
        let host = "1.a.0.f.0.0.0.0.0.0.0.0.0.0.0.0.";
        assert_eq!(zone, "2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.");
        assert_eq!(owner, format!("{host}{zone}"));
    }

    #[test]
    fn the_owner_lies_in_the_zone() {
        for address in [
            "0.0.0.0",
            "255.255.255.255",
            "::",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            let address = address.parse().unwrap();
            assert!(owner_of(address).unwrap().is_in(&zone_of(address).unwrap()));
        }
    }
}
