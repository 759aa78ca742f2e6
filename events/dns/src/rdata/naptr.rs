//! NAPTR (RFC 3403 §4).

use std::fmt;

use super::RdataError;
use super::octets::Octets;
use super::text::write_quoted;
use super::text_input::TextInput;
use crate::fields::excerpt;
use crate::name::write_wire_name;

pub(super) fn parse(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    input.u16("order")?;
    input.u16("preference")?;
    let api = input.is_api();
    string(
        input,
        "flags",
        "made of the letters A, P, S and U, each at most once",
        |flags| !api || are_flags(flags),
    )?;
    string(
        input,
        "service",
        "made of letters, digits, '+', '-', '.', ':' and '_'",
        |service| {
            let plain = |o: &u8| o.is_ascii_alphanumeric() || b"+-.:_".contains(o);
            !api || service.iter().all(plain)
        },
    )?;
    string(input, "regexp", "of the form !pattern!replacement!", |regexp| {
        !api || regexp.is_empty() || is_substitution(regexp)
    })?;
    input.name("replacement", true)
}

fn string(
    input: &mut TextInput<'_>,
    field: &'static str,
    expected: &'static str,
    allowed: impl Fn(&[u8]) -> bool,
) -> Result<(), RdataError> {
    let start = input.wire.len();
    let raw = input.fields.require(field)?.raw;
    input.string(raw)?;
    if allowed(&input.wire[start + 1..]) {
        return Ok(());
    }
    Err(RdataError::BadValue {
        field,
        value: excerpt(raw),
        expected,
    })
}

fn are_flags(flags: &[u8]) -> bool {
    flags.iter().enumerate().all(|(at, flag)| {
        matches!(flag.to_ascii_uppercase(), b'A' | b'P' | b'S' | b'U')
            && !flags[..at]
                .iter()
                .any(|earlier| earlier.eq_ignore_ascii_case(flag))
    })
}

/// A substitution expression (RFC 3402 §3.2): its first character delimits pattern, replacement
/// and flags, and is no digit, no backslash and no `i`.
fn is_substitution(regexp: &[u8]) -> bool {
    let [delimiter, rest @ ..] = regexp else {
        return false;
    };
    if delimiter.is_ascii_digit() || matches!(delimiter, b'\\' | b'i') {
        return false;
    }
    let mut escaped = false;
    let mut parts = rest.split(|octet| {
        let ends = octet == delimiter && !escaped;
        escaped = *octet == b'\\' && !escaped;
        ends
    });
    let (pattern, replacement, flags) = (parts.next(), parts.next(), parts.next());
    pattern.is_some_and(|pattern| !pattern.is_empty())
        && replacement.is_some()
        && matches!(flags, Some(b"" | b"i"))
        && parts.next().is_none()
}

pub(super) fn check(octets: &mut Octets<'_>) -> Option<()> {
    octets.take(4)?;
    for _ in 0..3 {
        octets.string()?;
    }
    octets.name().map(drop)
}

/// Where the replacement's name begins.
pub(super) fn replacement_start(wire: &[u8]) -> usize {
    let mut octets = Octets::new(wire);
    let fixed = octets.take(4).map_or(0, <[u8]>::len);
    fixed
        + (0..3)
            .map_while(|_| octets.string())
            .map(|string| 1 + string.len())
            .sum::<usize>()
}

pub(super) fn write(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    let (order, preference) = (octets.u16()?, octets.u16()?);
    let strings = [octets.string()?, octets.string()?, octets.string()?];
    let replacement = octets.name()?;
    let write = |f: &mut fmt::Formatter<'_>| {
        write!(f, "{order} {preference} ")?;
        for string in strings {
            write_quoted(f, string)?;
            f.write_str(" ")?;
        }
        write_wire_name(f, replacement)
    };
    Some(write(f))
}
