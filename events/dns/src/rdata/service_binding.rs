//! SVCB and HTTPS (RFC 9460).

use std::fmt;

use super::octets::Octets;
use super::service_parameter::{self as parameter, Key};
use super::text::has_bare_quote;
use super::text_input::TextInput;
use super::{Rdata, RdataError};
use crate::fields::{decode, excerpt};
use crate::name::{Name, write_wire_name};
use crate::rrtype::Rrtype;

pub(super) fn parse(rrtype: Rrtype, input: &mut TextInput<'_>) -> Result<(), RdataError> {
    input.u16("priority")?;
    input.name("target", true)?;
    let mut parameters: Vec<(Key, Vec<u8>)> = Vec::new();
    while let Some(field) = input.fields.next()? {
        if field.quoted {
            return Err(RdataError::UnexpectedField {
                value: excerpt(field.raw),
            });
        }
        let (name, value) = split(field.raw)?;
        let key = Key::parse(name)?;
        if input.is_api() && rrtype == Rrtype::HTTPS && name.eq_ignore_ascii_case(b"dohpath") {
            // Only SVCB records of DNS servers have it (RFC 9461).
            return Err(RdataError::UnknownParameter { key: excerpt(name) });
        }
        if parameters.iter().any(|(other, _)| *other == key) {
            return Err(RdataError::DuplicateParameter { key: key.to_string() });
        }
        let generic = name.len() > 3 && name[..3].eq_ignore_ascii_case(b"key");
        if input.is_api() && generic && key.has_name() {
            // By its number a parameter would pass what its name is checked for, and be printed by its name after all.
            return Err(RdataError::BadParameter {
                key: excerpt(name),
                expected: "the parameter's name in place of its number",
            });
        }
        let wire = match value {
            Some(value) if generic => value,
            Some(value) => key.encode(&value, input.is_api())?,
            None => Vec::new(),
        };
        key.check(&wire)?;
        parameters.push((key, wire));
    }
    parameters.sort_unstable_by_key(|(key, _)| *key);
    for (key, value) in &parameters {
        let length = u16::try_from(value.len()).map_err(|_| RdataError::TooLong)?;
        input.wire.extend_from_slice(&key.number().to_be_bytes());
        input.wire.extend_from_slice(&length.to_be_bytes());
        input.wire.extend_from_slice(value);
    }
    if input.is_api() {
        check_consistency(&parameters)
    } else {
        Ok(())
    }
}

/// Takes `key`, `key=value` or `key="value"` apart and decodes the value's escapes.
fn split(raw: &[u8]) -> Result<(&[u8], Option<Vec<u8>>), RdataError> {
    let Some(at) = raw.iter().position(|octet| *octet == b'=') else {
        return Ok((raw, None));
    };
    let (name, value) = (&raw[..at], &raw[at + 1..]);
    let value = match value {
        [b'"', inner @ .., b'"'] if !has_bare_quote(inner) => inner,
        value if has_bare_quote(value) => return Err(RdataError::UnescapedQuote),
        value => value,
    };
    let mut decoded = Vec::with_capacity(value.len());
    decode(value, &mut decoded)?;
    Ok((name, Some(decoded)))
}

/// The rules between parameters that clients reject a record for (RFC 9460 §2.4.3, §7.1.1, §8).
fn check_consistency(parameters: &[(Key, Vec<u8>)]) -> Result<(), RdataError> {
    let has = |key| parameters.iter().any(|(other, _)| *other == key);
    if has(Key::NO_DEFAULT_ALPN) && !has(Key::ALPN) {
        let needed = "alpn".to_owned();
        return Err(RdataError::MissingParameter {
            key: "no-default-alpn",
            needed,
        });
    }
    let mandatory = parameters.iter().find(|(key, _)| *key == Key::MANDATORY);
    for key in mandatory.map_or(&[][..], |(_, value)| value.as_chunks().0) {
        let key = Key::from_number(u16::from_be_bytes(*key));
        if !has(key) {
            let needed = key.to_string();
            return Err(RdataError::MissingParameter {
                key: "mandatory",
                needed,
            });
        }
    }
    Ok(())
}

pub(super) fn from_wire(rrtype: Rrtype, wire: &[u8]) -> Result<Rdata, RdataError> {
    let wrong = |field| RdataError::BadWire { rrtype, field };
    let mut octets = Octets::new(wire);
    octets.u16().ok_or(wrong("priority"))?;
    octets.name().ok_or(wrong("target"))?;
    let mut last = None;
    while !octets.is_empty() {
        let (key, value) = next_parameter(&mut octets).ok_or(wrong("service parameters"))?;
        if last.is_some_and(|last| last >= key) || key.number() == u16::MAX {
            return Err(wrong("order of the service parameters"));
        }
        key.check(value)?;
        last = Some(key);
    }
    Ok(Rdata::from_checked(rrtype, wire.to_vec()))
}

fn next_parameter<'a>(octets: &mut Octets<'a>) -> Option<(Key, &'a [u8])> {
    let key = Key::from_number(octets.u16()?);
    let length = octets.u16()?;
    Some((key, octets.take(length.into())?))
}

fn parameters(wire: &[u8]) -> impl Iterator<Item = (Key, &[u8])> {
    let mut octets = Octets::new(wire);
    let begun = octets.u16().and_then(|_| octets.name()).is_some();
    std::iter::from_fn(move || if begun { next_parameter(&mut octets) } else { None })
}

/// At an owner `_dns` (after `_port.`, where that is given), a record that offers HTTP must say
/// where on the server DNS is asked (RFC 9461 §4.1, §5.1).
pub(super) fn check_dns_owner(wire: &[u8], owner: &Name) -> Result<(), RdataError> {
    let mut labels = owner.labels();
    let first = labels.next();
    let is_port = |label: &[u8]| {
        label
            .strip_prefix(b"_")
            .is_some_and(|port| port.iter().all(u8::is_ascii_digit))
    };
    let service = if first.is_some_and(is_port) {
        labels.next()
    } else {
        first
    };
    if !service.is_some_and(|label| label.eq_ignore_ascii_case(b"_dns")) {
        return Ok(());
    }
    let offers_http = parameters(wire).any(|(key, value)| {
        key == Key::ALPN && parameter::protocols(value).any(|id| matches!(id, b"h2" | b"h3"))
    });
    if offers_http && !parameters(wire).any(|(key, _)| key == Key::DOHPATH) {
        let needed = "dohpath (HTTP is offered for DNS)".to_owned();
        return Err(RdataError::MissingParameter { key: "alpn", needed });
    }
    Ok(())
}

pub(super) fn write(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    let (priority, target) = (octets.u16()?, octets.name()?);
    let mut written = write!(f, "{priority} ").and_then(|()| write_wire_name(f, target));
    while !octets.is_empty() && written.is_ok() {
        let (key, value) = next_parameter(octets)?;
        written = f.write_str(" ").and_then(|()| key.write(f, value));
    }
    Some(written)
}
