//! The parameters of SVCB and HTTPS records (RFC 9460 §7, RFC 9461 §5).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use data_encoding::BASE64;

use super::RdataError;
use super::text::{write_escaped, write_quoted};
use super::text_input::decimal;
use crate::fields::excerpt;

/// A service parameter's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u16);

const NAMES: [&str; 8] = [
    "mandatory",
    "alpn",
    "no-default-alpn",
    "port",
    "ipv4hint",
    "ech",
    "ipv6hint",
    "dohpath",
];

/// The protocols that Designate takes in `alpn`.
const PROTOCOLS: [&[u8]; 5] = [b"h3", b"h2", b"h2c", b"http/1.1", b"http/1.0"];

impl Key {
    pub(super) const MANDATORY: Self = Self(0);
    pub(super) const ALPN: Self = Self(1);
    pub(super) const NO_DEFAULT_ALPN: Self = Self(2);
    const PORT: Self = Self(3);
    const IPV4_HINT: Self = Self(4);
    const ECH: Self = Self(5);
    const IPV6_HINT: Self = Self(6);
    pub(super) const DOHPATH: Self = Self(7);

    pub(super) fn from_number(number: u16) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> u16 {
        self.0
    }

    /// Whether a name stands for it.
    pub(super) fn has_name(self) -> bool {
        usize::from(self.0) < NAMES.len()
    }

    /// Reads a key's name, or `keyNNNNN` without leading zeros; 65535 is reserved (RFC 9460 §14.3.2).
    pub(super) fn parse(name: &[u8]) -> Result<Self, RdataError> {
        if let Some(number) = (0u16..)
            .zip(NAMES)
            .find_map(|(number, known)| known.as_bytes().eq_ignore_ascii_case(name).then_some(number))
        {
            return Ok(Self(number));
        }
        let unknown = || RdataError::UnknownParameter { key: excerpt(name) };
        let (prefix, digits) = name.split_at_checked(3).ok_or_else(unknown)?;
        let shortest = digits == b"0" || digits.first() != Some(&b'0');
        decimal(digits)
            .filter(|_| shortest && prefix.eq_ignore_ascii_case(b"key"))
            .and_then(|number| u16::try_from(number).ok())
            .filter(|number| *number != u16::MAX)
            .map(Self)
            .ok_or_else(unknown)
    }

    fn bad(self, expected: &'static str) -> RdataError {
        RdataError::BadParameter {
            key: self.to_string(),
            expected,
        }
    }

    /// The wire form of a value given as text, its escapes decoded.
    pub(super) fn encode(self, text: &[u8], api: bool) -> Result<Vec<u8>, RdataError> {
        match self {
            Self::MANDATORY => self.encode_mandatory(text),
            Self::ALPN => self.encode_protocols(text, api),
            Self::NO_DEFAULT_ALPN => Err(self.bad("absent; this parameter has none")),
            Self::PORT => {
                let port = decimal(text).and_then(|port| u16::try_from(port).ok());
                port.map(|port| port.to_be_bytes().to_vec())
                    .ok_or_else(|| self.bad("a port from 0 to 65535"))
            }
            Self::IPV4_HINT => self.encode_addresses(text, |address: Ipv4Addr| address.octets()),
            Self::IPV6_HINT => self.encode_addresses(text, |address: Ipv6Addr| address.octets()),
            Self::ECH => BASE64.decode(text).map_err(|_| self.bad("in Base64")),
            Self::DOHPATH if api && !is_doh_path(text) => {
                Err(self.bad("a path with the variable {?dns}, as in /dns-query{?dns}"))
            }
            _ => Ok(text.to_vec()),
        }
    }

    fn encode_mandatory(self, text: &[u8]) -> Result<Vec<u8>, RdataError> {
        let keys: Result<Vec<Self>, _> = text.split(|octet| *octet == b',').map(Self::parse).collect();
        let mut keys = keys?;
        keys.sort_unstable();
        Ok(keys.iter().flat_map(|key| key.0.to_be_bytes()).collect())
    }

    /// A list in which `\,` and `\\` stand for the characters themselves (RFC 9460 appendix A.1).
    fn encode_protocols(self, text: &[u8], api: bool) -> Result<Vec<u8>, RdataError> {
        let expected = if api {
            "a list of h3, h2, h2c, http/1.1 and http/1.0"
        } else {
            "a list of protocols of 1 to 255 octets each"
        };
        let mut wire = vec![0];
        let (mut start, mut rest) = (0, text);
        loop {
            match rest {
                [b'\\', octet @ (b',' | b'\\'), tail @ ..] => {
                    wire.push(*octet);
                    rest = tail;
                }
                [b'\\', ..] => return Err(self.bad(expected)),
                [b',', ..] | [] => {
                    let protocol = &wire[start + 1..];
                    let length = u8::try_from(protocol.len()).ok().filter(|length| *length > 0);
                    if api && !PROTOCOLS.contains(&protocol) {
                        return Err(self.bad(expected));
                    }
                    wire[start] = length.ok_or_else(|| self.bad(expected))?;
                    let Some((_, tail)) = rest.split_first() else {
                        return Ok(wire);
                    };
                    start = wire.len();
                    wire.push(0);
                    rest = tail;
                }
                [octet, tail @ ..] => {
                    wire.push(*octet);
                    rest = tail;
                }
            }
        }
    }

