//! Absolute domain names in uncompressed wire form (RFC 1035 §3.1).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The most octets a name may have on the wire, lengths and root included (RFC 1035 §2.3.4).
pub(crate) const MAX_NAME: usize = 255;
/// The most octets a label may have (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;
/// The most labels a name can have without the root: 127 of one octet each.
const MAX_LABELS: usize = 127;

/// Why a text or some octets are not a name, or not one allowed in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty.
    #[error("the name is empty")]
    Empty,
    /// The final dot is missing.
    #[error("the name does not end with a dot")]
    NotAbsolute,
    /// Two dots in a row, or a dot at the start.
    #[error("the name has an empty label (two dots in a row, or a dot at the start)")]
    EmptyLabel,
    /// A label of more than 63 octets.
    #[error("a label of the name is longer than 63 octets")]
    LabelTooLong,
    /// More than 255 octets on the wire.
    #[error("the name is longer than 255 octets")]
    NameTooLong,
    /// A character that names of zones and recordsets may not have.
    #[error("the name contains {0:?}; letters, digits, '-' and '_' are allowed")]
    BadCharacter(char),
    /// A label starts or ends with a hyphen.
    #[error("a label of the name starts or ends with '-'")]
    HyphenAtEdge,
    /// Too few labels for its place.
    #[error("the name has too few labels")]
    TooFewLabels,
    /// A `*` that is not the whole leftmost label.
    #[error("'*' may only stand alone as the first label of the name")]
    WildcardInside,
    /// A backslash followed neither by one character nor by three digits up to 255.
    #[error("the name has a bad escape: write \\. or \\DDD with DDD from 000 to 255")]
    BadEscape,
    /// The octets are not exactly one uncompressed name.
    #[error("the octets are not one uncompressed domain name")]
    BadWire,
    /// The octets are not a sort key made by [`Name::to_key`].
    #[error("the octets are not the sort key of a domain name")]
    BadKey,
}

impl NameError {
    /// A short word for programs and metrics that stays the same when the sentence is reworded.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Empty => "name_empty",
            Self::NotAbsolute => "name_not_absolute",
            Self::EmptyLabel => "name_empty_label",
            Self::LabelTooLong => "name_label_too_long",
            Self::NameTooLong => "name_too_long",
            Self::BadCharacter(_) => "name_bad_character",
            Self::HyphenAtEdge => "name_hyphen_at_edge",
            Self::TooFewLabels => "name_too_few_labels",
            Self::WildcardInside => "name_wildcard_inside",
            Self::BadEscape => "name_bad_escape",
            Self::BadWire => "name_bad_wire",
            Self::BadKey => "name_bad_key",
        }
    }
}

/// An absolute domain name: up to 255 octets of uncompressed wire form, spelling kept.
///
/// Names are equal, hash and sort without regard to ASCII case; the order is the canonical one of
/// RFC 4034 §6.1, in which a name comes right before everything below it.
#[derive(Clone)]
pub struct Name {
    /// Length-prefixed labels, ending with the root's zero octet.
    wire: Box<[u8]>,
}

impl Name {
    /// The root, `.`.
    pub fn root() -> Self {
        Self { wire: Box::new([0]) }
    }

