//! A reconciler's process in a schedule: what `crate::work` and `crate::sweep` do, over the simulated tables and network.

use std::collections::BTreeMap;
use std::time::Duration;

use zonelog_projections::delivery::ZoneTarget;

use crate::pass::Outcome;
use crate::plan::{Observed, is_at_or_past};
use crate::simulation::pass::{Effect, Input, Try};
use crate::simulation::server::{Answer, Ask};
use crate::simulation::tables::{Moment, moment, timestamp};
use crate::simulation::world::{Event, Place, SERVERS, Sender, World};
use crate::tracker::{Lane, Start, Tracker};
use crate::work::{due_in, pause_after};

/// How often a process looks at what it has to do when nothing wakes it up, in milliseconds.
const TURN: u64 = 200;
const OPEN_STRETCHES: usize = 4;
/// How long a command may take.
const COMMAND_TIMEOUT: Moment = 5_000;
const FIRST_PROBE: Moment = 100;

#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) number: usize,
    pub(super) up: bool,
    pub(super) paused: bool,
    pub(super) incarnation: u64,
    /// What waits for it while it is stopped.
    pub(super) held: Vec<Event>,
    work: [Option<Work>; SERVERS],
    /// Counts tries, so that an answer to an old one is told apart.
    tries: u64,
}

/// The work on one server under one lease.
#[derive(Debug)]
struct Work {
    token: i64,
    /// By its own clock: from then on it may not act.
    lease_until: Moment,
    renew_at: Moment,
    tracker: Tracker,
    written: i64,
    running: BTreeMap<u64, (u64, Running)>,
    down: Option<(Moment, Moment)>,
    any_aside: bool,
    retry_at: Option<Moment>,
    look: bool,
    poll_at: Moment,
    sweep_at: Moment,
    /// When the server last came to serve a zone that it was told of.
    came: Moment,
}

#[derive(Debug)]
enum Running {
    Try(Box<Try>),
    /// Whether the server is there at all, because of this silent try, or to see whether it is back.
    Probe {
        after: Option<Start>,
        asked: u8,
    },
    Sweep(ZoneTarget),
}

impl Process {
    pub(super) fn start(&mut self) {
        (self.up, self.paused) = (true, false);
        self.incarnation += 1;
        self.held.clear();
    }

    pub(super) fn crash(&mut self) {
        *self = Self {
            incarnation: self.incarnation + 1,
            tries: self.tries,
            ..Self::default()
        };
    }

    /// The leases that it holds, or thinks it does.
    pub(super) fn leases(&self) -> Vec<(usize, i64)> {
        let work = self.work.iter().enumerate();
        work.filter_map(|(server, work)| Some((server, work.as_ref()?.token)))
            .collect()
    }

    /// The log grew.
    pub(super) fn wake(&mut self) {
        for work in self.work.iter_mut().flatten() {
            work.look = true;
        }
    }

    pub(super) fn turn(&mut self, world: &mut World, incarnation: u64, again: bool) {
        if incarnation != self.incarnation {
            return;
        }
        for server in 0..SERVERS {
            let done = self.turn_for(world, server);
            if done.is_none() {
                // The database is away, or another has the lease: it starts over.
                self.give_up(world, server);
            }
        }
        let next = world.now + world.random.between(TURN / 2, TURN);
        let process = self.number;
        if again {
            world.at(
                next,
                Event::Turn {
                    process,
                    incarnation,
                    again,
                },
            );
        }
    }

    /// `None`: the work is over.
    fn turn_for(&mut self, world: &mut World, server: usize) -> Option<()> {
        if !world.database_up {
            return None;
        }
        let lease = millis(world.timings.lease);
        let now = world.now;
        if self.work[server].is_none() {
            let wall = world.wall();
            let token = world.tables[server].acquire(wall, lease)?;
            let checkpoint = world.tables[server].checkpoint;
            self.work[server] = Some(Work::new(token, checkpoint, now, lease));
            if checkpoint == 0 {
                self.park_stretch(world, server)?;
            }
        }
        let work = self.work[server].as_mut()?;
        if now >= work.renew_at {
            let until = world.wall() + lease;
            if !world.tables[server].renew(work.token, until) {
                return None;
            }
            (work.lease_until, work.renew_at) = (now + lease, now + lease / 3);
        }
        self.look(world, server)?;
        self.read_waiting(world, server)?;
        self.probe_when_due(world, server)?;
        self.sweep_when_due(world, server)?;
        self.start_tries(world, server)?;
        self.write(world, server)
    }

