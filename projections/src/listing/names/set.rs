//! A set of names in memory: pure.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;
use zonelog_model::Timestamp;

use super::follow::Change;
use super::needle::Needle;
use super::{Found, Wanted};

/// More changes than these on top of the names: they are put into one piece again.
const MOST_ON_TOP: usize = 2_000;

/// Where an object stands in the order of creation: its time in microseconds, its id.
pub(super) type Key = (i64, Uuid);

/// The names of a list's objects, in the order of their creation. Cheap to change: what is new or gone stands beside the
/// one large piece of text, which many versions of the set share.
#[derive(Debug)]
pub(super) struct NameSet {
    base: Arc<Base>,
    /// By key.
    added: Vec<(Key, String)>,
    /// Of the base.
    removed: HashSet<Uuid>,
}

/// Names that do not change: each in lower case, with a line feed (which no name holds) behind it.
#[derive(Debug, Default)]
pub(super) struct Base {
    text: Vec<u8>,
    /// Where each name begins.
    starts: Vec<u32>,
    keys: Vec<Key>,
}

impl Base {
    /// Adds a name behind all others. False: the set is full.
    pub(super) fn push(&mut self, key: Key, name: &str) -> bool {
        let Ok(start) = u32::try_from(self.text.len()) else {
            return false;
        };
        self.starts.push(start);
        self.keys.push(key);
        self.text
            .extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
        self.text.push(b'\n');
        true
    }

    /// How much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity()
            + self.starts.capacity() * size_of::<u32>()
            + self.keys.capacity() * size_of::<Key>()
    }

    fn name(&self, at: usize) -> &[u8] {
        let start = self.starts[at] as usize;
        let end = self
            .starts
            .get(at + 1)
            .map_or(self.text.len(), |next| *next as usize);
        &self.text[start..end - 1]
    }

    /// Where the names stand that fit, in order.
    fn search(&self, needle: &Needle) -> Vec<u32> {
        let part = needle.longest_part();
        let mut found = Vec::new();
        if part.is_empty() {
            return (0..u32::try_from(self.keys.len()).unwrap_or(u32::MAX)).collect();
        }
        let alone = needle.is_one_part();
        let finder = memchr::memmem::Finder::new(part);
        let (mut from, mut line) = (0, 0);
        while let Some(at) = finder.find(&self.text[from..]) {
            let at = from + at;
            line = self.line_of(at, line);
            if alone || needle.fits(self.name(line)) {
                found.push(u32::try_from(line).unwrap_or(u32::MAX));
            }
            line += 1;
            match self.starts.get(line) {
                Some(next) => from = *next as usize,
                None => break,
            }
        }
        found
    }

    /// The name that a place in the text belongs to; not before the name `from`.
    fn line_of(&self, at: usize, from: usize) -> usize {
        // Often the very next one: most names fit, or hits are dense.
        let mut step = 1;
        let mut low = from;
        while self
            .starts
            .get(low + step)
            .is_some_and(|start| *start as usize <= at)
        {
            low += step;
            step *= 2;
        }
        let high = (low + step).min(self.starts.len());
        low + self.starts[low..high].partition_point(|start| *start as usize <= at) - 1
    }
}

/// The key of an object that was created at a time.
pub(super) fn key(created_at: Timestamp, id: Uuid) -> Key {
    (created_at.timestamp_micros(), id)
}

impl NameSet {
    /// A set of names read in order.
    pub(super) fn new(mut base: Base) -> Self {
        // It stays as it is: what it grew into for more names is given back.
        base.text.shrink_to_fit();
        base.starts.shrink_to_fit();
        base.keys.shrink_to_fit();
        Self {
            base: Arc::new(base),
            added: Vec::new(),
            removed: HashSet::new(),
        }
    }

    /// How many names it holds, those that are gone included.
    pub(super) fn len(&self) -> usize {
        self.base.keys.len() + self.added.len()
    }