    /// Reads the presentation form of an absolute name, with the escapes of RFC 1035 §5.1
    /// (`\X` and `\DDD`). It must end with a dot; `.` is the root.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::parse_octets(text.as_bytes(), None)
    }

    /// Reads a name as it stands in a master file: `@` is the origin, and a name without a final
    /// dot is relative to the origin (RFC 1035 §5.1).
    pub fn parse_relative(text: &str, origin: &Self) -> Result<Self, NameError> {
        Self::parse_octets(text.as_bytes(), Some(origin))
    }

    /// As [`Name::parse`] and [`Name::parse_relative`], from octets that need not be UTF-8.
    pub(crate) fn parse_octets(text: &[u8], origin: Option<&Self>) -> Result<Self, NameError> {
        match (text, origin) {
            ([], _) => return Err(NameError::Empty),
            (b".", _) => return Ok(Self::root()),
            (b"@", Some(origin)) => return Ok(origin.clone()),
            _ => {}
        }
        let mut builder = Builder::new();
        let mut rest = text;
        let mut open = false;
        while let [octet, tail @ ..] = rest {
            rest = tail;
            match octet {
                b'.' => {
                    builder.end_label()?;
                    open = false;
                }
                b'\\' => {
                    builder.push(unescape(&mut rest).ok_or(NameError::BadEscape)?)?;
                    open = true;
                }
                octet => {
                    builder.push(*octet)?;
                    open = true;
                }
            }
        }
        if !open {
            return builder.finish();
        }
        match origin {
            Some(origin) => {
                builder.end_label()?;
                builder.finish_below(origin)
            }
            None => Err(NameError::NotAbsolute),
        }
    }

    /// Takes octets that are exactly one uncompressed name.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        match wire_length(wire) {
            Some(length) if length == wire.len() => Ok(Self { wire: wire.into() }),
            _ => Err(NameError::BadWire),
        }
    }

    /// The uncompressed wire form, 1 to 255 octets.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The labels from left to right, as octets, without the root.
    pub fn labels(&self) -> Labels<'_> {
        Labels { rest: &self.wire }
    }

    /// How many labels the name has, the root not counted: 0 to 127.
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.wire.len() == 1
    }

    /// Whether the leftmost label is `*` (RFC 4592 §2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.wire.starts_with(b"\x01*")
    }

    /// The name without its leftmost label; nothing for the root.
    pub fn parent(&self) -> Option<Self> {
        let length = usize::from(self.wire[0]);
        (length > 0).then(|| Self {
            wire: self.wire[1 + length..].into(),
        })
    }

    /// Whether this name is `ancestor` itself or lies below it.
    pub fn is_at_or_below(&self, ancestor: &Self) -> bool {
        let Some(start) = self.wire.len().checked_sub(ancestor.wire.len()) else {
            return false;
        };
        if !self.wire[start..].eq_ignore_ascii_case(&ancestor.wire) {
            return false;
        }
        // The same octets could begin inside a label, so the cut has to be at a label's start.
        let mut at = 0;
        while at < start {
            at += 1 + usize::from(self.wire[at]);
        }
        at == start
    }

    /// The name made of `labels`, from left to right, put in front of `origin`.
    pub fn concat<'a>(labels: impl IntoIterator<Item = &'a [u8]>, origin: &Self) -> Result<Self, NameError> {
        let mut builder = Builder::new();
        for label in labels {
            for octet in label {
                builder.push(*octet)?;
            }
            builder.end_label()?;
        }
        builder.finish_below(origin)
    }

    /// The same name with ASCII letters in lower case.
    pub fn to_lowercase(&self) -> Self {
        // Length octets are at most 63, below 'A', so the whole wire form can be mapped at once.
        Self {
            wire: self.wire.to_ascii_lowercase().into(),
        }
    }

    /// A sort key whose bytewise order is the canonical order of names (RFC 4034 §6.1).
    ///
    /// Labels come in reverse, in lower case, each ended by 0x00; inside a label 0x00 is written
    /// 0x01 0x01 and 0x01 is written 0x01 0x02. A name's key is a prefix of the keys of all names
    /// below it, so a subtree is one range of keys.
    pub fn to_key(&self) -> Vec<u8> {
        let starts = self.label_starts();
        let mut key = Vec::with_capacity(self.wire.len());
        for label in starts.labels_reversed(self) {
            for octet in label {
                match octet.to_ascii_lowercase() {
                    0 => key.extend([1, 1]),
                    1 => key.extend([1, 2]),
                    octet => key.push(octet),
                }
            }
            key.push(0);
        }
        key
    }

    /// The name, in lower case, that [`Name::to_key`] made `key` of.
    pub fn from_key(key: &[u8]) -> Result<Self, NameError> {
        // Filled from the back, because the key has the labels in reverse.
        let mut wire = [0; MAX_NAME];
        let mut start = MAX_NAME - 1;
        let mut rest = key;
        while !rest.is_empty() {
            let mut label = [0; MAX_LABEL];
            let mut length = 0;
            loop {
                let (octet, tail) = match rest {
                    [0, tail @ ..] => {
                        rest = tail;
                        break;
                    }
                    [1, 1, tail @ ..] => (0, tail),
                    [1, 2, tail @ ..] => (1, tail),
                    [octet, tail @ ..] if *octet > 1 && !octet.is_ascii_uppercase() => (*octet, tail),
                    _ => return Err(NameError::BadKey),
                };
                *label.get_mut(length).ok_or(NameError::LabelTooLong)? = octet;
                length += 1;
                rest = tail;
            }
            if length == 0 {
                return Err(NameError::BadKey);
            }
            start = start.checked_sub(length + 1).ok_or(NameError::NameTooLong)?;
            wire[start] = length as u8;
            wire[start + 1..start + 1 + length].copy_from_slice(&label[..length]);
        }
        Ok(Self {
            wire: wire[start..].into(),
        })
    }

    fn label_starts(&self) -> LabelStarts {
        let mut starts = LabelStarts {
            starts: [0; MAX_LABELS],
            count: 0,
        };
        let mut at = 0;
        while self.wire[at] != 0 {
            starts.starts[starts.count] = at as u8;
            starts.count += 1;
            at += 1 + usize::from(self.wire[at]);
        }
        starts
    }
}

