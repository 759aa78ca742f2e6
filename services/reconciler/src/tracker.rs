//! Which zones of which stretches of the log are still on their way to a server, and how far its checkpoint may move.
//! Pure.
//!
//! Stretches overlap: the next is read while slow zones of the last are still pending. The checkpoint moves to the end of
//! a stretch when every zone of it and of all stretches before it was seen to be right, or is set aside.

use std::collections::{HashMap, VecDeque};

use zonelog_dns::LongSerial;
use zonelog_model::{Position, Timestamp};
use zonelog_projections::delivery::{Parked, Waiting, ZoneTarget};

use crate::pass::Outcome;

/// A zone name's canonical key.
pub(crate) type ZoneKey = Vec<u8>;

/// Why a zone is on its way. In each lane zones go in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// It changed, and the server knows it: it only has to follow.
    Changed,
    /// The server must be told to serve it, or not to.
    Told,
    /// It was set aside before.
    Again,
}

/// The zones on their way to one server.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    checkpoint: Position,
    read: Position,
    /// The number of the first open stretch.
    first: u64,
    open: VecDeque<Open>,
    zones: HashMap<ZoneKey, Tracked>,
    /// To be started, by lane.
    queues: [VecDeque<ZoneKey>; 3],
    confirmed: Vec<(ZoneKey, Position)>,
    parked: HashMap<ZoneKey, Parked>,
}

#[derive(Debug)]
struct Open {
    through: Position,
    waiting: usize,
}

#[derive(Debug)]
struct Tracked {
    target: ZoneTarget,
    attempts: i32,
    running: bool,
    lane: Lane,
    /// Stretches that wait for it, each with the position and serial that satisfies them.
    stretches: Vec<(u64, Position, Option<LongSerial>)>,
}

/// A zone to be brought to its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// What it should come to.
    pub(crate) target: ZoneTarget,
    /// How many tries failed before.
    pub(crate) attempts: i32,
    /// Why.
    pub(crate) lane: Lane,
}

impl Start {
    /// Whether the zone came to the pool after anything that the server was told.
    pub(crate) fn is_new(&self) -> bool {
        self.lane == Lane::Told && self.target.serial.is_some()
    }
}

/// What is to be written to the delivery tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Write {
    /// The checkpoint.
    pub(crate) checkpoint: Position,
    /// Zones that were seen to be right, and up to which position.
    pub(crate) confirmed: Vec<(ZoneKey, Position)>,
    /// Zones that are set aside.
    pub(crate) parked: Vec<Parked>,
}

impl Tracker {
    /// Nothing is on its way, and the server's checkpoint is `checkpoint`.
    pub(crate) fn at(checkpoint: Position) -> Self {
        Self {
            checkpoint,
            read: checkpoint,
            ..Self::default()
        }
    }

    /// Up to where the log was read.
    pub(crate) const fn read(&self) -> Position {
        self.read
    }

    /// Up to where the server is known to serve what the log says.
    pub(crate) const fn checkpoint(&self) -> Position {
        self.checkpoint
    }

    /// How many stretches are open.
    pub(crate) fn open_stretches(&self) -> usize {
        self.open.len()
    }

    /// How many zones are on their way.
    pub(crate) fn on_their_way(&self) -> usize {
        self.zones.len()
    }

    /// How many of them were set aside before, and not changed since.
    pub(crate) fn on_their_way_again(&self) -> usize {
        self.zones
            .values()
            .filter(|zone| zone.lane == Lane::Again)
            .count()
    }

    /// Takes a stretch that ends at `through` and touched `zones`.
    pub(crate) fn take(&mut self, through: Position, zones: Vec<ZoneTarget>) {
        let number = self.first + self.open.len() as u64;
        self.open.push_back(Open {
            through,
            waiting: zones.len(),
        });
        self.read = through;
        for target in zones {
            let wish = (number, target.position, target.serial);
            let (key, lane) = (target.zone_key.clone(), self.lane(&target));
            match self.zones.get_mut(&key) {
                Some(tracked) => {
                    if tracked.lane != lane && !tracked.running {
                        self.queues[lane as usize].push_back(key);
                    }
                    tracked.target = target;
                    tracked.lane = lane;
                    tracked.stretches.push(wish);
                }
                None => {
                    self.queues[lane as usize].push_back(key.clone());
                    let stretches = vec![wish];
                    self.zones.insert(
                        key,
                        Tracked {
                            target,
                            attempts: 0,
                            running: false,
                            lane,
                            stretches,
                        },
                    );
                }
            }
        }
        self.settle();
    }