    /// What it did not write is lost; its lease ends with its connection.
    fn give_up(&mut self, world: &mut World, server: usize) {
        if let Some(work) = self.work[server].take()
            && world.tables[server].token == work.token
        {
            world.tables[server].lease_until = 0;
        }
    }

    fn look(&mut self, world: &mut World, server: usize) -> Option<()> {
        let work = self.work[server].as_mut()?;
        if !work.look && world.now < work.poll_at {
            return Some(());
        }
        work.poll_at = world.now + 1_000;
        if work.down.is_some() {
            return self.park_stretch(world, server);
        }
        if work.tracker.open_stretches() >= OPEN_STRETCHES {
            return Some(());
        }
        work.look = false;
        let (read, head) = (work.tracker.read(), world.log.head);
        if head - read > world.timings.stretch {
            return self.park_unread(world, server);
        }
        if head > read {
            let zones = world
                .log
                .touched(read)
                .into_iter()
                .map(|number| world.log.target(number));
            work.tracker.take(head, zones.collect());
        }
        Some(())
    }

    fn park_unread(&mut self, world: &mut World, server: usize) -> Option<()> {
        if !world.database_up {
            return None;
        }
        let (now, wall) = (world.now, world.wall());
        let work = self.work[server].as_mut()?;
        let after = work.tracker.read();
        let through = world.tables[server].park_unread(work.token, &world.log, after, wall)?;
        work.tracker.take(through, Vec::new());
        (work.any_aside, work.retry_at) = (true, Some(now));
        Some(())
    }

    fn park_stretch(&mut self, world: &mut World, server: usize) -> Option<()> {
        self.write(world, server)?;
        let (now, wall) = (world.now, world.wall());
        let work = self.work[server].as_mut()?;
        work.running
            .retain(|_, (_, running)| !matches!(running, Running::Try(_)));
        let after = work.tracker.checkpoint();
        let through = world.tables[server].park_stretch(work.token, &world.log, after, wall)?;
        work.tracker = Tracker::at(through);
        (work.written, work.retry_at, work.look) = (through, Some(now), false);
        work.any_aside = true;
        Some(())
    }

    fn read_waiting(&mut self, world: &mut World, server: usize) -> Option<()> {
        let wall = world.wall();
        let work = self.work[server].as_mut()?;
        if work.down.is_some() || work.retry_at.is_none_or(|at| at > world.now) {
            return Some(());
        }
        (work.any_aside, work.retry_at) = (false, None);
        for row in world.tables[server].waiting(&world.log) {
            let wait = due_in(&world.timings, row.next_try, timestamp(wall));
            if !wait.is_zero() {
                let at = world.now + millis(wait).max(1);
                work.retry_at = Some(work.retry_at.map_or(at, |planned| planned.min(at)));
                continue;
            }
            work.any_aside |= !work.tracker.take_again(row);
        }
        Some(())
    }

    fn probe_when_due(&mut self, world: &mut World, server: usize) -> Option<()> {
        let now = world.now;
        let work = self.work[server].as_mut()?;
        if let Some((probe_at, pause)) = work.down
            && now >= probe_at
        {
            let pause = (pause * 3 / 2).min(millis(world.timings.probe_most));
            work.down = Some((now + pause, pause));
            self.run(
                world,
                server,
                Running::Probe {
                    after: None,
                    asked: 1,
                },
                Effect::AskServer(Ask::Anything),
            );
        }
        Some(())
    }

    fn sweep_when_due(&mut self, world: &mut World, server: usize) -> Option<()> {
        let work = self.work[server].as_mut()?;
        if world.now < work.sweep_at || work.down.is_some() {
            return Some(());
        }
        work.sweep_at = world.now + millis(world.timings.sweep_period);
        for target in world.tables[server].settled_zones(&world.log) {
            let ask = Ask::Soa(target.zone_key[0]);
            self.run(world, server, Running::Sweep(target), Effect::AskServer(ask));
        }
        Some(())
    }

