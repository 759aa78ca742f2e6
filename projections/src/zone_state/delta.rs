//! Row changes, as they come from a stretch of the log.

use zonelog_dns::{LongSerial, Name, Ttl};
use zonelog_model::resource::HostPort;
use zonelog_model::zone::{Recordset, Share, SoaTimers, Zone};
use zonelog_model::{PoolId, Position, ProjectId, RecordsetId, ShareId, Timestamp, Version, ZoneId};

/// What a stretch of the log does to the tables of zone state, in steps that are written one after the other. There is
/// one step, unless a zone changes hands in the stretch after something else happened to it: the live versions that go
/// with it are told by the tables, so these must have come that far.
#[derive(Debug, Default, PartialEq)]
pub struct ZoneStateDelta<'a> {
    pub(super) steps: Vec<Step<'a>>,
}

/// What a part of the log does to the tables. Several changes to one row are folded into one, and a version that begins
/// and ends within the part is one row.
///
/// A serial that is `None` here stands for the zone's serial before the part, which the tables know and the fold does
/// not.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Step<'a> {
    /// Zones that change hands, before anything else happens to them in this step.
    pub(super) handed_over: Vec<HandedOver<'a>>,
    /// Zones that come to be, and changes to those that exist.
    pub(super) zones: Vec<ZoneChange<'a>>,
    /// New serials, in the order of the log.
    pub(super) serials: Vec<SerialMade<'a>>,
    /// Live versions in the table that are altered in place.
    pub(super) altered: Vec<VersionAltered<'a>>,
    /// Live versions in the table that end.
    pub(super) ended: Vec<VersionEnded>,
    /// New versions.
    pub(super) made: Vec<VersionMade<'a>>,
    /// Shares taken back.
    pub(super) unshared: Vec<ShareId>,
    /// New shares.
    pub(super) shared: Vec<(ZoneId, &'a Share)>,
    /// Names that left a pool.
    pub(super) departed: Vec<Departed>,
    /// Zones that were a pool's before this step and are no more.
    pub(super) left: Vec<Left>,
    /// Zones that came to a pool, maybe to leave it again.
    pub(super) joined: Vec<Joined>,
    /// Zones on their way between two pools with catalogs: written after those that left and before those that joined.
    pub(super) on_the_way: Vec<OnTheWay<'a>>,
    /// By how much the number of a project's live zones changes; a project's first zone makes its row, be it for nothing.
    pub(super) usage: Vec<(&'a ProjectId, i64)>,
}

/// A zone that comes to another project, with the live versions that the old owner made.
#[derive(Debug, PartialEq)]
pub(super) struct HandedOver<'a> {
    pub(super) zone: ZoneId,
    pub(super) before: &'a ProjectId,
    pub(super) after: &'a ProjectId,
}

/// A zone's name that is no longer a pool's.
#[derive(Debug, PartialEq)]
pub(super) struct Departed {
    pub(super) pool: PoolId,
    pub(super) zone: ZoneId,
    pub(super) position: Position,
}

/// A zone that is no longer a pool's: it was deleted, or moved.
#[derive(Debug, PartialEq)]
pub(super) struct Left {
    pub(super) pool: PoolId,
    pub(super) zone: ZoneId,
    pub(super) position: Position,
}

/// A zone that came to a pool.
#[derive(Debug, PartialEq)]
pub(super) struct Joined {
    pub(super) pool: PoolId,
    pub(super) zone: ZoneId,
    pub(super) since: Position,
    pub(super) until: Option<Position>,
}

/// What becomes of a zone in the catalogs of the pools that it left, and that show where it is going.
#[derive(Debug, PartialEq)]
pub(super) struct OnTheWay<'a> {
    pub(super) zone: ZoneId,
    /// The pool that it leaves with this; a catalog that was given up earlier: that pool, and since when it shows where the
    /// zone is going.
    pub(super) left: Option<(PoolId, Option<Position>)>,
    /// The pool that it comes to.
    pub(super) to: Option<PoolId>,
    /// What the catalogs of the pools that it left show from here on; `None`: they show the zone no more.
    pub(super) coo: Option<&'a Name>,
    /// It does not join the pool that it comes to yet; where that pool's catalog shows it still, it stays.
    pub(super) waits: bool,
    pub(super) position: Position,
}

