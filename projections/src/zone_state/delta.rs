//! From events to row changes: pure, and without knowing what the tables hold.

use std::collections::{HashMap, HashSet};

use zonelog_dns::{LongSerial, Name, Ttl};
use zonelog_model::resource::HostPort;
use zonelog_model::zone::{self, MoveStep, Recordset, Share, SoaTimers, Zone};
use zonelog_model::{
    ChangeId, Event, PoolId, Position, ProjectId, Recorded, RecordsetId, ShareId, Timestamp, Version, ZoneId,
};

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
    last_serial: Option<usize>,
    /// Where it came to a pool last, among those that joined.
    joined: Option<usize>,
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
    pub(super) since_position: Position,
    pub(super) end: End,
}

/// Whether a version goes on after the stretch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Live,
    Ended(Option<LongSerial>),
}

impl<'a> ZoneStateDelta<'a> {
    /// Folds events of the log, which follow each other and end where a change-set ends. Events of other streams than
    /// zones' are passed over.
    pub fn of(events: &'a [Recorded]) -> Self {
        let mut fold = Fold::default();
        for recorded in events {
            if let Event::Zone(event) = &recorded.event {
                fold.event(recorded, event);
            }
        }
        fold.finish()
    }

    /// Whether no row changes.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl ZoneChange<'_> {
    /// Counts a recordset in (`1`) or out (`-1`).
    fn count(&mut self, recordset: &Recordset, times: i64) {
        if !recordset.managed {
            self.recordsets += times;
            self.records += times * i64::try_from(recordset.records.len()).unwrap_or(i64::MAX);
        }
    }
}

/// Whether nothing follows an event in its stream.
const fn ends(event: &zone::Event) -> bool {
    matches!(
        event,
        zone::Event::ZoneDeleted { .. } | zone::Event::ZoneAbandoned { .. }
    )
}

/// Where the live version of a recordset is to be found.
#[derive(Clone, Copy)]
enum Live {
    /// In the table, and altered by this entry of the delta.
    Altered(usize),
    /// Among the versions that the stretch makes.
    Made(usize),
    /// Nowhere: it has ended.
    Gone,
}

#[derive(Default)]
struct Fold<'a> {
    finished: Vec<Step<'a>>,
    delta: Step<'a>,
    zones: HashMap<ZoneId, usize>,
    live: HashMap<(ZoneId, RecordsetId), Live>,
    usage: HashMap<&'a ProjectId, usize>,
    /// Zones that moved in this step.
    moved: HashSet<ZoneId>,
    /// The last change of each zone, over all steps: a change-set counts once.
    last_change: HashMap<ZoneId, ChangeId>,
}