    fn start_tries(&mut self, world: &mut World, server: usize) -> Option<()> {
        loop {
            let work = self.work[server].as_mut()?;
            let tries = work
                .running
                .values()
                .filter(|(_, running)| matches!(running, Running::Try(_)));
            if work.down.is_some() || tries.count() >= world.timings.concurrency {
                return Some(());
            }
            let Some(start) = work.tracker.start([Lane::Changed, Lane::Told, Lane::Again]) else {
                return Some(());
            };
            let (begun, effect) = Try::begin(start, world.now);
            self.run(world, server, Running::Try(Box::new(begun)), effect);
        }
    }

    fn write(&mut self, world: &mut World, server: usize) -> Option<()> {
        if !world.database_up {
            return None;
        }
        let work = self.work[server].as_mut()?;
        if let Some(write) = work.tracker.take_write(work.written) {
            if !world.tables[server].record(work.token, &write) {
                return None;
            }
            work.written = work.written.max(write.checkpoint);
            work.any_aside |= !write.parked.is_empty();
        }
        if work.any_aside && work.retry_at.is_none() {
            work.retry_at = Some(world.now);
        }
        Some(())
    }

    fn run(&mut self, world: &mut World, server: usize, running: Running, effect: Effect) {
        self.tries += 1;
        let number = self.tries;
        if let Some(work) = self.work[server].as_mut() {
            work.running.insert(number, (0, running));
            self.effect(world, server, number, effect);
        }
    }

    fn effect(&mut self, world: &mut World, server: usize, number: u64, effect: Effect) {
        let Some(work) = self.work[server].as_mut() else {
            return;
        };
        let Some((step, running)) = work.running.get_mut(&number) else {
            return;
        };
        *step += 1;
        let sender = Sender {
            process: self.number,
            incarnation: self.incarnation,
            server,
            number,
            step: *step,
        };
        let query = millis(world.timings.query_timeout);
        let wait = |world: &mut World, time: Moment| world.at(world.now + time, Event::Time { of: sender });
        match effect {
            Effect::AskMaster(ask) => {
                world.send(Some(sender), Place::Master, ask);
                wait(world, query);
            }
            Effect::AskServer(ask @ (Ask::Ensure { .. } | Ask::Remove(_))) => {
                // Whoever was stopped past its lease does nothing more to the server.
                if world.now >= work.lease_until {
                    return self.give_up(world, server);
                }
                world.send(Some(sender), Place::Server(server), ask);
                wait(world, COMMAND_TIMEOUT);
            }
            Effect::AskServer(ask) => {
                world.send(Some(sender), Place::Server(server), ask);
                wait(world, query);
            }
            Effect::Notify(pause) => {
                if let Running::Try(of) = running {
                    world.send(None, Place::Server(server), Ask::Notify(of.zone()));
                }
                wait(world, pause);
            }
            Effect::Pause(pause) => wait(world, pause),
            Effect::End(outcome) => self.ended(world, server, number, outcome),
        }
    }