/// Where each label of a name begins; on the stack, as every comparison of names needs it.
struct LabelStarts {
    starts: [u8; MAX_LABELS],
    count: usize,
}

impl LabelStarts {
    fn labels_reversed<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = &'a [u8]> {
        self.starts[..self.count].iter().rev().map(|start| {
            let start = usize::from(*start);
            &name.wire[start + 1..start + 1 + usize::from(name.wire[start])]
        })
    }
}

/// The labels of a [`Name`] from left to right, without the root.
#[derive(Debug, Clone)]
pub struct Labels<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, tail) = self.rest.split_first()?;
        if *length == 0 {
            return None;
        }
        let (label, rest) = tail.split_at(usize::from(*length));
        self.rest = rest;
        Some(label)
    }
}

/// How many octets the uncompressed name at the start of `octets` takes; nothing when there is none.
pub(crate) fn wire_length(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*octets.get(at)?);
        at += 1 + length;
        if length > MAX_LABEL || at > MAX_NAME {
            return None;
        }
        if length == 0 {
            return Some(at);
        }
    }
}

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

/// A name in the making, on the stack.
struct Builder {
    wire: [u8; MAX_NAME],
    /// Where the open label's length octet stands.
    start: usize,
    /// Where the next octet goes.
    end: usize,
}

impl Builder {
    fn new() -> Self {
        Self {
            wire: [0; MAX_NAME],
            start: 0,
            end: 1,
        }
    }

    fn push(&mut self, octet: u8) -> Result<(), NameError> {
        if self.end - self.start > MAX_LABEL {
            return Err(NameError::LabelTooLong);
        }
        *self.wire.get_mut(self.end).ok_or(NameError::NameTooLong)? = octet;
        self.end += 1;
        Ok(())
    }

    fn end_label(&mut self) -> Result<(), NameError> {
        let length = self.end - self.start - 1;
        if length == 0 {
            return Err(NameError::EmptyLabel);
        }
        if self.end >= MAX_NAME {
            return Err(NameError::NameTooLong);
        }
        self.wire[self.start] = length as u8;
        self.start = self.end;
        self.end += 1;
        Ok(())
    }

    fn finish(self) -> Result<Name, NameError> {
        Ok(Name {
            wire: self.wire[..self.end].into(),
        })
    }

