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