    pub(super) fn input(&mut self, world: &mut World, event: Event) {
        let (of, input) = match event {
            Event::Answer { to, answer } => (to, Input::Answer(answer)),
            Event::Time { of } => (of, Input::Time),
            _ => return,
        };
        let (server, number, now) = (of.server, of.number, world.now);
        let Some(work) = self.work[server]
            .as_mut()
            .filter(|_| of.incarnation == self.incarnation)
        else {
            return;
        };
        let Some((step, running)) = work.running.get_mut(&number) else {
            return;
        };
        if *step != of.step {
            return;
        }
        match running {
            Running::Try(tried) => {
                let effect = tried.step(input, now, work.came, &world.timings);
                self.effect(world, server, number, effect);
            }
            Running::Probe { asked, .. } => match input {
                Input::Time if *asked < 2 => {
                    *asked += 1;
                    self.effect(world, server, number, Effect::AskServer(Ask::Anything));
                }
                Input::Time => self.silent(world, server, number),
                Input::Answer(_) => self.answers(world, server, number),
            },
            Running::Sweep(target) => {
                let target = target.clone();
                work.running.remove(&number);
                let Input::Answer(Answer::Soa(observed)) = input else {
                    return;
                };
                let as_it_should = match (target.serial, &observed) {
                    (Some(wanted), Observed::Serving(serial)) => is_at_or_past(*serial, wanted),
                    (Some(_), _) => false,
                    (None, observed) => !matches!(observed, Observed::Serving(_) | Observed::Unclear(_)),
                };
                if !as_it_should {
                    let wall = world.wall();
                    world.tables[server].found_behind(work.token, &target, wall);
                    (work.any_aside, work.retry_at) = (true, Some(now));
                }
            }
        }
        // What was seen is written now and then, so that it is sometimes lost.
        if world.random.chance(50) && self.work[server].is_some() && self.write(world, server).is_none() {
            self.give_up(world, server);
        }
        if self.work[server].is_some() && self.start_tries(world, server).is_none() {
            self.give_up(world, server);
        }
    }

    fn ended(&mut self, world: &mut World, server: usize, number: u64, outcome: Outcome) {
        let Some(work) = self.work[server].as_mut() else {
            return;
        };
        let Some((_, Running::Try(tried))) = work.running.remove(&number) else {
            return;
        };
        if tried.missing() && tried.start.lane == Lane::Changed && tried.start.target.created <= work.written
        {
            work.sweep_at = world.now;
        }
        if outcome == Outcome::Silent {
            let probe = Running::Probe {
                after: Some(tried.start),
                asked: 1,
            };
            return self.run(world, server, probe, Effect::AskServer(Ask::Anything));
        }
        if tried.told && matches!(outcome, Outcome::Settled { .. }) {
            work.came = world.now;
        }
        finish(work, world, &tried.start, outcome);
    }

    /// The server does not answer at all.
    fn silent(&mut self, world: &mut World, server: usize, number: u64) {
        let Some(work) = self.work[server].as_mut() else {
            return;
        };
        work.running.remove(&number);
        if work.down.is_none() {
            work.down = Some((world.now + FIRST_PROBE, FIRST_PROBE));
            if !world.database_up || self.park_stretch(world, server).is_none() {
                self.give_up(world, server);
            }
        }
    }

    /// It does.
    fn answers(&mut self, world: &mut World, server: usize, number: u64) {
        let wall = world.wall();
        let Some(work) = self.work[server].as_mut() else {
            return;
        };
        let Some((_, Running::Probe { after, .. })) = work.running.remove(&number) else {
            return;
        };
        if let Some(start) = after {
            let outcome = Outcome::Behind {
                seen: None,
                error: Some("it did not answer for this zone".to_owned()),
            };
            finish(work, world, &start, outcome);
        }
        if work.down.take().is_some() {
            world.tables[server].wake_all(work.token, wall);
            work.look = true;
            (work.any_aside, work.retry_at, work.sweep_at) = (true, Some(world.now), world.now);
        }
    }
}

fn finish(work: &mut Work, world: &mut World, start: &Start, outcome: Outcome) {
    let spread = world.random.below(65) as u32;
    let next_try = world.wall() + millis(pause_after(&world.timings, start.attempts, spread));
    work.tracker.finish(&start.target, outcome, timestamp(next_try));
}

impl Work {
    fn new(token: i64, checkpoint: i64, now: Moment, lease: Moment) -> Self {
        Self {
            token,
            lease_until: now + lease,
            renew_at: now + lease / 3,
            tracker: Tracker::at(checkpoint),
            written: checkpoint,
            running: BTreeMap::new(),
            down: None,
            any_aside: true,
            retry_at: Some(now),
            look: true,
            poll_at: now,
            sweep_at: now,
            came: now,
        }
    }
}

impl World {
    /// The wall clock: PostgreSQL's, and that of all processes.
    fn wall(&self) -> Moment {
        self.clock + self.now
    }
}

fn millis(duration: Duration) -> Moment {
    u64::try_from(duration.as_millis()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_timestamps_are_the_same() {
        assert_eq!(moment(timestamp(1_234)), 1_234);
    }
}
