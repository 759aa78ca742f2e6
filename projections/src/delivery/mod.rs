//! What the pools' name servers were seen to serve: `server_checkpoint`, `server_zone`, and the lease under which a
//! reconciler works on a server. Every statement is set-based: one for a stretch of the log, however many zones it touched.
//!
//! The truth a server is measured by is the table `zone`, whose `content_position` is the log folded to the last event of
//! each zone. A statement has one snapshot, and an append writes `event`, `feed_head` and `zone` in one transaction;
//! so what [`stretch`] reads is exactly the zones touched up to the head that it returns.

mod checkpoint;
mod control;
mod convergence;
mod lease;
mod parked;
mod server;
mod stretch;
mod sweep;

use tokio_postgres::{GenericClient, Row, Statement};
use zonelog_dns::{LongSerial, NameError, ZoneName};
use zonelog_model::{Position, ZoneId};

pub use checkpoint::{Checkpoint, checkpoint, checkpoints, register};
pub use control::{
    Control, Paused, Resync, ask_replay, ask_resync, control, pause, record_resync, resume, take_replay,
};
pub use convergence::{ServerConvergence, ZoneConvergence, convergence};
pub use lease::{Lease, acquire, release, renew};
pub use parked::{Parked, Waiting, record, waiting, wake_all};
pub use server::{BehindZone, Lag, ServerState, behind_at, lag, servers, touched_since, unfinished};
pub use stretch::{Stretch, park_stretch, park_unread, stretch};
pub use sweep::{found_behind, live_zones, recent_zones, settled_zones, zone_count};

/// The statements that whoever works on a server sends for every few events, prepared on one connection: to parse and plan
/// them each time would take ten times as long as they do.
#[derive(Clone, Debug)]
pub struct Statements {
    stretch: Statement,
    record: Statement,
    waiting: Statement,
}

impl Statements {
    /// Prepares them. They are good on this connection alone.
    pub async fn prepare<C: GenericClient>(client: &C) -> Result<Self, DeliveryError> {
        Ok(Self {
            stretch: client.prepare(&stretch::stretch_sql()).await?,
            record: client.prepare(&parked::record_sql()).await?,
            waiting: client.prepare(&parked::waiting_sql()).await?,
        })
    }
}

/// Why the tables could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The database refused or is away.
    #[error("the delivery tables: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// A row holds what no zone can be called.
    #[error("a row of the zone tables holds the name {name:?}: {source}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: NameError,
    },
}

/// What a server must come to, for one zone name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneTarget {
    /// The name's canonical sort key: what `server_zone` is keyed by.
    pub zone_key: Vec<u8>,
    /// The name.
    pub name: ZoneName,
    /// The zone last known by that name.
    pub zone: ZoneId,
    /// The log position of the zone's last change of content (or its deletion).
    pub position: Position,
    /// The log position at which the zone came to the pool: its creation, or its last move.
    pub created: Position,
    /// The serial that it must serve; `None`: the zone is deleted or went to another pool, and must not be served.
    pub serial: Option<LongSerial>,
    /// The zone was deleted with its file: the server is to keep no copy, whatever its targets' options say.
    pub hard: bool,
}

/// Reads key, name, zone, position, creation, serial and whether the deletion is a hard one from the columns at `first`.
fn target(row: &Row, first: usize) -> Result<ZoneTarget, DeliveryError> {
    let name: &str = row.get(first + 1);
    let parsed = ZoneName::parse(name).map_err(|source| DeliveryError::Name {
        name: name.to_owned(),
        source,
    })?;
    Ok(ZoneTarget {
        zone_key: row.get(first),
        name: parsed,
        zone: ZoneId::new(row.get(first + 2)),
        position: row.get(first + 3),
        created: row.get(first + 4),
        serial: row.get::<_, Option<i64>>(first + 5).map(LongSerial::from_i64),
        hard: row.get(first + 6),
    })
}
