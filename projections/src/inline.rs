//! The projections that are written in the transaction that appends the events: [`crate::zone_state`] and
//! [`crate::resource`]. What a caller was told is there for the next read, on every process.

use futures_util::try_join;
use tokio_postgres::Client;
use zonelog_model::Recorded;

use crate::resource::{ResourceDelta, ResourceWriter};
use crate::zone_state::{GoesOn, WriteError, ZoneStateDelta, ZoneStateWriter};

/// The tables of these projections, in the order in which they are compared, each with the columns of its primary key.
pub const TABLES: [(&str, &[&str]); 9] = [
    ("zone", &["id"]),
    ("recordset_version", &["zone", "recordset", "since_serial"]),
    ("zone_serial", &["zone", "serial"]),
    ("zone_share", &["id"]),
    ("zone_departure", &["pool", "name_key"]),
    ("catalog_member", &["pool", "since_position"]),
    ("project_usage", &["project"]),
    ("resource", &["id"]),
    ("registry_head", &["feed"]),
];

/// What a stretch of the log does to all of these tables.
#[derive(Debug, Default, PartialEq)]
pub struct InlineDelta<'a> {
    zone_state: ZoneStateDelta<'a>,
    resources: ResourceDelta<'a>,
}

impl<'a> InlineDelta<'a> {
    /// Folds events of the log, which follow each other and end where a change-set ends.
    pub fn of(events: &'a [Recorded]) -> Self {
        Self {
            zone_state: ZoneStateDelta::of(events),
            resources: ResourceDelta::of(events),
        }
    }

    /// Takes into account how a change-set goes on that was not given in full.
    #[must_use]
    pub fn going_on(mut self, with: GoesOn) -> Self {
        self.zone_state = self.zone_state.going_on(with);
        self
    }

    /// Whether no row changes.
    pub fn is_empty(&self) -> bool {
        self.zone_state.is_empty() && self.resources.is_empty()
    }
}

/// The prepared statements of one connection. They name tables without a schema: whoever prepares them chooses it by
/// `search_path`.
#[derive(Clone)]
pub struct InlineWriter {
    zone_state: ZoneStateWriter,
    resources: ResourceWriter,
}

impl InlineWriter {
    /// The settings of a session that writes: see [`ZoneStateWriter::SESSION`].
    pub const SESSION: &str = ZoneStateWriter::SESSION;

    /// Prepares the statements, in one round trip.
    pub async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let (zone_state, resources) =
            try_join!(ZoneStateWriter::prepare(client), ResourceWriter::prepare(client))?;
        Ok(Self {
            zone_state,
            resources,
        })
    }

    /// Writes the changes in the client's open transaction, in one round trip (but see [`ZoneStateDelta`]).
    pub async fn write(&self, client: &Client, delta: &InlineDelta<'_>) -> Result<(), WriteError> {
        try_join!(self.zone_state.write(client, &delta.zone_state), async {
            Ok(self.resources.write(client, &delta.resources).await?)
        },)?;
        Ok(())
    }
}