    /// How much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.base.bytes() + (self.added.len() + self.removed.len()) * 128
    }

    /// The set after some changes.
    pub(super) fn with(&self, changes: Vec<Change>) -> Self {
        let mut next = Self {
            base: Arc::clone(&self.base),
            added: self.added.clone(),
            removed: self.removed.clone(),
        };
        for change in changes {
            match change {
                Change::Created { key, name } => {
                    let at = next.added.partition_point(|(other, _)| *other < key);
                    next.added.insert(at, (key, name.to_ascii_lowercase()));
                }
                Change::Deleted(id) => match next.added.iter().position(|((_, added), _)| *added == id) {
                    Some(at) => drop(next.added.remove(at)),
                    None => drop(next.removed.insert(id)),
                },
            }
        }
        if next.added.len() + next.removed.len() > MOST_ON_TOP {
            next = next.in_one_piece();
        }
        next
    }

    fn in_one_piece(&self) -> Self {
        let mut base = Base::default();
        let mut added = self.added.iter().peekable();
        for (at, key) in self.base.keys.iter().enumerate() {
            while let Some((new, name)) = added.next_if(|(new, _)| new < key) {
                base.push(*new, name);
            }
            if !self.removed.contains(&key.1) {
                base.push(*key, &String::from_utf8_lossy(self.base.name(at)));
            }
        }
        for (new, name) in added {
            base.push(*new, name);
        }
        Self::new(base)
    }

    /// What fits; `None` when more than `most` ids would have to be given, or the page's marker is not in the set.
    pub(super) fn search(&self, needle: &Needle, wanted: Wanted, most: usize) -> Option<Found> {
        let keys = self.keys(needle);
        let total = i64::try_from(keys.len()).unwrap_or(i64::MAX);
        let ids = |keys: &[Key]| keys.iter().map(|(_, id)| *id).collect();
        let (limit, after, descending) = match wanted {
            Wanted::All if keys.len() > most => return None,
            Wanted::All => {
                return Some(Found {
                    total,
                    ids: ids(&keys),
                });
            }
            Wanted::Page {
                limit,
                after,
                descending,
            } => (usize::try_from(limit).unwrap_or_default(), after, descending),
        };
        let after = match after {
            Some(marker) => Some(self.key_of(marker)?),
            None => None,
        };
        let ids = if descending {
            let end = after.map_or(keys.len(), |after| keys.partition_point(|key| *key < after));
            ids(&keys[end.saturating_sub(limit)..end])
        } else {
            let start = after.map_or(0, |after| keys.partition_point(|key| *key <= after));
            ids(&keys[start..keys.len().min(start.saturating_add(limit))])
        };
        Some(Found { total, ids })
    }

    /// The keys of what fits, in order.
    fn keys(&self, needle: &Needle) -> Vec<Key> {
        let base = &self.base;
        let kept = base
            .search(needle)
            .into_iter()
            .map(|at| base.keys[at as usize])
            .filter(|(_, id)| self.removed.is_empty() || !self.removed.contains(id));
        let mut keys: Vec<Key> = kept.collect();
        let added = self.added.iter().filter(|(_, name)| needle.fits(name.as_bytes()));
        let before = keys.len();
        keys.extend(added.map(|(key, _)| *key));
        if keys.len() > before && before > 0 && keys[before - 1] > keys[before] {
            keys.sort_unstable();
        }
        keys
    }

    fn key_of(&self, id: Uuid) -> Option<Key> {
        let added = self.added.iter().map(|(key, _)| key);
        added.chain(&self.base.keys).find(|key| key.1 == id).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::listing::Pattern;

    /// Names in the order of their numbers, made by creations and deletions, must be found as by looking at each.
    fn check(steps: &[(bool, u8)], loaded: usize, pattern: &str) {
        let name = |number: u8| {
            format!(
                "Host-{number}.{}.test.",
                ["a", "bb", "abc"][usize::from(number % 3)]
            )
        };
        let key = |number: u8| (i64::from(number / 2), Uuid::from_u128(number.into()));
        let mut live: std::collections::BTreeMap<Key, String> = std::collections::BTreeMap::new();
        let apply = |live: &mut std::collections::BTreeMap<Key, String>, (create, number): (bool, u8)| match (
            create,
            live.contains_key(&key(number)),
        ) {
            (true, false) => {
                live.insert(key(number), name(number));
                let (key, name) = (key(number), name(number));
                Some(Change::Created { key, name })
            }
            (false, true) => {
                live.remove(&key(number));
                Some(Change::Deleted(key(number).1))
            }
            _ => None,
        };
        let (before, after) = steps.split_at(loaded.min(steps.len()));
        for step in before {
            apply(&mut live, *step);
        }
        let mut base = Base::default();
        for (key, name) in &live {
            assert!(base.push(*key, name));
        }
        let mut set = NameSet::new(base);
        for step in after {
            set = set.with(apply(&mut live, *step).into_iter().collect());
        }
        let pattern = Pattern::parse(pattern);
        let needle = Needle::of(&pattern).unwrap();
        for set in [set.in_one_piece(), set] {
            let expected: Vec<Uuid> = live
                .iter()
                .filter(|(_, name)| pattern.fits(name))
                .map(|(key, _)| key.1)
                .collect();
            let all = set.search(&needle, Wanted::All, 1_000).unwrap();
            assert_eq!(all.ids, expected, "{pattern:?}");
            assert_eq!(all.total, i64::try_from(expected.len()).unwrap());
            let marker = live.keys().nth(live.len() / 2).map(|key| key.1);
            for descending in [false, true] {
                let page = Wanted::Page {
                    limit: 2,
                    after: marker,
                    descending,
                };
                let mut beyond: Vec<Uuid> = live
                    .iter()
                    .filter(|(key, name)| {
                        let at = live.keys().nth(live.len() / 2).unwrap();
                        let is_beyond = if descending { *key < at } else { *key > at };
                        pattern.fits(name) && is_beyond
                    })
                    .map(|(key, _)| key.1)
                    .collect();
                if descending {
                    beyond.reverse();
                }
                beyond.truncate(2);
                beyond.sort_unstable();
                let mut ids = set.search(&needle, page, 0).unwrap().ids;
                ids.sort_unstable();
                assert_eq!(ids, beyond, "{pattern:?} descending {descending}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_search_finds_what_a_look_at_each_name_finds(
            steps in prop::collection::vec((any::<bool>(), 0u8..40), 0..120),
            loaded in 0usize..120,
            pattern in "[*%](host|OST|-1|a|b\\.|bb|)[*%](1|\\.t|c|st|)[*%]?",
        ) {
            check(&steps, loaded, &pattern);
        }
    }

    #[test]
    fn what_is_too_much_or_not_there_is_left_to_others() {
        let mut base = Base::default();
        for number in 0..10u8 {
            base.push((number.into(), Uuid::from_u128(number.into())), "same.test.");
        }
        let set = NameSet::new(base);
        let needle = Needle::of(&Pattern::parse("*am*")).unwrap();
        assert_eq!(set.search(&needle, Wanted::All, 9), None);
        let unknown = Wanted::Page {
            limit: 1,
            after: Some(Uuid::from_u128(99)),
            descending: false,
        };
        assert_eq!(set.search(&needle, unknown, 100), None);
    }
}
