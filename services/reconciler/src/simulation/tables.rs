//! The log, and the delivery tables as PostgreSQL keeps them: what each statement of `projections::delivery` does, in memory.

use std::collections::BTreeMap;

use uuid::Uuid;
use zonelog_dns::{LongSerial, ZoneName};
use zonelog_model::{Position, Timestamp, ZoneId};
use zonelog_projections::delivery::{Waiting, ZoneTarget};

use crate::tracker::Write;

/// Which of the few zone names of a schedule.
pub(super) type ZoneNumber = u8;

/// A moment of the schedule, in milliseconds since it began.
pub(super) type Moment = u64;

pub(super) fn timestamp(at: Moment) -> Timestamp {
    Timestamp::from_timestamp_millis(i64::try_from(at).unwrap()).unwrap()
}

pub(super) fn moment(at: Timestamp) -> Moment {
    u64::try_from(at.timestamp_millis()).unwrap()
}

/// What the log says of a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zone {
    id: u128,
    position: Position,
    created: Position,
    pub(super) serial: LongSerial,
    pub(super) live: bool,
}

/// The log, folded: the last zone of each name.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) head: Position,
    pub(super) zones: BTreeMap<ZoneNumber, Zone>,
    first_serial: i64,
}

impl Log {
    pub(super) const fn new(first_serial: i64) -> Self {
        Self {
            head: 0,
            zones: BTreeMap::new(),
            first_serial,
        }
    }

    /// A change of the zone, or the creation of one; or its deletion.
    pub(super) fn append(&mut self, number: ZoneNumber, delete: bool) {
        self.head += 1;
        let (head, first) = (self.head, self.first_serial);
        let zone = self.zones.entry(number).or_insert(Zone {
            id: 0,
            position: 0,
            created: 0,
            serial: LongSerial::from_i64(first),
            live: false,
        });
        zone.position = head;
        match (zone.live, delete) {
            (true, true) => zone.live = false,
            (true, false) => zone.serial = LongSerial::from_i64(zone.serial.get() + 1),
            (false, _) => {
                // A new zone goes on from the serial of the one that had its name.
                zone.serial = LongSerial::from_i64(zone.serial.get() + 1);
                zone.live = true;
                zone.created = head;
                zone.id += 1;
            }
        }
    }

    pub(super) fn target(&self, number: ZoneNumber) -> ZoneTarget {
        let zone = &self.zones[&number];
        ZoneTarget {
            zone_key: vec![number],
            name: ZoneName::parse(&format!("z{number}.test.")).unwrap(),
            zone: ZoneId::new(Uuid::from_u128(zone.id << 8 | u128::from(number))),
            position: zone.position,
            created: zone.created,
            serial: zone.live.then_some(zone.serial),
            hard: false,
        }
    }

    /// The names that the log touched after a position.
    pub(super) fn touched(&self, after: Position) -> Vec<ZoneNumber> {
        let touched = self.zones.iter().filter(|(_, zone)| zone.position > after);
        touched.map(|(number, _)| *number).collect()
    }
}

/// A zone that is set aside: a row of `server_zone`.
#[derive(Clone, Debug)]
pub(super) struct Row {
    position: Position,
    attempts: i32,
    next_try: Moment,
}

/// The rows of one server.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) checkpoint: Position,
    pub(super) rows: BTreeMap<ZoneNumber, Row>,
    pub(super) token: i64,
    pub(super) lease_until: Moment,
}

impl Tables {
    pub(super) fn acquire(&mut self, now: Moment, lease: Moment) -> Option<i64> {
        if self.lease_until > now {
            return None;
        }
        self.token += 1;
        self.lease_until = now + lease;
        Some(self.token)
    }

    pub(super) fn renew(&mut self, token: i64, until: Moment) -> bool {
        let held = self.token == token;
        if held {
            self.lease_until = until;
        }
        held
    }

    pub(super) fn park_stretch(
        &mut self,
        token: i64,
        log: &Log,
        after: Position,
        now: Moment,
    ) -> Option<Position> {
        self.checkpoint = self.park_unread(token, log, after, now)?;
        Some(self.checkpoint)
    }

    pub(super) fn park_unread(
        &mut self,
        token: i64,
        log: &Log,
        after: Position,
        now: Moment,
    ) -> Option<Position> {
        if self.token != token {
            return None;
        }
        for number in log.touched(after) {
            let zone = &log.zones[&number];
            if after > 0 || zone.live {
                let row = self.rows.entry(number).or_insert(Row {
                    position: 0,
                    attempts: 0,
                    next_try: now,
                });
                row.position = zone.position;
                row.next_try = row.next_try.min(now);
            }
        }
        Some(log.head)
    }

    pub(super) fn record(&mut self, token: i64, write: &Write) -> bool {
        if self.token != token {
            return false;
        }
        for (key, reached) in &write.confirmed {
            if self.rows.get(&key[0]).is_some_and(|row| row.position <= *reached) {
                self.rows.remove(&key[0]);
            }
        }
        for parked in &write.parked {
            let (number, position) = (parked.target.zone_key[0], parked.target.position);
            if self.rows.get(&number).is_none_or(|row| row.position <= position) {
                let row = Row {
                    position,
                    attempts: parked.attempts,
                    next_try: moment(parked.next_try),
                };
                self.rows.insert(number, row);
            }
        }
        self.checkpoint = self.checkpoint.max(write.checkpoint);
        true
    }

    pub(super) fn found_behind(&mut self, token: i64, target: &ZoneTarget, now: Moment) {
        if self.token == token {
            self.rows.entry(target.zone_key[0]).or_insert(Row {
                position: target.position,
                attempts: 0,
                next_try: now,
            });
        }
    }

    pub(super) fn wake_all(&mut self, token: i64, now: Moment) {
        if self.token == token {
            for row in self.rows.values_mut() {
                row.next_try = row.next_try.min(now);
            }
        }
    }

    /// The rows by the time of their next try, with what the zones are now.
    pub(super) fn waiting(&self, log: &Log) -> Vec<Waiting> {
        let mut waiting: Vec<Waiting> = self
            .rows
            .iter()
            .map(|(number, row)| {
                let mut target = log.target(*number);
                target.position = target.position.max(row.position);
                Waiting {
                    target,
                    attempts: row.attempts,
                    next_try: timestamp(row.next_try),
                }
            })
            .collect();
        waiting.sort_by_key(|waiting| waiting.next_try);
        waiting
    }

    /// The names that the server is thought to serve, or not to serve, as the log says.
    pub(super) fn settled_zones(&self, log: &Log) -> Vec<ZoneTarget> {
        let settled = log
            .zones
            .iter()
            .filter(|(number, zone)| zone.position <= self.checkpoint && !self.rows.contains_key(number));
        settled.map(|(number, _)| log.target(*number)).collect()
    }
}
