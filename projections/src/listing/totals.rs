//! How many objects a list has in all, without counting them anew for every page.
//!
//! What a list holds follows from the log alone, so a count taken at a log position is exact for as long as the head
//! stays there. The query compares the head with the position of the count it is offered, in its own snapshot, and
//! counts only when they differ: nobody is ever shown an old count.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// The most counts kept; when there are more, all are forgotten.
const MOST: usize = 10_000;

/// A count, and the log position (or the stream's version) at which it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) at: i64,
    pub(super) count: i64,
}

impl Count {
    /// No count: no log has this position.
    pub(super) const NONE: Self = Self { at: -1, count: 0 };
}

/// The counts of lists, by what is listed.
#[derive(Debug)]
pub(super) struct Totals<K> {
    // Held for a look-up only, never across an await.
    counts: Mutex<HashMap<K, Count>>,
}

impl<K> Default for Totals<K> {
    fn default() -> Self {
        Self {
            counts: Mutex::default(),
        }
    }
}

impl<K: Hash + Eq> Totals<K> {
    pub(super) fn get(&self, key: &K) -> Count {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(key).copied().unwrap_or(Count::NONE)
    }

    pub(super) fn put(&self, key: K, count: Count) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MOST {
            counts.clear();
        }
        counts.insert(key, count);
    }
}
