//! What is looked for in names.

use crate::listing::Pattern;

/// A pattern with wildcards, ready for many names in lower case.
#[derive(Clone, Debug)]
pub(in crate::listing) struct Needle {
    /// The texts between the wildcards, in lower case: the first begins a name and the last ends it; either may be empty.
    parts: Vec<Vec<u8>>,
    /// The longest of them.
    longest: usize,
}

impl Needle {
    /// The needle of a pattern; `None` when it has no wildcard.
    pub(in crate::listing) fn of(pattern: &Pattern) -> Option<Self> {
        if pattern.exact().is_some() {
            return None;
        }
        let parts: Vec<Vec<u8>> = pattern
            .text()
            .to_ascii_lowercase()
            .split(['*', '%'])
            .map(|part| part.as_bytes().to_vec())
            .collect();
        let longest = (0..parts.len())
            .max_by_key(|at| parts[*at].len())
            .unwrap_or_default();
        Some(Self { parts, longest })
    }

    /// The longest text that every name which fits must hold; empty when all fit.
    pub(super) fn longest_part(&self) -> &[u8] {
        self.parts.get(self.longest).map_or(&[], Vec::as_slice)
    }

    /// Whether to hold the longest part is enough: `*part*`.
    pub(super) fn is_one_part(&self) -> bool {
        self.parts
            .iter()
            .enumerate()
            .all(|(at, part)| part.is_empty() || at == self.longest)
            && self.longest > 0
            && self.longest + 1 < self.parts.len()
    }

    /// Whether a name in lower case fits.
    pub(super) fn fits(&self, name: &[u8]) -> bool {
        let Some((first, rest)) = self.parts.split_first() else {
            return true;
        };
        let Some((last, middle)) = rest.split_last() else {
            return name == first.as_slice();
        };
        let Some(mut name) = name.strip_prefix(first.as_slice()) else {
            return false;
        };
        for part in middle {
            match memchr::memmem::find(name, part) {
                Some(at) => name = &name[at + part.len()..],
                None => return false,
            }
        }
        name.ends_with(last)
    }
}
