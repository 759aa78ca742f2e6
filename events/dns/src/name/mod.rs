//! Absolute domain names in uncompressed wire form (RFC 1035 §3.1).

mod builder;
mod error;
mod order;
mod presentation;

use std::str::FromStr;

use builder::Builder;
pub use error::NameError;
pub(crate) use presentation::{check_characters, parse_unescaped, unescape, write_wire_name};

/// The most octets a name may have on the wire, lengths and root included (RFC 1035 §2.3.4).
pub(crate) const MAX_NAME: usize = 255;
/// The most octets a label may have (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

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

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
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