impl<'a> Fold<'a> {
    fn finish(mut self) -> ZoneStateDelta<'a> {
        self.next_step();
        ZoneStateDelta { steps: self.finished }
    }

    fn next_step(&mut self) {
        if !self.zones.is_empty() {
            self.finished.push(std::mem::take(&mut self.delta));
            self.zones.clear();
            self.live.clear();
            self.usage.clear();
            self.moved.clear();
        }
    }

    fn event(&mut self, recorded: &'a Recorded, event: &'a zone::Event) {
        let id = ZoneId::new(recorded.stream.uuid());
        let is_handed_over = matches!(event, zone::Event::ZoneTransferred { .. });
        let moves = matches!(
            event,
            zone::Event::ZoneMovedToPool { .. } | zone::Event::ZoneMoveAdvanced { .. }
        );
        // What a move leaves behind is told by the tables too.
        if ((is_handed_over || moves) && self.zones.contains_key(&id))
            || self.moved.contains(&id) && ends(event)
        {
            self.next_step();
        }
        if moves {
            self.moved.insert(id);
        }
        let at = self.zone(id, recorded);
        self.zone_fields(at, recorded, event);
        if let Some(serial) = event.serial() {
            self.serial(at, recorded, serial, event);
        }
        // The serial at which a version begins or ends that changes no answer.
        let present = self.delta.zones[at].serial;
        match event {
            zone::Event::RecordsetCreated { recordset, serial } => {
                self.begin(id, recordset, serial.or(present), recorded.position);
            }
            zone::Event::RecordsetChanged {
                after, serial: None, ..
            } => self.alter(id, after),
            zone::Event::RecordsetChanged {
                after,
                serial: Some(serial),
                ..
            } => {
                self.replace(id, after, *serial, recorded.position);
            }
            zone::Event::RecordsetDeleted { before, serial } => self.end(id, before.id, serial.or(present)),
            zone::Event::ZoneShared { share } => self.delta.shared.push((id, share)),
            zone::Event::ZoneUnshared { share } => self.unshare(share),
            zone::Event::ZoneTransferred { before, after } => {
                let zone = id;
                self.delta.handed_over.push(HandedOver { zone, before, after });
                self.count_zone(before, -1);
                self.count_zone(after, 1);
            }
            zone::Event::ZoneMovedToPool {
                before, after, coo, ..
            } => {
                if coo.is_none() {
                    self.depart(id, *before, recorded.position);
                }
                self.delta.on_the_way.push(OnTheWay {
                    zone: id,
                    left: Some((*before, None)),
                    to: Some(*after),
                    coo: coo.as_ref().map(|coo| &coo.catalog),
                    waits: coo.as_ref().is_some_and(|coo| coo.waits),
                    position: recorded.position,
                });
                if coo.as_ref().is_none_or(|coo| !coo.waits) {
                    self.join(id, *after, recorded.position);
                }
            }
            zone::Event::ZoneMoveAdvanced {
                before,
                after,
                since,
                step,
            } => match step {
                MoveStep::Shown => {
                    self.leave(id, *after, recorded.position);
                    self.join(id, *after, recorded.position);
                }
                MoveStep::Hidden => self.leave(id, *after, recorded.position),
                MoveStep::Over => self.delta.on_the_way.push(OnTheWay {
                    zone: id,
                    left: Some((*before, Some(*since))),
                    to: None,
                    coo: None,
                    waits: false,
                    position: recorded.position,
                }),
            },
            zone::Event::ZoneCreated { zone } => {
                self.count_zone(&zone.project, 1);
                self.join(id, zone.pool, recorded.position);
            }
            zone::Event::ZoneDeleted { zone, .. } => {
                self.count_zone(&zone.project, -1);
                self.leave(id, zone.pool, recorded.position);
                self.give_up(id, recorded.position);
            }
            // Its servers keep it, and so does their pool's catalog.
            zone::Event::ZoneAbandoned { zone } => {
                self.count_zone(&zone.project, -1);
                self.give_up(id, recorded.position);
            }
            zone::Event::ZoneMastersChanged { .. }
            | zone::Event::ZoneRefreshedFromPrimary { .. }
            | zone::Event::ZoneTtlChanged { .. }
            | zone::Event::ZoneEmailChanged { .. }
            | zone::Event::ZoneDescriptionChanged { .. }
            | zone::Event::ZonePrimaryNameserverChanged { .. } => {}
        }
    }

    fn count_zone(&mut self, project: &'a ProjectId, by: i64) {
        let at = *self.usage.entry(project).or_insert_with(|| {
            self.delta.usage.push((project, 0));
            self.delta.usage.len() - 1
        });
        self.delta.usage[at].1 += by;
    }

    fn unshare(&mut self, share: &Share) {
        let made_here = self.delta.shared.iter().position(|(_, made)| made.id == share.id);
        match made_here {
            Some(at) => drop(self.delta.shared.remove(at)),
            None => self.delta.unshared.push(share.id),
        }
    }

    fn depart(&mut self, zone: ZoneId, pool: PoolId, position: Position) {
        let departed = &mut self.delta.departed;
        match departed
            .iter_mut()
            .find(|row| row.zone == zone && row.pool == pool)
        {
            Some(row) => row.position = position,
            None => departed.push(Departed { pool, zone, position }),
        }
    }

    fn join(&mut self, zone: ZoneId, pool: PoolId, since: Position) {
        if let Some(at) = self.zones.get(&zone) {
            self.delta.zones[*at].joined = Some(self.delta.joined.len());
        }
        let until = None;
        self.delta.joined.push(Joined {
            pool,
            zone,
            since,
            until,
        });
    }

    fn leave(&mut self, zone: ZoneId, pool: PoolId, position: Position) {
        // A zone is in one pool at a time.
        let joined = self.zone_joined(zone);
        match joined {
            Some(joined) => joined.until = Some(position),
            None => self.delta.left.push(Left { pool, zone, position }),
        }
    }

    /// The catalogs of pools that the zone left show it no more.
    fn give_up(&mut self, zone: ZoneId, position: Position) {
        self.delta.on_the_way.push(OnTheWay {
            zone,
            left: None,
            to: None,
            coo: None,
            waits: false,
            position,
        });
    }

    /// Where the zone came to in this step, if that is where it is.
    fn zone_joined(&mut self, zone: ZoneId) -> Option<&mut Joined> {
        let at = *self.zones.get(&zone)?;
        let joined = self.delta.zones[at].joined?;
        self.delta
            .joined
            .get_mut(joined)
            .filter(|row| row.until.is_none())
    }

    /// The entry of the zone, moved on to this event.
    fn zone(&mut self, id: ZoneId, recorded: &Recorded) -> usize {
        let change = recorded.metadata.change_id;
        let is_next_change = self.last_change.insert(id, change) != Some(change);
        if let Some(at) = self.zones.get(&id) {
            let zone = &mut self.delta.zones[*at];
            if is_next_change {
                zone.changes += 1;
                zone.updated_at = Some(recorded.recorded_at);
            }
            zone.stream_version = recorded.version;
            return *at;
        }
        let is_creation = matches!(recorded.event, Event::Zone(zone::Event::ZoneCreated { .. }));
        let is_change = is_next_change && !is_creation;
        self.delta.zones.push(ZoneChange {
            id,
            created: None,
            project: None,
            pool: None,
            primary_nameserver: None,
            serial: None,
            ttl: None,
            email: None,
            description: None,
            timers: None,
            masters: None,
            transferred_at: None,
            recordsets: 0,
            records: 0,
            changes: i64::from(is_change),
            stream_version: recorded.version,
            updated_at: is_change.then_some(recorded.recorded_at),
            content_position: None,
            deleted: None,
            abandoned: false,
            hard_deleted: false,
            last_serial: None,
            joined: None,
        });
        let at = self.delta.zones.len() - 1;
        self.zones.insert(id, at);
        at
    }

    fn zone_fields(&mut self, at: usize, recorded: &Recorded, event: &'a zone::Event) {
        let entry = &mut self.delta.zones[at];
        match event {
            zone::Event::ZoneCreated { zone } => {
                entry.created = Some((zone, recorded.position));
                entry.ttl = Some(zone.ttl);
                entry.email = Some(&zone.email);
                entry.description = Some(zone.description.as_deref());
                entry.primary_nameserver = Some(&zone.primary_nameserver);
                entry.timers = Some(zone.timers);
            }
            zone::Event::ZoneMastersChanged { after, .. } => entry.masters = Some(after),
            zone::Event::ZoneRefreshedFromPrimary { after, .. } => {
                entry.primary_nameserver = Some(&after.primary_nameserver);
                entry.email = Some(&after.email);
                entry.ttl = Some(after.ttl);
                entry.timers = Some(after.timers);
                entry.transferred_at = Some(recorded.recorded_at);
            }
            zone::Event::ZoneTtlChanged { after, .. } => entry.ttl = Some(*after),
            zone::Event::ZoneEmailChanged { after, .. } => entry.email = Some(after),
            zone::Event::ZoneDescriptionChanged { after, .. } => entry.description = Some(after.as_deref()),
            zone::Event::ZonePrimaryNameserverChanged { after, .. } => entry.primary_nameserver = Some(after),
            zone::Event::ZoneTransferred { after, .. } => entry.project = Some(after),
            zone::Event::ZoneMovedToPool { after, .. } => {
                entry.pool = Some((*after, recorded.position));
                // Also of a secondary zone, whose serial stays: its new servers are to take it.
                entry.content_position = Some(recorded.position);
            }
            // Its servers learn of it with this.
            zone::Event::ZoneMoveAdvanced {
                after,
                step: MoveStep::Shown,
                ..
            } => {
                entry.pool = Some((*after, recorded.position));
                entry.content_position = Some(recorded.position);
            }
            zone::Event::ZoneMoveAdvanced { .. } => {}
            zone::Event::ZoneDeleted { .. } | zone::Event::ZoneAbandoned { .. } => {
                entry.deleted = Some((recorded.position, recorded.recorded_at));
                entry.abandoned = matches!(event, zone::Event::ZoneAbandoned { .. });
                entry.hard_deleted = matches!(event, zone::Event::ZoneDeleted { hard: true, .. });
                entry.content_position = Some(recorded.position);
            }
            zone::Event::RecordsetCreated { recordset, .. } => entry.count(recordset, 1),
            zone::Event::RecordsetChanged { before, after, .. } => {
                entry.count(before, -1);
                entry.count(after, 1);
            }
            zone::Event::RecordsetDeleted { before, .. } => entry.count(before, -1),
            zone::Event::ZoneShared { .. } | zone::Event::ZoneUnshared { .. } => {}
        }
    }

    fn serial(&mut self, at: usize, recorded: &Recorded, serial: LongSerial, event: &zone::Event) {
        let entry = &mut self.delta.zones[at];
        entry.serial = Some(serial);
        entry.content_position = Some(recorded.position);
        let whole = matches!(
            event,
            zone::Event::ZoneCreated { .. } | zone::Event::ZoneTtlChanged { .. }
        );
        if let Some(row) = entry.last_serial.map(|row| &mut self.delta.serials[row])
            && row.serial == serial
        {
            row.position = recorded.position;
            row.ttl = entry.ttl;
            row.email = entry.email;
            row.primary_nameserver = entry.primary_nameserver;
            row.timers = entry.timers;
            row.whole |= whole;
            return;
        }
        entry.last_serial = Some(self.delta.serials.len());
        self.delta.serials.push(SerialMade {
            zone: entry.id,
            serial,
            position: recorded.position,
            recorded_at: recorded.recorded_at,
            ttl: entry.ttl,
            email: entry.email,
            primary_nameserver: entry.primary_nameserver,
            timers: entry.timers,
            whole,
        });
    }

    fn begin(
        &mut self,
        zone: ZoneId,
        recordset: &'a Recordset,
        since: Option<LongSerial>,
        since_position: Position,
    ) {
        self.live
            .insert((zone, recordset.id), Live::Made(self.delta.made.len()));
        self.delta.made.push(VersionMade {
            zone,
            recordset,
            since,
            since_position,
            end: End::Live,
        });
    }

    fn alter(&mut self, zone: ZoneId, after: &'a Recordset) {
        match self.live.get(&(zone, after.id)) {
            Some(Live::Made(at)) => self.delta.made[*at].recordset = after,
            Some(Live::Altered(at)) => self.delta.altered[*at].after = after,
            Some(Live::Gone) | None => {
                self.live
                    .insert((zone, after.id), Live::Altered(self.delta.altered.len()));
                self.delta.altered.push(VersionAltered { zone, after });
            }
        }
    }

    fn replace(&mut self, zone: ZoneId, after: &'a Recordset, serial: LongSerial, position: Position) {
        if let Some(Live::Made(at)) = self.live.get(&(zone, after.id)) {
            let row = &mut self.delta.made[*at];
            if row.since == Some(serial) {
                // Twice in one step: no serial ever shows the first.
                row.recordset = after;
                row.since_position = position;
                return;
            }
        }
        self.end(zone, after.id, Some(serial));
        self.begin(zone, after, Some(serial), position);
    }

    fn end(&mut self, zone: ZoneId, recordset: RecordsetId, until: Option<LongSerial>) {
        match self.live.insert((zone, recordset), Live::Gone) {
            Some(Live::Made(at)) => self.delta.made[at].end = End::Ended(until),
            Some(Live::Altered(_) | Live::Gone) | None => {
                self.delta.ended.push(VersionEnded {
                    zone,
                    recordset,
                    until,
                });
            }
        }
    }
}

#[cfg(test)]
#[path = "delta_tests.rs"]
mod tests;
