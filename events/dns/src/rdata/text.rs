//! TXT (RFC 1035 §3.3.14) and SPF (RFC 4408 §3.1.1): one or more character-strings.

use std::fmt;

use super::RdataError;
use super::octets::Octets;
use super::text_input::TextInput;
use crate::fields::decode;

/// The most octets of a character-string (RFC 1035 §3.3).
const MAX_STRING: usize = 255;

/// The API takes one word, or any number of strings each in quotation marks.
pub(super) fn parse_txt(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    each_string(input, |input, raw| input.string(raw))
}

/// As TXT, but a string that is too long is cut into several, as Designate takes it; who reads the
/// record puts the strings together again (RFC 4408 §3.1.3).
pub(super) fn parse_spf(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    let mut text = Vec::new();
    each_string(input, |input, raw| {
        text.clear();
        decode(raw, &mut text)?;
        if text.is_empty() {
            input.wire.push(0);
        }
        for string in text.chunks(MAX_STRING) {
            input.wire.push(string.len() as u8);
            input.wire.extend_from_slice(string);
        }
        Ok(())
    })
}

fn each_string(
    input: &mut TextInput<'_>,
    mut take: impl FnMut(&mut TextInput<'_>, &[u8]) -> Result<(), RdataError>,
) -> Result<(), RdataError> {
    let mut field = input.fields.require("text")?;
    let mut all_quoted = true;
    let mut count = 0;
    loop {
        // A quotation mark stands inside a word only after '='; here it must be escaped.
        if !field.quoted && has_bare_quote(field.raw) {
            return Err(RdataError::UnescapedQuote);
        }
        take(input, field.raw)?;
        count += 1;
        all_quoted &= field.quoted;
        if input.is_api() && count > 1 && !all_quoted {
            return Err(RdataError::UnquotedSpaces);
        }
        match input.fields.next()? {
            Some(next) => field = next,
            None => return Ok(()),
        }
    }
}

pub(super) fn has_bare_quote(raw: &[u8]) -> bool {
    let mut escaped = false;
    raw.iter().any(|octet| {
        let bare = *octet == b'"' && !escaped;
        escaped = *octet == b'\\' && !escaped;
        bare
    })
}

pub(super) fn check(octets: &mut Octets<'_>) -> Option<()> {
    octets.string()?;
    while !octets.is_empty() {
        octets.string()?;
    }
    Some(())
}

pub(super) fn write(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    let mut written = write_quoted(f, octets.string()?);
    while !octets.is_empty() && written.is_ok() {
        let string = octets.string()?;
        written = f.write_str(" ").and_then(|()| write_quoted(f, string));
    }
    Some(written)
}

/// Writes octets in quotation marks, with the escapes that make them safe in a master file.
pub(super) fn write_quoted(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    f.write_str("\"")?;
    write_escaped(f, octets)?;
    f.write_str("\"")
}

pub(super) fn write_escaped(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    let mut rest = octets;
    while !rest.is_empty() {
        let plain = rest
            .iter()
            .position(|octet| !matches!(octet, b' '..=b'~') || matches!(octet, b'"' | b'\\'))
            .unwrap_or(rest.len());
        let (text, tail) = rest.split_at(plain);
        f.write_str(std::str::from_utf8(text).map_err(|_| fmt::Error)?)?;
        rest = match tail {
            [] => return Ok(()),
            [octet @ (b'"' | b'\\'), tail @ ..] => {
                write!(f, "\\{}", char::from(*octet))?;
                tail
            }
            [octet, tail @ ..] => {
                write!(f, "\\{octet:03}")?;
                tail
            }
        };
    }
    Ok(())
}
