//! From events to row changes: pure, and without knowing what the tables hold.

use std::collections::{HashMap, HashSet};

use zonelog_dns::LongSerial;
use zonelog_model::zone::{self, MoveStep, Recordset, Share};
use zonelog_model::{ChangeId, Event, PoolId, Position, ProjectId, Recorded, RecordsetId, ZoneId};

use super::delta::{
    Departed, End, HandedOver, Joined, Left, OnTheWay, SerialMade, Step, VersionAltered, VersionEnded,
    VersionMade, ZoneChange, ZoneStateDelta,
};

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
                self.begin(id, recordset, serial.or(present));
            }
            zone::Event::RecordsetChanged {
                after, serial: None, ..
            } => self.alter(id, after),
            zone::Event::RecordsetChanged {
                after,
                serial: Some(serial),
                ..
            } => {
                self.replace(id, after, *serial);
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

    fn begin(&mut self, zone: ZoneId, recordset: &'a Recordset, since: Option<LongSerial>) {
        self.live
            .insert((zone, recordset.id), Live::Made(self.delta.made.len()));
        self.delta.made.push(VersionMade {
            zone,
            recordset,
            since,
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

    fn replace(&mut self, zone: ZoneId, after: &'a Recordset, serial: LongSerial) {
        if let Some(Live::Made(at)) = self.live.get(&(zone, after.id)) {
            let row = &mut self.delta.made[*at];
            if row.since == Some(serial) {
                // Twice in one step: no serial ever shows the first.
                row.recordset = after;
                return;
            }
        }
        self.end(zone, after.id, Some(serial));
        self.begin(zone, after, Some(serial));
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
#[path = "fold_tests.rs"]
mod tests;
