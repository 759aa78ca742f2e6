//! Owner names of RRsets: the rules Designate sets for recordset names.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use crate::name::{self, Name, NameError};
use crate::zone_name::ZoneName;

/// The owner name of an RRset. From the API it is held to Designate's rule ([`OwnerName::parse`]);
/// from the wire or a master file it may be any name, and [`OwnerName::check`] tells.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerName(Name);

impl OwnerName {
    /// Reads and checks a recordset name: absolute, at least one label of letters, digits, `-` and
    /// `_`, none with a hyphen at its edge; the leftmost label may be `*`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let owner = Self(name::parse_unescaped(text)?);
        owner.check()?;
        Ok(owner)
    }

    /// Takes any name as an owner, unchecked.
    pub fn from_name(name: Name) -> Self {
        Self(name)
    }

    /// Whether the name keeps the rule of [`OwnerName::parse`].
    pub fn check(&self) -> Result<(), NameError> {
        if self.0.is_root() {
            return Err(NameError::TooFewLabels);
        }
        name::check_characters(&self.0, true)
    }

    /// Whether the name is the zone's apex or below it.
    pub fn is_in(&self, zone: &ZoneName) -> bool {
        self.0.is_at_or_below(zone)
    }
}

impl Deref for OwnerName {
    type Target = Name;

    fn deref(&self) -> &Name {
        &self.0
    }
}

impl AsRef<Name> for OwnerName {
    fn as_ref(&self) -> &Name {
        &self.0
    }
}

impl From<OwnerName> for Name {
    fn from(owner: OwnerName) -> Self {
        owner.0
    }
}

impl From<ZoneName> for OwnerName {
    /// The zone's apex as an owner.
    fn from(zone: ZoneName) -> Self {
        Self(zone.into())
    }
}

impl fmt::Display for OwnerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OwnerName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_may_only_be_the_first_label() {
        for text in ["*.example.com.", "*.com.", "_sip._tcp.example.com.", "com."] {
            assert_eq!(OwnerName::parse(text).unwrap().to_string(), text);
        }
        for (text, error) in [
            ("a.*.example.com.", NameError::WildcardInside),
            ("*a.example.com.", NameError::WildcardInside),
            ("**.example.com.", NameError::WildcardInside),
            (".", NameError::TooFewLabels),
            ("www.example.com", NameError::NotAbsolute),
            ("a/b.example.com.", NameError::BadCharacter('/')),
        ] {
            assert_eq!(OwnerName::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn any_name_can_come_from_the_wire_and_be_checked_then() {
        let owner = OwnerName::from_name(Name::parse(r"a\032b.example.com.").unwrap());
        assert_eq!(owner.check(), Err(NameError::BadCharacter(' ')));
        let zone = ZoneName::parse("Example.com.").unwrap();
        assert!(owner.is_in(&zone));
        assert!(OwnerName::from(zone.clone()).is_in(&zone));
    }
}
