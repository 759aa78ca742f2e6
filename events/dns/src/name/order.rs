//! Equality, the canonical order (RFC 4034 §6.1), and sort keys that have that order.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::{MAX_LABEL, MAX_NAME, Name, NameError};

/// The most labels a name can have without the root: 127 of one octet each.
const MAX_LABELS: usize = 127;

impl Name {
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