    fn encode_addresses<T: FromStr, const N: usize>(
        self,
        text: &[u8],
        octets: impl Fn(T) -> [u8; N],
    ) -> Result<Vec<u8>, RdataError> {
        let text = std::str::from_utf8(text).map_err(|_| self.bad(ADDRESSES))?;
        let mut wire = Vec::with_capacity(N);
        for address in text.split(',') {
            wire.extend(octets(address.parse().map_err(|_| self.bad(ADDRESSES))?));
        }
        Ok(wire)
    }

    /// Checks the wire form of a value.
    pub(super) fn check(self, value: &[u8]) -> Result<(), RdataError> {
        let (fits, expected) = match self {
            Self::MANDATORY => {
                let (keys, rest) = value.as_chunks::<2>();
                let sorted = keys.is_sorted_by(|a, b| a < b);
                let others = keys.first().is_some_and(|key| *key != [0, 0]);
                (
                    rest.is_empty() && sorted && others,
                    "a list of other keys, each once",
                )
            }
            Self::ALPN => {
                let octets: usize = protocols(value).map(|id| 1 + id.len()).sum();
                let fits = octets == value.len() && protocols(value).all(|id| !id.is_empty());
                (fits && octets > 0, "a list of protocols of 1 to 255 octets each")
            }
            Self::NO_DEFAULT_ALPN => (value.is_empty(), "absent; this parameter has none"),
            Self::PORT => (value.len() == 2, "a port from 0 to 65535"),
            Self::IPV4_HINT => (!value.is_empty() && value.len().is_multiple_of(4), ADDRESSES),
            Self::IPV6_HINT => (!value.is_empty() && value.len().is_multiple_of(16), ADDRESSES),
            Self::ECH => (!value.is_empty(), "in Base64"),
            Self::DOHPATH => {
                let fits = !value.is_empty() && std::str::from_utf8(value).is_ok();
                (fits, "a path with the variable {?dns}")
            }
            _ => (true, ""),
        };
        if fits { Ok(()) } else { Err(self.bad(expected)) }
    }

    /// Writes the parameter as text.
    pub(super) fn write(self, f: &mut fmt::Formatter<'_>, value: &[u8]) -> fmt::Result {
        write!(f, "{self}")?;
        if value.is_empty() {
            return Ok(());
        }
        f.write_str("=")?;
        match self {
            Self::MANDATORY => {
                let keys = value.as_chunks().0.iter();
                write_list(f, keys.map(|key| Self(u16::from_be_bytes(*key))))
            }
            Self::ALPN => write_protocols(f, value),
            Self::PORT => value
                .as_chunks()
                .0
                .iter()
                .try_for_each(|port| write!(f, "{}", u16::from_be_bytes(*port))),
            Self::IPV4_HINT => write_list(
                f,
                value
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|octets| Ipv4Addr::from(*octets)),
            ),
            Self::IPV6_HINT => write_list(
                f,
                value
                    .as_chunks::<16>()
                    .0
                    .iter()
                    .map(|octets| Ipv6Addr::from(*octets)),
            ),
            Self::ECH => write!(f, "{}", BASE64.encode_display(value)),
            _ => write_quoted(f, value),
        }
    }
}

const ADDRESSES: &str = "a list of addresses of the parameter's family, separated by commas";

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "key{}", self.0),
        }
    }
}

/// The protocol ids of an `alpn` value in wire form; ends early when one is cut short.
pub(super) fn protocols(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let (length, tail) = rest.split_first()?;
        let (id, tail) = tail.split_at_checked(usize::from(*length))?;
        rest = tail;
        Some(id)
    })
}

/// A relative URI template that takes the query in `dns` (RFC 9461 §5).
fn is_doh_path(path: &[u8]) -> bool {
    path.starts_with(b"/") && path.windows(6).any(|window| window == b"{?dns}")
}

fn write_list(f: &mut fmt::Formatter<'_>, items: impl Iterator<Item = impl fmt::Display>) -> fmt::Result {
    for (at, item) in items.enumerate() {
        let comma = if at > 0 { "," } else { "" };
        write!(f, "{comma}{item}")?;
    }
    Ok(())
}

fn write_protocols(f: &mut fmt::Formatter<'_>, value: &[u8]) -> fmt::Result {
    f.write_str("\"")?;
    for (at, id) in protocols(value).enumerate() {
        if at > 0 {
            f.write_str(",")?;
        }
        for octet in id {
            match octet {
                // Escaped for the list, and the backslash once more for the string around it.
                b',' => f.write_str("\\\\,")?,
                b'\\' => f.write_str("\\\\\\\\")?,
                octet => write_escaped(f, &[*octet])?,
            }
        }
    }
    f.write_str("\"")
}
