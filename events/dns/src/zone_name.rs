//! Names of zones: the rules Designate sets for them.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use crate::name::{self, Name, NameError};

/// The name of a zone: absolute, at least two labels of letters, digits, `-` and `_`, none with a
/// hyphen at its edge. Spelling is kept; comparison and order are those of [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZoneName(Name);

impl ZoneName {
    /// Reads and checks a zone name. Escapes are refused, as they are by Designate.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::from_name(name::parse_unescaped(text)?)
    }

    /// Checks that a name, for instance a master file's origin, can be a zone's.
    pub fn from_name(name: Name) -> Result<Self, NameError> {
        name::check_characters(&name, false)?;
        if name.label_count() < 2 {
            return Err(NameError::TooFewLabels);
        }
        Ok(Self(name))
    }

    /// The names above this one, nearest first, down to the one of a single label.
    pub fn ancestors(&self) -> impl Iterator<Item = Name> {
        std::iter::successors(self.0.parent(), Name::parent).take_while(|name| !name.is_root())
    }
}

impl Deref for ZoneName {
    type Target = Name;

    fn deref(&self) -> &Name {
        &self.0
    }
}

impl AsRef<Name> for ZoneName {
    fn as_ref(&self) -> &Name {
        &self.0
    }
}

impl From<ZoneName> for Name {
    fn from(zone: ZoneName) -> Self {
        zone.0
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ZoneName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn designates_names_are_taken() {
        for text in [
            "example.com.",
            "EXAMPLE.com.",
            "1-3.2.0.192.in-addr.arpa.",
            "_x.y_.com.",
            "1.2.",
        ] {
            assert_eq!(ZoneName::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn errors_say_which_rule() {
        for (text, error) in [
            ("", NameError::Empty),
            ("example.com", NameError::NotAbsolute),
            ("example..com.", NameError::EmptyLabel),
            ("com.", NameError::TooFewLabels),
            (".", NameError::TooFewLabels),
            ("*.example.com.", NameError::BadCharacter('*')),
            ("1/25.2.0.192.in-addr.arpa.", NameError::BadCharacter('/')),
            (r"a\.b.example.com.", NameError::BadCharacter('\\')),
            ("exa mple.com.", NameError::BadCharacter(' ')),
            ("bücher.example.", NameError::BadCharacter('ü')),
            ("-a.example.com.", NameError::HyphenAtEdge),
            ("a-.example.com.", NameError::HyphenAtEdge),
            (&format!("{}.com.", "a".repeat(64)), NameError::LabelTooLong),
            (&"abc.".repeat(64), NameError::NameTooLong),
        ] {
            assert_eq!(ZoneName::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn ancestors_stop_above_the_root() {
        let zone = ZoneName::parse("a.b.example.com.").unwrap();
        let ancestors: Vec<String> = zone.ancestors().map(|name| name.to_string()).collect();
        assert_eq!(ancestors, ["b.example.com.", "example.com.", "com."]);
    }
}
