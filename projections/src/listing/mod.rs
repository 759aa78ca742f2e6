//! Lists of zones and recordsets for the REST API: filters, sort keys, markers, counts.
//!
//! A page and its count are one pipelined round trip. The statements are put together from a closed set of fragments;
//! whatever a caller gave is bound. Statuses are computed by [`crate::status`].

mod managed;
mod names;
mod pattern;
mod recordsets;
mod shares;
mod sql;
mod totals;
mod zones;

use thiserror::Error;
use uuid::Uuid;

pub use managed::ManagedRow;
pub use pattern::Pattern;
pub use recordsets::{RecordsetFilter, RecordsetRow, RecordsetSort, Within};
pub use shares::{ShareRow, ShareSort};
pub(crate) use sql::{Parameters, text_fits};
pub use zones::{ZoneFilter, ZoneRow, ZoneSort};

use names::{Names, Needle, Wanted};
use recordsets::RecordsetTotals;
use zones::ZoneTotals;

use crate::zone_state::RowError;

/// Whose objects a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight<'a> {
    /// Those of one project, and zones that are shared with it.
    Project(&'a str),
    /// Everybody's.
    AllProjects,
}

impl<'a> Sight<'a> {
    fn project(self) -> Option<&'a str> {
        match self {
            Self::Project(project) => Some(project),
            Self::AllProjects => None,
        }
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The most objects.
    pub limit: i64,
    /// The last object of the page before.
    pub marker: Option<Uuid>,
    /// From the last to the first.
    pub descending: bool,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The objects, at most as many as were asked for.
    pub rows: Vec<T>,
    /// How many objects the whole list has.
    pub total: i64,
}

/// Why there is no list.
#[derive(Debug, Error)]
pub enum ListingError {
    /// The zone whose recordsets were asked for is not there for the caller.
    #[error("the zone does not exist")]
    ZoneNotFound,
    /// The marker is no object of the list.
    #[error("the marker {0} is not in the list")]
    MarkerNotFound(Uuid),
    /// A row does not mean what its table says.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The database refused or is away.
    #[error("a list could not be read")]
    Database(#[from] tokio_postgres::Error),
}

/// The lists, with the counts already taken. One for a process, shared by all requests.
#[derive(Debug)]
pub struct Listing {
    threshold: String,
    zones: ZoneTotals,
    recordsets: RecordsetTotals,
    names: Names,
}

impl Listing {
    /// Lists for an installation whose pool has this threshold in percent: how many of its servers must serve a
    /// change for it to be active.
    pub fn new(threshold_percent: u8) -> Self {
        Self {
            threshold: threshold_percent.min(100).to_string(),
            zones: ZoneTotals::default(),
            recordsets: RecordsetTotals::default(),
            names: Names::default(),
        }
    }
}

impl PageRequest {
    /// What a search of names has to find for this page: the page, if the names are the list's only filter and its order is
    /// that of creation; else everything.
    fn of_names(&self, only_filter: bool, by_creation: bool) -> Wanted {
        if only_filter && by_creation {
            Wanted::Page {
                limit: self.limit,
                after: self.marker,
                descending: self.descending,
            }
        } else {
            Wanted::All
        }
    }
}

/// The needle of a name filter that is worth a search of names.
fn needle(name: Option<&Pattern>) -> Option<Needle> {
    name.and_then(Needle::of)
}
