//! Keys and certificates: SSHFP (RFC 4255), CERT (RFC 4398) and TLSA (RFC 6698).

use std::fmt;

use data_encoding::BASE64;

use super::RdataError;
use super::octets::Octets;
use super::text_input::{TextInput, decimal};
use super::unknown::write_hex;
use crate::fields::excerpt;
use crate::name::Name;

/// The API takes the algorithms and fingerprints that Designate takes, and fingerprints of 5 to 20
/// octets (SHA-1 has 20) or of 32 (SHA-256).
pub(super) fn parse_sshfp(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    input.u8_up_to("algorithm", 4)?;
    input.u8_up_to("fingerprint type", 2)?;
    let length = input.hex("fingerprint")?;
    if input.is_api() && !matches!(length, 5..=20 | 32) {
        let expected = "10 to 40 or 64 hexadecimal digits";
        return Err(RdataError::BadEncoding {
            field: "fingerprint",
            expected,
        });
    }
    Ok(())
}

pub(super) fn check_sshfp(octets: &mut Octets<'_>) -> Option<()> {
    octets.take(2)?;
    (!octets.rest().is_empty()).then_some(())
}

pub(super) fn write_sshfp(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    let (algorithm, kind) = (octets.u8()?, octets.u8()?);
    let fingerprint = octets.rest();
    Some(write!(f, "{algorithm} {kind} ").and_then(|()| write_hex(f, fingerprint)))
}

/// The API takes associations of exactly the digest's length: 32 octets of SHA-256, 64 of SHA-512.
pub(super) fn parse_tlsa(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    input.u8_up_to("certificate usage", 3)?;
    input.u8_up_to("selector", 1)?;
    input.u8_up_to("matching type", 2)?;
    let matching = input.wire.last().copied();
    let length = input.hex("certificate association data")?;
    let expected = match matching {
        _ if !input.is_api() => return Ok(()),
        Some(1) if length != 32 => "64 hexadecimal digits, a SHA-256 digest",
        Some(2) if length != 64 => "128 hexadecimal digits, a SHA-512 digest",
        _ => return Ok(()),
    };
    Err(RdataError::BadEncoding {
        field: "certificate association data",
        expected,
    })
}

pub(super) fn check_tlsa(octets: &mut Octets<'_>) -> Option<()> {
    octets.take(3)?;
    (!octets.rest().is_empty()).then_some(())
}

pub(super) fn write_tlsa(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    let (usage, selector, matching) = (octets.u8()?, octets.u8()?, octets.u8()?);
    let data = octets.rest();
    Some(write!(f, "{usage} {selector} {matching} ").and_then(|()| write_hex(f, data)))
}

/// Whether a name begins with `_port._proto.` and goes on after that.
pub(super) fn is_port_owner(owner: &Name) -> bool {
    let mut labels = owner.labels();
    let port = labels.next().and_then(|label| decimal(label.strip_prefix(b"_")?));
    let proto = labels
        .next()
        .is_some_and(|label| label.len() > 1 && label[0] == b'_');
    port.is_some_and(|port| port <= 65_535) && proto && labels.next().is_some()
}

/// Certificate types by name (RFC 4398 §2.1).
const CERTIFICATE_TYPES: &[(&str, u16)] = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];

/// DNSSEC algorithms by name (IANA DNS Security Algorithm Numbers).
const ALGORITHMS: &[(&str, u16)] = &[
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("ECC", 4),
    ("RSASHA1", 5),
    ("DSA-NSEC3-SHA1", 6),
    ("DSANSEC3SHA1", 6),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("RSASHA1NSEC3SHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECCGOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

pub(super) fn parse_cert(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    let expected = "a number up to 65535 or a certificate type's name such as PKIX";
    let kind = named_number(input, "certificate type", CERTIFICATE_TYPES, u16::MAX, expected)?;
    input.wire.extend_from_slice(&kind.to_be_bytes());
    input.u16("key tag")?;
    let expected = "a number up to 255 or a DNSSEC algorithm's name such as RSASHA256";
    let algorithm = named_number(input, "algorithm", ALGORITHMS, u8::MAX.into(), expected)?;
    input.wire.push(algorithm as u8);
    input.base64("certificate").map(drop)
}

fn named_number(
    input: &mut TextInput<'_>,
    field: &'static str,
    names: &[(&str, u16)],
    most: u16,
    expected: &'static str,
) -> Result<u16, RdataError> {
    let raw = input.fields.require(field)?.raw;
    if let Some((_, number)) = names
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(raw))
    {
        return Ok(*number);
    }
    decimal(raw)
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| *number <= most)
        .ok_or_else(|| RdataError::BadValue {
            field,
            value: excerpt(raw),
            expected,
        })
}

pub(super) fn check_cert(octets: &mut Octets<'_>) -> Option<()> {
    octets.take(5)?;
    (!octets.rest().is_empty()).then_some(())
}

pub(super) fn write_cert(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    let (kind, key_tag, algorithm) = (octets.u16()?, octets.u16()?, u16::from(octets.u8()?));
    let certificate = octets.rest();
    let write = |f: &mut fmt::Formatter<'_>| {
        write_named(f, kind, CERTIFICATE_TYPES)?;
        write!(f, " {key_tag} ")?;
        write_named(f, algorithm, ALGORITHMS)?;
        write!(f, " {}", BASE64.encode_display(certificate))
    };
    Some(write(f))
}

fn write_named(f: &mut fmt::Formatter<'_>, number: u16, names: &[(&str, u16)]) -> fmt::Result {
    match names.iter().find(|(_, named)| *named == number) {
        Some((name, _)) => f.write_str(name),
        None => write!(f, "{number}"),
    }
}