    /// Takes a zone that was set aside and is to be tried again. Returns whether that is all: one that is on its way already,
    /// to an earlier position, is to be given again when it has come there.
    pub(crate) fn take_again(&mut self, waiting: Waiting) -> bool {
        let key = waiting.target.zone_key.clone();
        if let Some(tracked) = self.zones.get(&key) {
            return tracked.target.position >= waiting.target.position;
        }
        self.queues[Lane::Again as usize].push_back(key.clone());
        let Waiting { target, attempts, .. } = waiting;
        self.zones.insert(
            key,
            Tracked {
                target,
                attempts,
                running: false,
                lane: Lane::Again,
                stretches: Vec::new(),
            },
        );
        true
    }

    /// The next zone to start, of the first of these lanes that has one.
    pub(crate) fn start(&mut self, lanes: impl IntoIterator<Item = Lane>) -> Option<Start> {
        for lane in lanes {
            while let Some(key) = self.queues[lane as usize].pop_front() {
                // A name may stand in two queues, or its zone may be gone since.
                if let Some(tracked) = self.zones.get_mut(&key)
                    && !tracked.running
                    && tracked.lane == lane
                {
                    tracked.running = true;
                    return Some(Start {
                        target: tracked.target.clone(),
                        attempts: tracked.attempts,
                        lane,
                    });
                }
            }
        }
        None
    }

    fn lane(&self, target: &ZoneTarget) -> Lane {
        if target.serial.is_none() || target.created > self.checkpoint {
            Lane::Told
        } else {
            Lane::Changed
        }
    }

    /// Takes how a try ended that was made for `tried`. A zone that stays behind is tried again at `next_try`.
    pub(crate) fn finish(&mut self, tried: &ZoneTarget, outcome: Outcome, next_try: Timestamp) {
        let Some(tracked) = self.zones.get_mut(&tried.zone_key) else {
            return;
        };
        tracked.running = false;
        let (reached, seen) = match outcome {
            Outcome::Settled { seen } => {
                self.parked.remove(&tried.zone_key);
                self.confirmed.push((tried.zone_key.clone(), tried.position));
                (tried.position, seen)
            }
            Outcome::Behind { seen, error } => {
                tracked.attempts += 1;
                let (target, attempts) = (tried.clone(), tracked.attempts);
                self.confirmed.retain(|(key, _)| *key != tried.zone_key);
                self.parked.insert(
                    tried.zone_key.clone(),
                    Parked {
                        target,
                        seen,
                        error,
                        attempts,
                        next_try,
                    },
                );
                (tried.position, None)
            }
            Outcome::Silent => (0, None),
        };
        // A server that was seen past the serial of a later change has that change too, and what came between: also when
        // that was a deletion, after which the zone was made again.
        let later = tracked
            .stretches
            .iter()
            .filter(|(_, _, serial)| matches!((seen, serial), (Some(seen), Some(wanted)) if seen >= *wanted));
        let through = later
            .map(|(_, position, _)| *position)
            .fold(reached, Position::max);
        tracked.stretches.retain(|(number, position, _)| {
            let met = *position <= through;
            if met
                && let Some(open) = usize::try_from(number - self.first)
                    .ok()
                    .and_then(|n| self.open.get_mut(n))
            {
                open.waiting -= 1;
            }
            !met
        });
        if through > reached
            && let Some(last) = self.confirmed.last_mut()
        {
            last.1 = through;
        }
        if tracked.target.position > through {
            self.queues[tracked.lane as usize].push_back(tried.zone_key.clone());
        } else {
            self.zones.remove(&tried.zone_key);
        }
        self.settle();
    }

    /// What is to be written, if anything is.
    pub(crate) fn take_write(&mut self, written: Position) -> Option<Write> {
        if self.checkpoint <= written && self.confirmed.is_empty() && self.parked.is_empty() {
            return None;
        }
        Some(Write {
            checkpoint: self.checkpoint,
            confirmed: std::mem::take(&mut self.confirmed),
            parked: std::mem::take(&mut self.parked).into_values().collect(),
        })
    }

