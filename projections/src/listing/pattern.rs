//! What a list's filter looks for.

use std::fmt::Write;

/// A filter's value: exact, or with wildcards. Case never matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: String,
    wild: bool,
}

impl Pattern {
    /// Reads a filter's value: `*` (and `%`, as Designate's users know it) stands for any text, anywhere.
    pub fn parse(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            wild: text.contains(['*', '%']),
        }
    }

    /// The value, when it has no wildcard.
    pub fn exact(&self) -> Option<&str> {
        (!self.wild).then_some(self.text.as_str())
    }

    /// The value as it was given.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The value as a pattern of SQL's LIKE: wildcards become `%`, everything else stands for itself.
    pub(crate) fn like(&self) -> String {
        let mut like = String::with_capacity(self.text.len());
        for character in self.text.chars() {
            match character {
                '*' | '%' => like.push('%'),
                '_' | '\\' => {
                    // Writing to a String cannot fail.
                    let _ = write!(like, "\\{character}");
                }
                other => like.push(other),
            }
        }
        like
    }

    /// Whether `word` (ASCII) fits: for closed sets of words, which are better matched here than by the database.
    pub fn fits(&self, word: &str) -> bool {
        if !self.wild {
            return self.text.eq_ignore_ascii_case(word);
        }
        let word = word.to_ascii_lowercase();
        let pattern = self.text.to_ascii_lowercase();
        let mut parts = pattern.split(['*', '%']);
        // Split gives at least one part; with a wildcard there are at least two.
        let Some(mut rest) = parts.next().and_then(|first| word.strip_prefix(first)) else {
            return false;
        };
        let mut parts: Vec<&str> = parts.collect();
        let last = parts.pop().unwrap_or_default();
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_text() {
        let fits = |pattern: &str, word: &str| Pattern::parse(pattern).fits(word);
        assert!(fits("cname", "CNAME"));
        assert!(fits("*", "A") && fits("*", ""));
        assert!(fits("A*", "AAAA") && fits("A*", "A") && fits("*A", "CAA") && fits("*A*", "CNAME"));
        assert!(fits("c%e", "CNAME"));
        assert!(!fits("A*A", "A"));
        assert!(!fits("NS*", "A"));
        assert!(!fits("", "A"));
    }

    #[test]
    fn only_wildcards_are_wild_in_sql() {
        assert_eq!(Pattern::parse("_acme*.ex%").like(), "\\_acme%.ex%");
        assert_eq!(Pattern::parse("a\\b").like(), "a\\\\b");
    }
}
