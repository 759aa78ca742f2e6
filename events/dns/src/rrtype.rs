//! Types of resource records.

use std::fmt;
use std::str::FromStr;

/// A type of resource record, or of question, by its number (IANA DNS parameters).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rrtype(u16);

/// The text is neither a type's mnemonic nor `TYPE` and a number up to 65535.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the record type is not known; types without a name here are written TYPE and their number")]
pub struct ParseRrtypeError;

macro_rules! rrtypes {
    ($($(#[$doc:meta])* $name:ident = $number:literal),* $(,)?) => {
        impl Rrtype {
            $($(#[$doc])* pub const $name: Rrtype = Rrtype($number);)*

            /// The mnemonic, where this crate knows one.
            pub const fn mnemonic(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }

        /// Every type with a mnemonic.
        const NAMED: &[(&str, Rrtype)] = &[$((stringify!($name), Rrtype($number))),*];
    };
}

rrtypes! {
    /// IPv4 address (RFC 1035).
    A = 1,
    /// Name server (RFC 1035).
    NS = 2,
    /// Alias (RFC 1035).
    CNAME = 5,
    /// Start of authority (RFC 1035).
    SOA = 6,
    /// Pointer (RFC 1035).
    PTR = 12,
    /// Mail exchange (RFC 1035).
    MX = 15,
    /// Text (RFC 1035).
    TXT = 16,
    /// IPv6 address (RFC 3596).
    AAAA = 28,
    /// Service location (RFC 2782).
    SRV = 33,
    /// Naming authority pointer (RFC 3403).
    NAPTR = 35,
    /// Certificate (RFC 4398).
    CERT = 37,
    /// EDNS pseudo-record (RFC 6891).
    OPT = 41,
    /// SSH key fingerprint (RFC 4255).
    SSHFP = 44,
    /// TLS certificate association (RFC 6698).
    TLSA = 52,
    /// Service binding (RFC 9460).
    SVCB = 64,
    /// Service binding for HTTPS (RFC 9460).
    HTTPS = 65,
    /// Sender policy (RFC 4408; obsolete, kept for Designate's users).
    SPF = 99,
    /// Transaction signature (RFC 8945).
    TSIG = 250,
    /// Incremental zone transfer (RFC 1995).
    IXFR = 251,
    /// Zone transfer (RFC 5936).
    AXFR = 252,
    /// Any type, in a question (RFC 8482).
    ANY = 255,
    /// Certification authority authorization (RFC 8659).
    CAA = 257,
}

impl Rrtype {
    /// The types a recordset may have, in the order in which Designate lists them.
    pub const SUPPORTED: &'static [Self] = &[
        Self::A,
        Self::AAAA,
        Self::CNAME,
        Self::MX,
        Self::SRV,
        Self::TXT,
        Self::SPF,
        Self::NS,
        Self::PTR,
        Self::SSHFP,
        Self::SOA,
        Self::NAPTR,
        Self::CAA,
        Self::CERT,
        Self::HTTPS,
        Self::SVCB,
        Self::TLSA,
    ];

    /// The type with this number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The type's number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Reads a mnemonic in any case, or `TYPE` and a number (RFC 3597 §5).
    pub fn parse(text: &str) -> Result<Self, ParseRrtypeError> {
        Self::parse_octets(text.as_bytes())
    }

    pub(crate) fn parse_octets(text: &[u8]) -> Result<Self, ParseRrtypeError> {
        if let Some((_, rrtype)) = NAMED
            .iter()
            .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(text))
        {
            return Ok(*rrtype);
        }
        let (prefix, digits) = text.split_at_checked(4).ok_or(ParseRrtypeError)?;
        if !prefix.eq_ignore_ascii_case(b"TYPE") || !digits.iter().all(u8::is_ascii_digit) {
            return Err(ParseRrtypeError);
        }
        let number = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok());
        number.map(Self).ok_or(ParseRrtypeError)
    }

    /// Whether a recordset may have this type.
    pub fn is_supported(self) -> bool {
        Self::SUPPORTED.contains(&self)
    }
}

impl fmt::Display for Rrtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(mnemonic) => f.pad(mnemonic),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl FromStr for Rrtype {
    type Err = ParseRrtypeError;

    fn from_str(text: &str) -> Result<Self, ParseRrtypeError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mnemonics_are_read_in_any_case_and_written_in_one() {
        assert_eq!(Rrtype::parse("aaaa"), Ok(Rrtype::AAAA));
        assert_eq!(Rrtype::parse("TYPE28"), Ok(Rrtype::AAAA));
        assert_eq!(Rrtype::parse("type65535").unwrap().to_string(), "TYPE65535");
        assert_eq!(Rrtype::CAA.to_string(), "CAA");
        for text in ["", "TYPE", "TYPE65536", "TYPE-1", "TYPE+1", "AAA", "ÄTYPE1"] {
            assert_eq!(Rrtype::parse(text), Err(ParseRrtypeError), "{text}");
        }
    }

    #[test]
    fn questions_are_no_records() {
        assert_eq!(Rrtype::SUPPORTED.len(), 17);
        for rrtype in [Rrtype::AXFR, Rrtype::IXFR, Rrtype::ANY, Rrtype::OPT, Rrtype::TSIG] {
            assert!(!rrtype.is_supported());
        }
    }
}
