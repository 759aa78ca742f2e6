//! CAA (RFC 8659).

use std::fmt;

use super::RdataError;
use super::octets::Octets;
use super::text::{has_bare_quote, write_quoted};
use super::text_input::TextInput;
use crate::fields::{decode, excerpt};

pub(super) fn parse(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    let flags = input.number("flags", 0, 255)?;
    // 128 is the critical bit (RFC 8659 §4.1); 1 was meant by many who wrote it, so Designate has it.
    if input.is_api() && !matches!(flags, 0 | 1 | 128) {
        let value = flags.to_string();
        return Err(RdataError::BadValue {
            field: "flags",
            value,
            expected: "0, 1 or 128",
        });
    }
    input.wire.push(flags as u8);
    let tag = input.fields.require("tag")?.raw;
    if tag.is_empty() || tag.len() > 255 || !tag.iter().all(u8::is_ascii_alphanumeric) {
        return Err(bad("tag", tag, "made of letters and digits"));
    }
    input.wire.push(tag.len() as u8);
    input.wire.extend_from_slice(tag);
    let value = input.fields.require("value")?;
    if !value.quoted && has_bare_quote(value.raw) {
        return Err(RdataError::UnescapedQuote);
    }
    let start = input.wire.len();
    decode(value.raw, &mut input.wire)?;
    if !input.is_api() {
        return Ok(());
    }
    if !value.quoted && input.fields.clone().next()?.is_some() {
        return Err(RdataError::UnquotedSpaces);
    }
    let decoded = &input.wire[start..];
    match () {
        () if is(tag, "issue") || is(tag, "issuewild") => {
            if is_issuer(decoded) {
                return Ok(());
            }
            let expected = "the domain of an issuer, \";\" for none, or either with parameters \
                            as in \"ca.example.net; policy=ev\"";
            Err(bad("value", value.raw, expected))
        }
        () if is(tag, "iodef") => {
            if is_report_url(decoded) {
                return Ok(());
            }
            Err(bad(
                "value",
                value.raw,
                "a URL that begins with mailto:, http: or https:",
            ))
        }
        () => Err(bad("tag", tag, "issue, issuewild or iodef")),
    }
}

fn is(tag: &[u8], name: &str) -> bool {
    tag.eq_ignore_ascii_case(name.as_bytes())
}

fn bad(field: &'static str, value: &[u8], expected: &'static str) -> RdataError {
    RdataError::BadValue {
        field,
        value: excerpt(value),
        expected,
    }
}

/// The value of `issue` and `issuewild` (RFC 8659 §4.2): a domain or nothing, then parameters.
fn is_issuer(value: &[u8]) -> bool {
    let mut parts = value.split(|octet| *octet == b';').map(<[u8]>::trim_ascii);
    let domain = parts.next().unwrap_or_default();
    let domain_fits = domain.is_empty() || domain.split(|octet| *octet == b'.').all(is_label);
    domain_fits
        && parts.clone().enumerate().all(|(at, parameter)| {
            // A ';' with nothing after it ends the value; between two there must be a parameter.
            is_parameter(parameter) || parameter.is_empty() && parts.clone().count() == at + 1
        })
}

/// Letters and digits with hyphens between them, as in a domain's label and a parameter's tag.
fn is_label(label: &[u8]) -> bool {
    label
        .iter()
        .all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
        && label.first().is_some_and(|octet| *octet != b'-')
        && label.last() != Some(&b'-')
}

fn is_parameter(parameter: &[u8]) -> bool {
    let Some(at) = parameter.iter().position(|octet| *octet == b'=') else {
        return false;
    };
    let (tag, value) = (parameter[..at].trim_ascii(), parameter[at + 1..].trim_ascii());
    is_label(tag) && value.iter().all(u8::is_ascii_graphic)
}

fn is_report_url(value: &[u8]) -> bool {
    [&b"mailto:"[..], b"http://", b"https://"].iter().any(|scheme| {
        let (start, rest) = value.split_at(scheme.len().min(value.len()));
        start.eq_ignore_ascii_case(scheme)
            && !rest.is_empty()
            && rest.iter().all(|octet| octet.is_ascii_graphic())
    })
}

pub(super) fn check(octets: &mut Octets<'_>) -> Option<()> {
    octets.u8()?;
    let tag = octets.string()?;
    octets.rest();
    (!tag.is_empty() && tag.iter().all(u8::is_ascii_alphanumeric)).then_some(())
}

pub(super) fn write(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    let (flags, tag) = (octets.u8()?, std::str::from_utf8(octets.string()?).ok()?);
    let value = octets.rest();
    Some(write!(f, "{flags} {tag} ").and_then(|()| write_quoted(f, value)))
}
