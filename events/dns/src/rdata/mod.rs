//! Record data: text in, wire form kept, canonical text out.

mod address;
mod caa;
mod certificate;
mod error;
mod naptr;
mod octets;
mod service_binding;
mod service_parameter;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod text_input;
mod unknown;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

pub use error::RdataError;

use crate::fields::Fields;
use crate::name::{Name, wire_length};
use crate::owner_name::OwnerName;
use crate::rrtype::Rrtype;
use octets::Octets;
use text_input::TextInput;

/// The most octets of rdata a record can have: its length is sent in 16 bits.
const MAX_RDATA: usize = 65_535;

/// The data of a record, in uncompressed wire form, well formed for its type.
///
/// Data is equal, hashes and sorts by type and canonical form: names inside compare without regard
/// to case for the types of RFC 4034 §6.2 (as RFC 6840 §5.1 corrects it), all else octet by octet.
#[derive(Clone)]
pub struct Rdata {
    rrtype: Rrtype,
    wire: Box<[u8]>,
}

impl Rdata {
    /// Reads the text of a record as the API takes it, with Designate's rules for each type: names
    /// absolute, numbers without leading zeros, texts with spaces in quotation marks. Types outside
    /// [`Rrtype::SUPPORTED`] are read in the form of RFC 3597.
    pub fn parse(rrtype: Rrtype, text: &str) -> Result<Self, RdataError> {
        Self::parse_input(rrtype, TextInput::api(text))
    }

    /// Reads the text of a record as it stands in a master file below `origin`: names may be
    /// relative, everything that has a wire form is allowed, and the form of RFC 3597 §5 too.
    pub fn parse_relative(rrtype: Rrtype, text: &str, origin: &Name) -> Result<Self, RdataError> {
        Self::parse_fields(rrtype, Fields::new(text.as_bytes()), origin)
    }

    /// As [`Rdata::parse_relative`], from the fields left of a record.
    pub(crate) fn parse_fields(
        rrtype: Rrtype,
        fields: Fields<'_>,
        origin: &Name,
    ) -> Result<Self, RdataError> {
        if fields.is_generic() {
            return unknown::parse(rrtype, fields);
        }
        Self::parse_input(rrtype, TextInput::master_file(fields, origin))
    }

    fn parse_input(rrtype: Rrtype, mut input: TextInput<'_>) -> Result<Self, RdataError> {
        match rrtype {
            Rrtype::A => address::parse_a(&mut input)?,
            Rrtype::AAAA => address::parse_aaaa(&mut input)?,
            Rrtype::CNAME | Rrtype::NS | Rrtype::PTR => target::parse_name(&mut input)?,
            Rrtype::MX => target::parse_mx(&mut input)?,
            Rrtype::SRV => target::parse_srv(&mut input)?,
            Rrtype::SOA => target::parse_soa(&mut input)?,
            Rrtype::TXT => text::parse_txt(&mut input)?,
            Rrtype::SPF => text::parse_spf(&mut input)?,
            Rrtype::SSHFP => certificate::parse_sshfp(&mut input)?,
            Rrtype::CERT => certificate::parse_cert(&mut input)?,
            Rrtype::TLSA => certificate::parse_tlsa(&mut input)?,
            Rrtype::NAPTR => naptr::parse(&mut input)?,
            Rrtype::CAA => caa::parse(&mut input)?,
            Rrtype::SVCB | Rrtype::HTTPS => service_binding::parse(rrtype, &mut input)?,
            _ if input.fields.is_generic() => return unknown::parse(rrtype, input.fields),
            _ => return Err(RdataError::NoTextForm { rrtype }),
        }
        input.fields.end()?;
        if input.wire.len() > MAX_RDATA {
            return Err(RdataError::TooLong);
        }
        Ok(Self::from_checked(rrtype, input.wire))
    }

    /// Takes the octets of a message or the database, names uncompressed, and checks that they have
    /// the form of the type. Data of types not listed in [`Rrtype::SUPPORTED`] is kept as it is (RFC 3597 §3).
    pub fn from_wire(rrtype: Rrtype, wire: &[u8]) -> Result<Self, RdataError> {
        if wire.len() > MAX_RDATA {
            return Err(RdataError::TooLong);
        }
        let octets = &mut Octets::new(wire);
        let checked = match rrtype {
            Rrtype::A => octets.take(4).map(drop),
            Rrtype::AAAA => octets.take(16).map(drop),
            Rrtype::CNAME | Rrtype::NS | Rrtype::PTR => octets.name().map(drop),
            Rrtype::MX => target::check_mx(octets),
            Rrtype::SRV => target::check_srv(octets),
            Rrtype::SOA => target::check_soa(octets),
            Rrtype::TXT | Rrtype::SPF => text::check(octets),
            Rrtype::SSHFP => certificate::check_sshfp(octets),
            Rrtype::CERT => certificate::check_cert(octets),
            Rrtype::TLSA => certificate::check_tlsa(octets),
            Rrtype::NAPTR => naptr::check(octets),
            Rrtype::CAA => caa::check(octets),
            Rrtype::SVCB | Rrtype::HTTPS => return service_binding::from_wire(rrtype, wire),
            _ => {
                return Ok(Self {
                    rrtype,
                    wire: wire.into(),
                });
            }
        };
        if checked.is_none() || !octets.is_empty() {
            return Err(RdataError::BadWire {
                rrtype,
                field: "length or a field",
            });
        }
        Ok(Self {
            rrtype,
            wire: wire.into(),
        })
    }

    /// Takes octets that are known to have the form of the type.
    pub(crate) fn from_checked(rrtype: Rrtype, wire: Vec<u8>) -> Self {
        Self {
            rrtype,
            wire: wire.into_boxed_slice(),
        }
    }

