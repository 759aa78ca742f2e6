//! Searching the names of large lists: of 100,000 zones, of a zone with a million recordsets.
//!
//! A name filter with a wildcard in front finds nothing by an ordinary index, and an index of trigrams makes every new
//! recordset half as dear again as all its other rows and indexes together (measured; see `ops/bench/RESULTS.md`). So
//! the names of large lists are kept in memory, in one piece of text each, once somebody searches them: a search reads a
//! million names in some milliseconds, and writes cost nothing at all.
//!
//! The log keeps them exact: each search asks in one statement for the list's version and for what was created and
//! deleted since the version that is in memory ([`follow`]), and applies it first. What is in memory is bounded; the sets
//! used longest ago go first. A small list is searched by PostgreSQL.

mod follow;
mod needle;
mod set;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use deadpool_postgres::Client;
use uuid::Uuid;

use follow::Change;
pub(super) use needle::Needle;
use set::NameSet;

/// Lists of fewer objects are searched by PostgreSQL.
const SMALL: i64 = 5_000;
/// The most memory for all sets, in bytes: about four zones of a million recordsets.
const BUDGET: usize = 256 << 20;
/// More changes than these since a set was made: it is made anew.
const MOST_CHANGES: i64 = 4_000;
/// More events than these since a set of zones was made: it is made anew.
const MOST_EVENTS: i64 = 50_000;
/// A page in another order than the list's own is made from all that was found, if that is not more.
const MOST_IDS: usize = 2_000;
/// A search of so many names runs beside the tasks of the runtime, which it would hold up.
const LONG: usize = 20_000;

/// What is searched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum List {
    /// The recordsets of a zone.
    Zone(Uuid),
    /// The live zones of a project, or of all.
    Zones(Option<String>),
}

/// Which of the objects found are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// A page in the order of creation, which is the order of the sets.
    Page {
        limit: i64,
        after: Option<Uuid>,
        descending: bool,
    },
    /// All of them.
    All,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// How many objects have such a name.
    pub(super) total: i64,
    /// The ids that are wanted.
    pub(super) ids: Vec<Uuid>,
}

/// The sets of names in memory. One for a process.
#[derive(Debug, Default)]
pub(super) struct Names {
    // Held for a look-up only, never across an await.
    sets: Mutex<HashMap<List, Slot>>,
}

#[derive(Debug, Default)]
struct Slot {
    /// The names, and the version of the list that they are of.
    known: Option<(i64, Arc<NameSet>)>,
    /// Somebody reads them all from the database.
    loading: bool,
    /// Counts up; the slot with the lowest was used longest ago.
    used: u64,
}

impl Names {
    /// Searches a list; `None` when PostgreSQL is to do it: the list is small or gone, its names are being read at this
    /// moment, or too much was found for an order that is not the list's own.
    pub(super) async fn search(
        &self,
        client: &Client,
        list: List,
        needle: Needle,
        wanted: Wanted,
    ) -> Result<Option<Found>, tokio_postgres::Error> {
        let Some((known, changes)) = self.caught_up(client, &list).await? else {
            return Ok(None);
        };
        let names = known.1.len();
        let (at, set) = known;
        let changed = !changes.is_empty();
        let search = move || {
            let set = if changed { Arc::new(set.with(changes)) } else { set };
            let found = set.search(&needle, wanted, MOST_IDS);
            (set, found)
        };
        let (set, found) = if names < LONG {
            search()
        } else {
            match tokio::task::spawn_blocking(search).await {
                Ok(done) => done,
                // The runtime ends, and the request with it.
                Err(_) => return Ok(None),
            }
        };
        if changed {
            self.keep(list, at, set);
        }
        Ok(found)
    }

    /// The names of a list, what changed since, and the version that both make together.
    async fn caught_up(
        &self,
        client: &Client,
        list: &List,
    ) -> Result<Option<((i64, Arc<NameSet>), Vec<Change>)>, tokio_postgres::Error> {
        if let Some((at, set)) = self.known(list) {
            match follow::changes(client, list, at).await? {
                follow::Since::Changes { at, changes } => return Ok(Some(((at, set), changes))),
                follow::Since::Gone => {
                    self.forget(list);
                    return Ok(None);
                }
                follow::Since::TooMany => {}
            }
        } else if follow::is_small(client, list).await? {
            return Ok(None);
        }
        if !self.begin_loading(list) {
            return Ok(None);
        }
        // Whatever ends the reading, an error or a caller that went away: others may try again.
        let loading = Loading { names: self, list };
        let loaded = follow::load(client, list).await?;
        drop(loading);
        let Some((at, set)) = loaded else {
            return Ok(None);
        };
        let set = Arc::new(set);
        self.keep(list.clone(), at, Arc::clone(&set));
        Ok(Some(((at, set), Vec::new())))
    }

    fn known(&self, list: &List) -> Option<(i64, Arc<NameSet>)> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let now = next_use(&sets);
        let slot = sets.get_mut(list)?;
        slot.used = now;
        slot.known.clone()
    }

    fn begin_loading(&self, list: &List) -> bool {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = sets.entry(list.clone()).or_default();
        !std::mem::replace(&mut slot.loading, true)
    }

    fn keep(&self, list: List, at: i64, set: Arc<NameSet>) {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let now = next_use(&sets);
        let slot = sets.entry(list).or_default();
        slot.used = now;
        if slot.known.as_ref().is_none_or(|(known, _)| *known < at) {
            slot.known = Some((at, set));
        }
        let size = |slot: &Slot| slot.known.as_ref().map_or(0, |(_, set)| set.bytes());
        while sets.values().map(size).sum::<usize>() > BUDGET {
            let oldest = sets
                .iter()
                .filter(|(_, slot)| slot.known.is_some())
                .min_by_key(|(_, slot)| slot.used)
                .map(|(list, _)| list.clone());
            let Some(oldest) = oldest else { return };
            sets.remove(&oldest);
        }
    }

    fn forget(&self, list: &List) {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        sets.remove(list);
    }
}

fn next_use(sets: &HashMap<List, Slot>) -> u64 {
    sets.values().map(|slot| slot.used).max().unwrap_or_default() + 1
}

/// That somebody reads a list's names, for as long as it lives.
struct Loading<'a> {
    names: &'a Names,
    list: &'a List,
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        let mut sets = self.names.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = sets.get_mut(self.list) {
            slot.loading = false;
        }
    }
}