    fn settle(&mut self) {
        while let Some(open) = self.open.front() {
            if open.waiting > 0 {
                break;
            }
            self.checkpoint = open.through;
            self.first += 1;
            self.open.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zonelog_dns::ZoneName;
    use zonelog_model::ZoneId;

    use super::*;

    const FRESH: [Lane; 2] = [Lane::Changed, Lane::Told];
    const ALL: [Lane; 3] = [Lane::Changed, Lane::Told, Lane::Again];

    fn zone(number: u8, position: Position) -> ZoneTarget {
        ZoneTarget {
            zone_key: vec![number],
            name: ZoneName::parse(&format!("z{number}.test.")).unwrap(),
            zone: ZoneId::new(uuid::Uuid::from_u128(number.into())),
            position,
            created: 1,
            serial: Some(LongSerial::from_i64(position)),
            hard: false,
        }
    }

    fn settled(serial: i64) -> Outcome {
        Outcome::Settled {
            seen: Some(LongSerial::from_i64(serial)),
        }
    }

    fn behind() -> Outcome {
        Outcome::Behind {
            seen: None,
            error: Some("why".to_owned()),
        }
    }

    #[test]
    fn the_checkpoint_waits_for_the_slowest_zone_of_the_oldest_stretch() {
        let mut tracker = Tracker::at(10);
        tracker.take(12, vec![zone(1, 11), zone(2, 12)]);
        tracker.take(13, vec![zone(3, 13)]);
        for _ in 0..3 {
            tracker.start(FRESH).unwrap();
        }
        tracker.finish(&zone(3, 13), settled(13), Timestamp::MIN_UTC);
        tracker.finish(&zone(1, 11), settled(11), Timestamp::MIN_UTC);
        assert_eq!(tracker.checkpoint(), 10);
        tracker.finish(&zone(2, 12), behind(), Timestamp::MIN_UTC);
        let write = tracker.take_write(10).unwrap();
        assert_eq!(
            (write.checkpoint, write.confirmed.len(), write.parked.len()),
            (13, 2, 1)
        );
        assert_eq!(tracker.take_write(13), None);
    }

    #[test]
    fn a_zone_that_was_deleted_and_made_again_on_its_way_holds_nothing_up() {
        let mut tracker = Tracker::at(0);
        tracker.take(1, vec![zone(1, 1)]);
        tracker.start(FRESH).unwrap();
        let deleted = ZoneTarget {
            serial: None,
            ..zone(1, 2)
        };
        tracker.take(2, vec![deleted]);
        tracker.take(3, vec![zone(1, 3)]);
        // The server has transferred the new zone already.
        tracker.finish(&zone(1, 1), settled(3), Timestamp::MIN_UTC);
        assert_eq!((tracker.checkpoint(), tracker.open_stretches()), (3, 0));
    }

    #[test]
    fn a_zone_that_changes_on_its_way_is_tried_once_more_for_all_its_changes() {
        let mut tracker = Tracker::at(0);
        tracker.take(1, vec![zone(1, 1)]);
        tracker.start(FRESH).unwrap();
        tracker.take(2, vec![zone(1, 2)]);
        tracker.take(3, vec![zone(1, 3)]);
        assert_eq!(tracker.start(ALL), None);
        tracker.finish(&zone(1, 1), settled(1), Timestamp::MIN_UTC);
        assert_eq!(tracker.checkpoint(), 1);
        assert_eq!(tracker.start(FRESH).unwrap().target.position, 3);
        tracker.finish(&zone(1, 3), settled(3), Timestamp::MIN_UTC);
        assert_eq!(tracker.checkpoint(), 3);
        assert!(tracker.zones.is_empty());
    }

    #[test]
    fn a_server_seen_past_a_later_change_need_not_be_asked_again() {
        let mut tracker = Tracker::at(0);
        tracker.take(1, vec![zone(1, 1)]);
        tracker.start(FRESH).unwrap();
        tracker.take(2, vec![zone(1, 2)]);
        tracker.finish(&zone(1, 1), settled(2), Timestamp::MIN_UTC);
        let write = tracker.take_write(0).unwrap();
        assert_eq!((write.checkpoint, write.confirmed), (2, vec![(vec![1], 2)]));
        assert_eq!(tracker.start(ALL), None);
    }

    #[test]
    fn what_only_changed_does_not_wait_behind_what_is_new() {
        let mut tracker = Tracker::at(10);
        let new = |number, position| ZoneTarget {
            created: position,
            ..zone(number, position)
        };
        tracker.take(13, vec![new(1, 11), new(2, 12), zone(3, 13)]);
        let started: Vec<_> = std::iter::from_fn(|| tracker.start(FRESH)).collect();
        let lanes: Vec<_> = started.iter().map(|start| start.lane).collect();
        assert_eq!(lanes, [Lane::Changed, Lane::Told, Lane::Told]);
        assert_eq!(started[0].target, zone(3, 13));
    }

    #[test]
    fn an_empty_stretch_moves_the_checkpoint_at_once() {
        let mut tracker = Tracker::at(4);
        tracker.take(9, vec![]);
        assert_eq!(tracker.take_write(4).unwrap().checkpoint, 9);
    }

    #[derive(Clone, Debug)]
    enum Do {
        Take(Vec<u8>),
        Again(u8),
        Start(bool),
        Finish(usize, u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Do>> {
        let step = prop_oneof![
            prop::collection::btree_set(0u8..6, 0..4).prop_map(|zones| Do::Take(zones.into_iter().collect())),
            (0u8..6).prop_map(Do::Again),
            any::<bool>().prop_map(Do::Start),
            (0usize..4, 0u8..4).prop_map(|(which, how)| Do::Finish(which, how)),
        ];
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        /// The checkpoint never passes a change that was neither confirmed nor set aside, and comes to the end.
        #[test]
        fn the_checkpoint_passes_only_what_was_seen(steps in steps()) {
            let mut tracker = Tracker::at(0);
            let mut head = 0;
            let mut changes: HashMap<u8, Vec<Position>> = HashMap::new();
            let mut accounted: HashMap<u8, Position> = HashMap::new();
            let mut running: Vec<Start> = Vec::new();
            let drain = (0..200).flat_map(|_| [Do::Start(true), Do::Finish(0, 0)]);
            for step in steps.into_iter().chain(drain) {
                match step {
                    Do::Take(zones) => {
                        let mut targets = Vec::new();
                        for number in zones {
                            head += 1;
                            changes.entry(number).or_default().push(head);
                            targets.push(zone(number, head));
                        }
                        tracker.take(head, targets);
                    }
                    Do::Again(number) => {
                        let position = changes.get(&number).and_then(|all| all.last()).copied().unwrap_or(0);
                        let target = zone(number, position);
                        let _ = tracker.take_again(Waiting { target, attempts: 1, next_try: Timestamp::MIN_UTC });
                    }
                    Do::Start(true) => running.extend(tracker.start(ALL)),
                    Do::Start(false) => running.extend(tracker.start(FRESH)),
                    Do::Finish(which, how) if which < running.len() => {
                        let tried = running.remove(which).target;
                        let outcome = if how == 1 { behind() } else { settled(tried.position) };
                        tracker.finish(&tried, outcome, Timestamp::MIN_UTC);
                    }
                    Do::Finish(..) => {}
                }
                if let Some(write) = tracker.take_write(0) {
                    for (key, position) in &write.confirmed {
                        prop_assert!(write.parked.iter().all(|row| row.target.zone_key != *key));
                        let at = accounted.entry(key[0]).or_default();
                        *at = (*at).max(*position);
                    }
                    for row in &write.parked {
                        let at = accounted.entry(row.target.zone_key[0]).or_default();
                        *at = (*at).max(row.target.position);
                    }
                    for (number, positions) in &changes {
                        let passed = positions.iter().filter(|p| **p <= write.checkpoint).max();
                        prop_assert!(passed.is_none_or(|p| accounted.get(number).is_some_and(|at| at >= p)));
                    }
                }
            }
            prop_assert_eq!(tracker.checkpoint(), head);
            prop_assert!(tracker.zones.is_empty());
        }
    }
}