    /// The type of the record.
    pub fn rrtype(&self) -> Rrtype {
        self.rrtype
    }

    /// The uncompressed wire form, at most 65535 octets.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Checks the owner name of records of a type: no wildcard for NS, `_service._proto.` in front
    /// for SRV (RFC 2782), `_port._proto.` for TLSA (RFC 6698 §3).
    pub fn check_owner(rrtype: Rrtype, owner: &OwnerName) -> Result<(), RdataError> {
        let bad = |expected| Err(RdataError::BadOwner { rrtype, expected });
        match rrtype {
            Rrtype::NS if owner.is_wildcard() => bad("a name that is not a wildcard"),
            Rrtype::SRV if !target::is_service_owner(owner) => {
                bad("of the form _service._proto.name., for instance _sip._tcp.example.com.")
            }
            Rrtype::TLSA if !certificate::is_port_owner(owner) => {
                bad("of the form _port._proto.name., for instance _443._tcp.example.com.")
            }
            _ => Ok(()),
        }
    }

    /// Checks what depends on owner name and data together, besides [`Rdata::check_owner`]: a SVCB
    /// record for DNS servers (`_dns`) that offers HTTP needs `dohpath` (RFC 9461 §5.1).
    pub fn check_at(&self, owner: &OwnerName) -> Result<(), RdataError> {
        Self::check_owner(self.rrtype, owner)?;
        match self.rrtype {
            Rrtype::SVCB => service_binding::check_dns_owner(&self.wire, owner),
            _ => Ok(()),
        }
    }

    /// Where names stand in the wire form that a sender may compress: those of NS, CNAME, PTR, MX
    /// and SOA, the types of RFC 1035 (RFC 3597 §4).
    pub fn compressible_names(&self) -> impl Iterator<Item = Range<usize>> {
        let ranges = match self.rrtype {
            Rrtype::SRV | Rrtype::NAPTR => [None, None],
            _ => self.canonical_names(),
        };
        ranges.into_iter().flatten()
    }

    /// Where names stand that compare without regard to case.
    fn canonical_names(&self) -> [Option<Range<usize>>; 2] {
        let length = self.wire.len();
        match self.rrtype {
            Rrtype::NS | Rrtype::CNAME | Rrtype::PTR => [Some(0..length), None],
            Rrtype::MX => [Some(2..length), None],
            Rrtype::SRV => [Some(6..length), None],
            Rrtype::NAPTR => [Some(naptr::replacement_start(&self.wire)..length), None],
            Rrtype::SOA => {
                let mname = wire_length(&self.wire).unwrap_or(0);
                [Some(0..mname), Some(mname..length.saturating_sub(20))]
            }
            _ => [None, None],
        }
    }

    /// The octets of the canonical form (RFC 4034 §6.2).
    fn canonical_octets(&self) -> impl Iterator<Item = u8> {
        let [first, second] = self.canonical_names().map(Option::unwrap_or_default);
        self.wire.iter().enumerate().map(move |(at, octet)| {
            let in_name = first.contains(&at) || second.contains(&at);
            if in_name {
                octet.to_ascii_lowercase()
            } else {
                *octet
            }
        })
    }

    fn has_names(&self) -> bool {
        matches!(
            self.rrtype,
            Rrtype::NS | Rrtype::CNAME | Rrtype::PTR | Rrtype::MX | Rrtype::SRV | Rrtype::NAPTR | Rrtype::SOA
        )
    }
}

impl PartialEq for Rdata {
    fn eq(&self, other: &Self) -> bool {
        self.rrtype == other.rrtype
            && self.wire.len() == other.wire.len()
            && (self.wire == other.wire
                || self.has_names() && self.canonical_octets().eq(other.canonical_octets()))
    }
}

impl Eq for Rdata {}

impl Hash for Rdata {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rrtype.hash(state);
        self.wire.len().hash(state);
        if self.has_names() {
            self.canonical_octets().for_each(|octet| state.write_u8(octet));
        } else {
            state.write(&self.wire);
        }
    }
}

impl Ord for Rdata {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rrtype.cmp(&other.rrtype).then_with(|| {
            if self.has_names() {
                self.canonical_octets().cmp(other.canonical_octets())
            } else {
                self.wire.cmp(&other.wire)
            }
        })
    }
}

impl PartialOrd for Rdata {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Rdata {
    /// The presentation form, one line: names absolute, texts quoted and escaped, data of types
    /// without a form of their own as RFC 3597 §5 says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = &mut Octets::new(&self.wire);
        let written = match self.rrtype {
            Rrtype::A => address::write_a(f, octets),
            Rrtype::AAAA => address::write_aaaa(f, octets),
            Rrtype::CNAME | Rrtype::NS | Rrtype::PTR => target::write_name(f, octets),
            Rrtype::MX => target::write_mx(f, octets),
            Rrtype::SRV => target::write_srv(f, octets),
            Rrtype::SOA => target::write_soa(f, octets),
            Rrtype::TXT | Rrtype::SPF => text::write(f, octets),
            Rrtype::SSHFP => certificate::write_sshfp(f, octets),
            Rrtype::CERT => certificate::write_cert(f, octets),
            Rrtype::TLSA => certificate::write_tlsa(f, octets),
            Rrtype::NAPTR => naptr::write(f, octets),
            Rrtype::CAA => caa::write(f, octets),
            Rrtype::SVCB | Rrtype::HTTPS => service_binding::write(f, octets),
            _ => unknown::write(f, octets),
        };
        // Nothing is missing, because only well-formed data becomes an `Rdata`.
        written.unwrap_or(Ok(()))
    }
}

impl fmt::Debug for Rdata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rdata({} {self})", self.rrtype)
    }
}