    fn finish_below(mut self, origin: &Name) -> Result<Name, NameError> {
        let end = self.start + origin.wire.len();
        let room = self.wire.get_mut(self.start..end).ok_or(NameError::NameTooLong)?;
        room.copy_from_slice(&origin.wire);
        Ok(Name {
            wire: self.wire[..end].into(),
        })
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.wire.eq_ignore_ascii_case(&other.wire)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut lower = [0; MAX_NAME];
        let lower = &mut lower[..self.wire.len()];
        lower.copy_from_slice(&self.wire);
        lower.make_ascii_lowercase();
        lower.hash(state);
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mine, theirs) = (self.label_starts(), other.label_starts());
        let mut right = theirs.labels_reversed(other);
        for left in mine.labels_reversed(self) {
            let Some(right) = right.next() else {
                return Ordering::Greater;
            };
            match cmp_ignore_case(left, right) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        if right.next().is_some() {
            Ordering::Less
        } else {
            Ordering::Equal
        }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn cmp_ignore_case(left: &[u8], right: &[u8]) -> Ordering {
    left.iter()
        .map(u8::to_ascii_lowercase)
        .cmp(right.iter().map(u8::to_ascii_lowercase))
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

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn escapes_become_octets_and_come_back() {
        let escaped = name(r#"a\.b\\c\032\000\255\"\(\;\@\$.example."#);
        assert_eq!(escaped.labels().next().unwrap(), b"a.b\\c \x00\xff\"(;@$");
        assert_eq!(escaped.to_string(), r#"a\.b\\c\032\000\255\"\(\;\@\$.example."#);
        assert_eq!(name(".").wire(), [0]);
        assert_eq!(name(".").to_string(), ".");
        assert_eq!(name(r"x\046y.").to_string(), r"x\.y.");
    }

    #[test]
    fn errors_say_which_rule() {
        let label = "a".repeat(63);
        let long = format!("{label}.{label}.{label}.{}.", "a".repeat(62));
        for (text, error) in [
            ("", NameError::Empty),
            ("example.com", NameError::NotAbsolute),
            (r"example.com\.", NameError::NotAbsolute),
            ("a..b.", NameError::EmptyLabel),
            (".a.", NameError::EmptyLabel),
            ("..", NameError::EmptyLabel),
            (r"\256.", NameError::BadEscape),
            (r"\1.", NameError::BadEscape),
            (r"a\", NameError::BadEscape),
            (&format!("a{label}."), NameError::LabelTooLong),
            (&long, NameError::NameTooLong),
        ] {
            assert_eq!(Name::parse(text), Err(error), "{text}");
        }
        let longest = format!("{label}.{label}.{label}.{}.", "a".repeat(61));
        assert_eq!(name(&longest).wire().len(), 255);
    }

    #[test]
    fn wire_forms_are_taken_whole_or_not_at_all() {
        assert_eq!(Name::from_wire(b"\x01a\x00").unwrap(), name("a."));
        for wire in [
            &b""[..],
            b"\x01a",
            b"\x01a\x00\x00",
            b"\xc0\x0c",
            b"\x40",
            b"\x02a\x00",
        ] {
            assert_eq!(Name::from_wire(wire), Err(NameError::BadWire), "{wire:?}");
        }
        assert_eq!(
            Name::from_wire(&[b"\x01a".repeat(127), vec![0]].concat())
                .unwrap()
                .label_count(),
            127
        );
        assert!(Name::from_wire(&[b"\x01a".repeat(128), vec![0]].concat()).is_err());
    }

    /// The example of RFC 4034 §6.1.
    #[test]
    fn the_order_is_canonical_in_names_and_in_keys() {
        let sorted = [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.EXAMPLE.",
            "z.example.",
            r"\001.z.example.",
            "*.z.example.",
            r"\200.z.example.",
        ]
        .map(name);
        assert!(sorted.is_sorted_by(|a, b| a < b));
        assert!(sorted.is_sorted_by(|a, b| a.to_key() < b.to_key()));
    }

    #[test]
    fn names_compare_without_case_and_keep_their_spelling() {
        let (mixed, lower) = (name("WWW.Example.COM."), name("www.example.com."));
        assert_eq!(mixed, lower);
        assert_eq!(mixed.to_string(), "WWW.Example.COM.");
        assert_eq!(mixed.to_lowercase().to_string(), "www.example.com.");
        assert_eq!(mixed.to_key(), b"com\0example\0www\0");
    }

    #[test]
    fn only_keys_that_were_made_are_taken() {
        assert_eq!(Name::from_key(b"").unwrap(), Name::root());
        for key in [&b"com"[..], b"COM\0", b"\0", b"a\x01\0", b"a\x01\x03\0"] {
            assert_eq!(Name::from_key(key), Err(NameError::BadKey), "{key:?}");
        }
        let (label, octets) = (vec![b'a'; 64], b"a\0".repeat(128));
        assert_eq!(
            Name::from_key(&[&label[..], &[0]].concat()),
            Err(NameError::LabelTooLong)
        );
        assert_eq!(Name::from_key(&octets), Err(NameError::NameTooLong));
    }

    #[test]
    fn relations_cut_at_labels() {
        let zone = name("example.com.");
        assert!(name("www.EXAMPLE.com.").is_at_or_below(&zone));
        assert!(zone.is_at_or_below(&zone));
        assert!(zone.is_at_or_below(&Name::root()));
        assert!(!name("com.").is_at_or_below(&zone));
        // The octets of example.com. stand at the end of this one, but inside a label.
        assert!(!name(r"x\007example.com.").is_at_or_below(&zone));
        assert!(!name("notexample.com.").is_at_or_below(&zone));
        assert_eq!(zone.parent(), Some(name("com.")));
        assert_eq!(Name::root().parent(), None);
        assert!(name("*.example.com.").is_wildcard());
        assert!(!name("*x.example.com.").is_wildcard());
    }

    #[test]
    fn names_are_put_together() {
        let zone = name("example.com.");
        assert_eq!(
            Name::concat([&b"a"[..], b"b.c"], &zone).unwrap(),
            name(r"a.b\.c.example.com.")
        );
        assert_eq!(Name::concat([], &zone).unwrap(), zone);
        assert_eq!(Name::concat([&b""[..]], &zone), Err(NameError::EmptyLabel));
        assert_eq!(Name::parse_relative("@", &zone).unwrap(), zone);
        assert_eq!(
            Name::parse_relative("www", &zone).unwrap(),
            name("www.example.com.")
        );
        assert_eq!(Name::parse_relative("www", &Name::root()).unwrap(), name("www."));
        assert_eq!(Name::parse_relative("www.", &zone).unwrap(), name("www."));
        assert_eq!(
            Name::parse_relative(r"\@", &zone).unwrap().to_string(),
            r"\@.example.com."
        );
        let long = "a".repeat(63);
        let deep = name(&format!("{long}.{long}.{long}."));
        assert_eq!(Name::parse_relative(&long, &deep), Err(NameError::NameTooLong));
    }
}
