//! Patterns of zone names that blacklists forbid.

use fancy_regex::{Regex, RegexBuilder};
use thiserror::Error;
use zonelog_dns::ZoneName;

/// How many steps back a match may take. Designate stops after 20 ms; a count of steps gives the same answer on every
/// machine.
const BACKTRACK_LIMIT: usize = 100_000;
/// How many octets a compiled pattern may take.
const COMPILED_LIMIT: usize = 1 << 20;

/// A pattern that is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("pattern is not a valid regular expression: {0}")]
pub struct PatternError(String);

/// A regular expression in the language of Python's `re`, as near as can be, that is searched for in zone names.
#[derive(Clone, Debug)]
pub struct ZonePattern {
    text: String,
    /// `None`: this release cannot compile it any more, so that it matches every name.
    compiled: Option<Regex>,
}

impl PartialEq for ZonePattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ZonePattern {}

impl ZonePattern {
    /// Compiles a pattern.
    pub fn compile(text: &str) -> Result<Self, PatternError> {
        let compiled = RegexBuilder::new(text)
            .backtrack_limit(BACKTRACK_LIMIT)
            .delegate_size_limit(COMPILED_LIMIT)
            .build()
            .map_err(|error| PatternError(error.to_string()))?;
        Ok(Self {
            text: text.to_owned(),
            compiled: Some(compiled),
        })
    }

    /// A pattern that was accepted once: if it does not compile any more, it matches every name, so that nobody gets a
    /// name that was to be kept from them.
    pub fn accepted(text: &str) -> Self {
        Self::compile(text).unwrap_or_else(|_| Self {
            text: text.to_owned(),
            compiled: None,
        })
    }

    /// The pattern's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches anywhere in the name, which ends with a dot. The name is tried as it is spelled and in small
    /// letters, for DNS knows no difference (RFC 4343). A search that takes too many steps counts as a match.
    pub fn matches(&self, name: &ZoneName) -> bool {
        let Some(compiled) = &self.compiled else {
            return true;
        };
        let spelled = name.to_string();
        let found = |text: &str| compiled.is_match(text).unwrap_or(true);
        found(&spelled) || {
            let small = spelled.to_ascii_lowercase();
            small != spelled && found(&small)
        }
    }
}
