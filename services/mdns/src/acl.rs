//! Who may ask: lists of address prefixes.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A list of prefixes; the empty list is everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl(Vec<IpNet>);

/// An entry of a list that is no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AclError {
    /// Neither an address nor a prefix.
    #[error("`{entry}` is neither an address nor a prefix such as 192.0.2.0/24 or 2001:db8::/32")]
    Unreadable {
        /// What was given.
        entry: String,
    },
    /// A prefix with bits set behind its length: perhaps not what was meant.
    #[error("`{entry}` has bits set behind its prefix; write {meant} for the whole of it")]
    HostBits {
        /// What was given.
        entry: String,
        /// The prefix of that length.
        meant: IpNet,
    },
}

impl Acl {
    /// Reads a list of addresses (`192.0.2.1`) and prefixes (`2001:db8::/32`).
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, AclError> {
        let prefixes = entries.iter().map(|entry| prefix(entry.as_ref()));
        prefixes.collect::<Result<_, _>>().map(Self)
    }

    /// Whether an address is in the list. IPv4 in IPv6 (RFC 4291 §2.5.5.2) counts as IPv4.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.is_empty() || self.0.iter().any(|prefix| prefix.contains(&address))
    }
}

fn prefix(entry: &str) -> Result<IpNet, AclError> {
    let unreadable = |_| AclError::Unreadable {
        entry: entry.to_owned(),
    };
    if let Ok(address) = IpAddr::from_str(entry) {
        return Ok(address.to_canonical().into());
    }
    let prefix: IpNet = entry.parse().map_err(unreadable)?;
    let meant = prefix.trunc();
    if meant != prefix {
        return Err(AclError::HostBits {
            entry: entry.to_owned(),
            meant,
        });
    }
    Ok(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(list: &[&str], address: &str) -> bool {
        Acl::parse(list).unwrap().permits(address.parse().unwrap())
    }

    #[test]
    fn an_empty_list_is_everybody() {
        assert!(permits(&[], "192.0.2.1"));
        assert!(permits(&[], "2001:db8::1"));
    }

    #[test]
    fn a_list_is_its_prefixes_and_nobody_else() {
        let list = ["192.0.2.0/24", "198.51.100.7", "2001:db8:1::/48"];
        for address in [
            "192.0.2.0",
            "192.0.2.255",
            "198.51.100.7",
            "2001:db8:1:ffff::1",
            "::ffff:192.0.2.9",
        ] {
            assert!(permits(&list, address), "{address}");
        }
        for address in [
            "192.0.3.0",
            "198.51.100.8",
            "2001:db8:2::",
            "::1",
            "::ffff:192.0.3.9",
        ] {
            assert!(!permits(&list, address), "{address}");
        }
        assert!(permits(&["0.0.0.0/0"], "203.0.113.1"));
        assert!(!permits(&["0.0.0.0/0"], "2001:db8::1"), "a family is its own");
    }

    #[test]
    fn an_entry_that_is_no_prefix_is_named() {
        for entry in [
            "",
            "192.0.2",
            "192.0.2.0/33",
            "example.org",
            "2001:db8::/129",
            "10.0.0.0/-1",
        ] {
            let error = Acl::parse(&[entry]).unwrap_err();
            assert!(error.to_string().contains(&format!("`{entry}`")), "{error}");
        }
        let error = Acl::parse(&["192.0.2.1/24"]).unwrap_err();
        assert!(error.to_string().contains("write 192.0.2.0/24"), "{error}");
    }
}
