//! From events to row changes: pure, and without knowing what the tables hold.

use std::collections::HashMap;

use zonelog_dns::{LongSerial, Ttl};
use zonelog_model::zone::{self, Recordset, Zone};
use zonelog_model::{ChangeId, Event, Position, Recorded, RecordsetId, Timestamp, Version, ZoneId};

/// What a stretch of the log does to the tables of zone state. Several changes to one row are folded into one, and a
/// version that begins and ends within the stretch is one row.
///
/// A serial that is `None` here stands for the zone's serial before the stretch, which the tables know and the fold
/// does not.
#[derive(Debug, Default, PartialEq)]
pub struct ZoneStateDelta<'a> {
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
}

/// What happens to one row of `zone`.
#[derive(Debug, PartialEq)]
pub(super) struct ZoneChange<'a> {
    pub(super) id: ZoneId,
    /// The zone as it was created, and the position of that, when that is part of the stretch.
    pub(super) created: Option<(&'a Zone, Position)>,
    pub(super) serial: Option<LongSerial>,
    pub(super) ttl: Option<Ttl>,
    pub(super) email: Option<&'a str>,
    pub(super) description: Option<Option<&'a str>>,
    /// How many change-sets, the creation not counted.
    pub(super) changes: i64,
    pub(super) stream_version: Version,
    pub(super) updated_at: Option<Timestamp>,
    pub(super) content_position: Option<Position>,
    pub(super) deleted: Option<(Position, Timestamp)>,
    last_change: ChangeId,
    /// Where its latest serial stands among the serials of the delta.
    last_serial: Option<usize>,
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
    /// Tells the primary name server and the timers, which never change, of a zone made in the stretch.
    pub(super) created: Option<&'a Zone>,
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
            let Event::Zone(event) = &recorded.event;
            fold.event(recorded, event);
        }
        fold.delta
    }

    /// Whether no row changes.
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }
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
    delta: ZoneStateDelta<'a>,
    zones: HashMap<ZoneId, usize>,
    live: HashMap<(ZoneId, RecordsetId), Live>,
}

impl<'a> Fold<'a> {
    fn event(&mut self, recorded: &'a Recorded, event: &'a zone::Event) {
        let id = ZoneId::new(recorded.stream.uuid());
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
            zone::Event::ZoneCreated { .. }
            | zone::Event::ZoneTtlChanged { .. }
            | zone::Event::ZoneEmailChanged { .. }
            | zone::Event::ZoneDescriptionChanged { .. }
            | zone::Event::ZoneDeleted { .. } => {}
        }
    }

    /// The entry of the zone, moved on to this event.
    fn zone(&mut self, id: ZoneId, recorded: &Recorded) -> usize {
        let change = recorded.metadata.change_id;
        if let Some(at) = self.zones.get(&id) {
            let zone = &mut self.delta.zones[*at];
            if zone.last_change != change {
                zone.last_change = change;
                zone.changes += 1;
                zone.updated_at = Some(recorded.recorded_at);
            }
            zone.stream_version = recorded.version;
            return *at;
        }
        let is_creation = matches!(recorded.event, Event::Zone(zone::Event::ZoneCreated { .. }));
        self.delta.zones.push(ZoneChange {
            id,
            created: None,
            serial: None,
            ttl: None,
            email: None,
            description: None,
            changes: i64::from(!is_creation),
            stream_version: recorded.version,
            updated_at: (!is_creation).then_some(recorded.recorded_at),
            content_position: None,
            deleted: None,
            last_change: change,
            last_serial: None,
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
            }
            zone::Event::ZoneTtlChanged { after, .. } => entry.ttl = Some(*after),
            zone::Event::ZoneEmailChanged { after, .. } => entry.email = Some(after),
            zone::Event::ZoneDescriptionChanged { after, .. } => entry.description = Some(after.as_deref()),
            zone::Event::ZoneDeleted { .. } => {
                entry.deleted = Some((recorded.position, recorded.recorded_at));
                entry.content_position = Some(recorded.position);
            }
            zone::Event::RecordsetCreated { .. }
            | zone::Event::RecordsetChanged { .. }
            | zone::Event::RecordsetDeleted { .. } => {}
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
            created: entry.created.map(|(zone, _)| zone),
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