/// What happens to one row of `zone`.
#[derive(Debug, PartialEq)]
pub(super) struct ZoneChange<'a> {
    pub(super) id: ZoneId,
    /// The zone as it was created, and the position of that, when that is part of the stretch.
    pub(super) created: Option<(&'a Zone, Position)>,
    pub(super) project: Option<&'a ProjectId>,
    /// Another pool, and the position of the move.
    pub(super) pool: Option<(PoolId, Position)>,
    pub(super) primary_nameserver: Option<&'a Name>,
    pub(super) serial: Option<LongSerial>,
    pub(super) ttl: Option<Ttl>,
    pub(super) email: Option<&'a str>,
    pub(super) description: Option<Option<&'a str>>,
    pub(super) timers: Option<SoaTimers>,
    pub(super) masters: Option<&'a [HostPort]>,
    /// When it was last taken from its primary.
    pub(super) transferred_at: Option<Timestamp>,
    /// By how much the number of its recordsets changes, and that of their records; the managed ones not counted.
    pub(super) recordsets: i64,
    pub(super) records: i64,
    /// How many change-sets, the creation not counted.
    pub(super) changes: i64,
    pub(super) stream_version: Version,
    pub(super) updated_at: Option<Timestamp>,
    pub(super) content_position: Option<Position>,
    /// Deleted or abandoned. Its counts are 0 then.
    pub(super) deleted: Option<(Position, Timestamp)>,
    pub(super) abandoned: bool,
    /// Its file is to go with it.
    pub(super) hard_deleted: bool,
    /// Where its latest serial stands among the serials of the delta.
    pub(super) last_serial: Option<usize>,
    /// Where it came to a pool last, among those that joined.
    pub(super) joined: Option<usize>,
}

/// A new row of `zone_serial`. What the stretch does not tell is as in the zone's row before it.
#[derive(Debug, PartialEq)]
pub(super) struct SerialMade<'a> {
    pub(super) zone: ZoneId,
    pub(super) serial: LongSerial,
    /// Of the last event that carries the serial.
    pub(super) position: Position,
    pub(super) recorded_at: Timestamp,
    pub(super) ttl: Option<Ttl>,
    pub(super) email: Option<&'a str>,
    pub(super) primary_nameserver: Option<&'a Name>,
    pub(super) timers: Option<SoaTimers>,
    pub(super) whole: bool,
}

/// A live version of the table that stays, with other words on it.
#[derive(Debug, PartialEq)]
pub(super) struct VersionAltered<'a> {
    pub(super) zone: ZoneId,
    pub(super) after: &'a Recordset,
}

/// A live version of the table that ends.
#[derive(Debug, PartialEq)]
pub(super) struct VersionEnded {
    pub(super) zone: ZoneId,
    pub(super) recordset: RecordsetId,
    pub(super) until: Option<LongSerial>,
}

/// A new row of `recordset_version`.
#[derive(Debug, PartialEq)]
pub(super) struct VersionMade<'a> {
    pub(super) zone: ZoneId,
    pub(super) recordset: &'a Recordset,
    pub(super) since: Option<LongSerial>,
    pub(super) end: End,
}

/// Whether a version goes on after the stretch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Live,
    Ended(Option<LongSerial>),
}

impl ZoneStateDelta<'_> {
    /// Whether no row changes.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl ZoneChange<'_> {
    /// Counts a recordset in (`1`) or out (`-1`).
    pub(super) fn count(&mut self, recordset: &Recordset, times: i64) {
        if !recordset.managed {
            self.recordsets += times;
            self.records += times * i64::try_from(recordset.records.len()).unwrap_or(i64::MAX);
        }
    }
}
