//! The presentation form of names: escapes (RFC 1035 §5.1), and the characters that Designate allows.

use std::borrow::Cow;
use std::fmt;

use super::{Labels, Name, NameError};

/// Decodes what follows a backslash: three digits up to 255, or one character that is not a digit.
pub(crate) fn unescape(rest: &mut &[u8]) -> Option<u8> {
    let (octet, tail) = match *rest {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', tail @ ..] => {
            let value = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
            (u8::try_from(value).ok()?, tail)
        }
        [b'0'..=b'9', ..] | [] => return None,
        [octet, tail @ ..] => (*octet, tail),
    };
    *rest = tail;
    Some(octet)
}

impl fmt::Display for Name {
    /// The presentation form with a final dot; octets with a meaning in a master file are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_wire_name(f, &self.wire)
    }
}

/// Writes the presentation form of a well-formed wire name.
pub(crate) fn write_wire_name(f: &mut impl fmt::Write, wire: &[u8]) -> fmt::Result {
    let labels = Labels { rest: wire };
    if wire == [0] {
        return f.write_char('.');
    }
    for label in labels {
        let plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'*');
        match std::str::from_utf8(label) {
            Ok(text) if label.iter().all(plain) => f.write_str(text)?,
            _ => label.iter().try_for_each(|octet| write_name_octet(f, *octet))?,
        }
        f.write_char('.')?;
    }
    Ok(())
}

fn write_name_octet(f: &mut impl fmt::Write, octet: u8) -> fmt::Result {
    match octet {
        b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
            f.write_char('\\')?;
            f.write_char(char::from(octet))
        }
        0x21..=0x7e => f.write_char(char::from(octet)),
        _ => write!(f, "\\{octet:03}"),
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// Checks the rules that Designate sets for the names of zones and recordsets: labels of letters,
/// digits, `-` and `_`, without a hyphen at either end, and one leftmost `*` where allowed.
pub(crate) fn check_characters(name: &Name, wildcard: bool) -> Result<(), NameError> {
    for (index, label) in name.labels().enumerate() {
        if label == b"*" && wildcard && index == 0 {
            continue;
        }
        if let Some(at) = label
            .iter()
            .position(|octet| !octet.is_ascii_alphanumeric() && !matches!(octet, b'-' | b'_'))
        {
            return Err(match label[at] {
                b'*' if wildcard => NameError::WildcardInside,
                octet if octet.is_ascii() => NameError::BadCharacter(char::from(octet)),
                _ => NameError::BadCharacter(first_char(&label[at..])),
            });
        }
        if label.first() == Some(&b'-') || label.last() == Some(&b'-') {
            return Err(NameError::HyphenAtEdge);
        }
    }
    Ok(())
}

/// The first character of octets that are probably UTF-8.
fn first_char(octets: &[u8]) -> char {
    match String::from_utf8_lossy(octets) {
        Cow::Borrowed(text) => text.chars().next(),
        Cow::Owned(text) => text.chars().next(),
    }
    .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Reads the presentation form of a name that may hold no escapes.
pub(crate) fn parse_unescaped(text: &str) -> Result<Name, NameError> {
    if text.contains('\\') {
        return Err(NameError::BadCharacter('\\'));
    }
    Name::parse(text)
}
