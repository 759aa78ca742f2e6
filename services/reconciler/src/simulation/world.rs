//! The world of a schedule: the queue of what happens when, the network, MiniDNS, the servers, and what goes wrong.

use std::collections::BTreeMap;

use zonelog_dns::LongSerial;

use crate::options::Timings;
use crate::plan::{Desired, Observed, Situation, Step, plan};
use crate::simulation::process::Process;
use crate::simulation::random::Random;
use crate::simulation::server::{Answer, Ask, SimulatedServer};
use crate::simulation::tables::{Log, Moment, Tables, ZoneNumber};

pub(super) const SERVERS: usize = 2;
pub(super) const PROCESSES: usize = 2;
const ZONES: u64 = 5;
/// When the last fault and the last change happen.
const FAULTS: Moment = 12_000;
/// How long a command may be on its way to a server whose connection is slow.
const SLOWEST_COMMAND: u64 = 3_000;
/// By what time every server must be at the head.
const END: Moment = FAULTS + 300_000;

/// A step of a try of a process: where an answer belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    pub(super) process: usize,
    pub(super) incarnation: u64,
    pub(super) server: usize,
    pub(super) number: u64,
    pub(super) step: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Master,
    Server(usize),
}

#[derive(Clone, Debug)]
pub(super) enum Event {
    Change,
    Fault,
    Packet {
        from: Option<Sender>,
        to: Place,
        ask: Ask,
    },
    Answer {
        to: Sender,
        answer: Answer,
    },
    /// The time of a step is over.
    Time {
        of: Sender,
    },
    /// A process looks at what it has to do; and plans to do so `again`.
    Turn {
        process: usize,
        incarnation: u64,
        again: bool,
    },
    Transfer {
        server: usize,
        zone: ZoneNumber,
    },
    MasterFollows,
    StartServer(usize),
    LoadedServer(usize),
    StartProcess(usize),
    ResumeProcess(usize),
    DatabaseBack,
    MasterBack,
    NetworkBack(usize),
}

pub(super) struct World {
    pub(super) now: Moment,
    pub(super) random: Random,
    pub(super) timings: Timings,
    pub(super) log: Log,
    pub(super) tables: [Tables; SERVERS],
    pub(super) database_up: bool,
    /// How far the wall clock is from the time that passed.
    pub(super) clock: Moment,
    pub(super) servers: [SimulatedServer; SERVERS],
    processes: [Process; PROCESSES],
    queue: BTreeMap<(Moment, u64), Event>,
    sequence: u64,
    master_up: bool,
    master: BTreeMap<ZoneNumber, LongSerial>,
    /// A server that nothing reaches, from anywhere.
    cut_off: [bool; SERVERS],
    /// How many of a hundred datagrams and transfers are lost, and how many come twice.
    loss: u64,
    twice: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        // Some schedules cross the wrap of the wire's serial.
        let first_serial = random.pick(&[1, 1_700_000_000, (1 << 32) - 6]);
        let timings = Timings {
            retry_most: std::time::Duration::from_secs(8),
            sweep_period: std::time::Duration::from_secs(20),
            lease: std::time::Duration::from_secs(3),
            concurrency: 3,
            stretch: 6,
            ..Timings::default()
        };
        let mut world = Self {
            now: 0,
            timings,
            log: Log::new(first_serial),
            tables: Default::default(),
            database_up: true,
            clock: 100_000_000,
            servers: Default::default(),
            processes: Default::default(),
            queue: BTreeMap::new(),
            sequence: 0,
            master_up: true,
            master: BTreeMap::new(),
            cut_off: [false; SERVERS],
            loss: random.pick(&[0, 5, 30]),
            twice: random.pick(&[0, 5]),
            random,
        };
        for server in 0..SERVERS {
            world.servers[server].up = world.random.chance(90);
        }
        for process in 0..PROCESSES {
            let at = world.random.below(500);
            world.at(at, Event::StartProcess(process));
        }
        for _ in 0..world.random.between(5, 30) {
            let at = world.random.below(FAULTS);
            world.at(at, Event::Change);
        }
        for _ in 0..world.random.between(0, 12) {
            let at = world.random.below(FAULTS);
            world.at(at, Event::Fault);
        }
        world
    }

    pub(super) fn at(&mut self, moment: Moment, event: Event) {
        self.sequence += 1;
        self.queue.insert((moment.max(self.now), self.sequence), event);
    }

    /// Runs the schedule. The error says what is not as the log says when the time is over.
    pub(super) fn run(&mut self) -> Result<(), String> {
        let mut healed = false;
        while let Some(((moment, _), event)) = self.queue.pop_first() {
            self.now = moment;
            if self.now > END {
                return Err(self.differences().join("; "));
            }
            if !healed && self.now >= FAULTS {
                healed = true;
                self.heal();
            }
            self.happen(event);
            if healed && self.differences().is_empty() && !self.commands_under_way() {
                return Ok(());
            }
        }
        Err("nothing happens any more".to_owned())
    }

    /// The last faults end: what is down comes back.
    fn heal(&mut self) {
        (self.loss, self.twice) = (0, 0);
        (self.database_up, self.master_up) = (true, true);
        self.cut_off = [false; SERVERS];
        for server in 0..SERVERS {
            self.servers[server].up = true;
            self.servers[server].loading = false;
        }
        for process in 0..PROCESSES {
            self.happen(Event::StartProcess(process));
            self.happen(Event::ResumeProcess(process));
        }
        self.happen(Event::MasterFollows);
    }

    fn commands_under_way(&self) -> bool {
        self.queue.values().any(|event| {
            matches!(
                event,
                Event::Packet {
                    ask: Ask::Ensure { .. } | Ask::Remove(_),
                    ..
                } | Event::Transfer { .. }
            )
        })
    }

    /// What is not as the log says.
    fn differences(&self) -> Vec<String> {
        let mut differences = Vec::new();
        for (number, (server, tables)) in self.servers.iter().zip(&self.tables).enumerate() {
            if tables.checkpoint != self.log.head || !tables.rows.is_empty() {
                let (at, rows) = (tables.checkpoint, &tables.rows);
                differences.push(format!(
                    "server {number}: checkpoint {at} of {}, behind {rows:?}",
                    self.log.head
                ));
            }
            for (name, zone) in &self.log.zones {
                let held = server.zones.get(name).copied();
                let wanted = zone.live.then_some(Some(zone.serial));
                if held != wanted {
                    differences.push(format!(
                        "server {number} has zone {name} at {held:?}, not {wanted:?}"
                    ));
                }
                let situation = Situation {
                    desired: if zone.live {
                        Desired::Serving(zone.serial)
                    } else {
                        Desired::Absent
                    },
                    observed: match held {
                        Some(Some(serial)) => Observed::Serving(serial.wire()),
                        Some(None) => Observed::Unclear("SERVFAIL".to_owned()),
                        None => Observed::NotServing,
                    },
                    told: false,
                    attempts: 0,
                    notified: (0, std::time::Duration::ZERO),
                    lasted: std::time::Duration::ZERO,
                    passed_over: false,
                    by_catalog: false,
                };
                let step = plan(&situation, &self.timings);
                if step != Step::Settled {
                    differences.push(format!("server {number}, zone {name}: the plan is {step:?}"));
                }
            }
        }
        differences
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Change => self.change(),
            Event::Fault => self.fault(),
            Event::Packet { from, to, ask } => self.arrive(from, to, ask),
            Event::Answer { to, .. } | Event::Time { of: to } => {
                self.with_process(to.process, event, |process, world, event| {
                    process.input(world, event)
                });
            }
            Event::Turn {
                process,
                incarnation,
                again,
            } => {
                self.with_process(process, event, |process, world, _| {
                    process.turn(world, incarnation, again)
                });
            }
            Event::Transfer { server, zone } => self.transfer(server, zone),
            Event::MasterFollows => {
                if self.master_up {
                    let live = self.log.zones.iter().filter(|(_, zone)| zone.live);
                    self.master = live.map(|(number, zone)| (*number, zone.serial)).collect();
                }
            }
            Event::StartServer(server) => self.servers[server].up = true,
            Event::LoadedServer(server) => self.servers[server].loading = false,
            Event::StartProcess(process) => {
                let number = process;
                if !self.processes[process].up {
                    self.processes[process].start();
                    let incarnation = self.processes[process].incarnation;
                    self.at(
                        self.now,
                        Event::Turn {
                            process: number,
                            incarnation,
                            again: true,
                        },
                    );
                }
            }
            Event::ResumeProcess(process) => {
                self.processes[process].paused = false;
                for held in std::mem::take(&mut self.processes[process].held) {
                    self.at(self.now, held);
                }
            }
            Event::DatabaseBack => self.database_up = true,
            Event::MasterBack => {
                self.master_up = true;
                self.at(self.now, Event::MasterFollows);
            }
            Event::NetworkBack(server) => self.cut_off[server] = false,
        }
    }

    /// Gives an event to a process; one that is stopped gets it when it goes on.
    fn with_process(
        &mut self,
        number: usize,
        event: Event,
        then: impl FnOnce(&mut Process, &mut Self, Event),
    ) {
        let mut process = std::mem::take(&mut self.processes[number]);
        if process.paused {
            process.held.push(event);
        } else if process.up {
            process.number = number;
            then(&mut process, self, event);
        }
        self.processes[number] = process;
    }

    fn change(&mut self) {
        let number = self.random.below(ZONES) as ZoneNumber;
        let delete = self.random.chance(25);
        self.log.append(number, delete);
        let follows = self.now + self.random.below(60);
        self.at(follows, Event::MasterFollows);
        for process in 0..PROCESSES {
            // A wake-up may be lost.
            if self.random.chance(80) {
                let incarnation = self.processes[process].incarnation;
                self.processes[process].wake();
                self.at(
                    self.now,
                    Event::Turn {
                        process,
                        incarnation,
                        again: false,
                    },
                );
            }
        }
    }

    fn fault(&mut self) {
        let until = self.now + self.random.between(50, 6_000);
        let (server, process) = (self.random.below(2) as usize, self.random.below(2) as usize);
        match self.random.below(12) {
            0 => {
                self.servers[server].up = false;
                self.at(until, Event::StartServer(server));
            }
            1 => {
                // Its disk is gone too.
                self.servers[server].up = false;
                self.servers[server].zones.clear();
                self.at(until, Event::StartServer(server));
            }
            2 => {
                // Nobody is told.
                let lost = self.random.below(ZONES) as ZoneNumber;
                self.servers[server].zones.remove(&lost);
            }
            3 => {
                self.servers[server].loading = true;
                self.at(until, Event::LoadedServer(server));
            }
            4 => {
                // Its connection ends, and its leases with it.
                for (server, token) in self.processes[process].leases() {
                    if self.tables[server].token == token {
                        self.tables[server].lease_until = 0;
                    }
                }
                self.processes[process].crash();
                self.at(until, Event::StartProcess(process));
            }
            5 => {
                self.processes[process].paused = true;
                self.at(until, Event::ResumeProcess(process));
            }
            6 => {
                self.database_up = false;
                self.at(until, Event::DatabaseBack);
            }
            7 => {
                self.master_up = false;
                self.at(until, Event::MasterBack);
            }
            8 => {
                self.cut_off[server] = true;
                self.at(until, Event::NetworkBack(server));
            }
            9 => self.loss = self.random.pick(&[0, 20, 60, 100]),
            10 => self.twice = self.random.pick(&[0, 50]),
            // The wall clock jumps an hour ahead, or back.
            _ => self.clock = self.random.pick(&[100_000_000, 103_600_000, 96_400_000]),
        }
    }

    /// Sends a datagram or a command. A command goes over a connection: it comes once, or fails, perhaps after it was done.
    pub(super) fn send(&mut self, from: Option<Sender>, to: Place, ask: Ask) {
        let command = matches!(ask, Ask::Ensure { .. } | Ask::Remove(_));
        let lost = self
            .random
            .chance(if command { self.loss / 2 } else { self.loss });
        if lost {
            return;
        }
        let slow = command && self.random.chance(3);
        let delay = self.random.between(0, if slow { SLOWEST_COMMAND } else { 8 });
        self.at(self.now + delay, Event::Packet { from, to, ask });
        if !command && self.random.chance(self.twice) {
            let delay = self.random.between(0, 400);
            self.at(self.now + delay, Event::Packet { from, to, ask });
        }
    }

    fn arrive(&mut self, from: Option<Sender>, to: Place, ask: Ask) {
        let answer = match to {
            Place::Master => {
                let Ask::Soa(zone) = ask else { return };
                if !self.master_up {
                    return;
                }
                let serial = self.master.get(&zone);
                Answer::Soa(serial.map_or(Observed::NotServing, |serial| Observed::Serving(serial.wire())))
            }
            Place::Server(server) => {
                if !self.servers[server].up || self.cut_off[server] {
                    return;
                }
                let (answer, transfer) = self.servers[server].ask(ask);
                if let Some(zone) = transfer {
                    let at = self.now + self.random.between(1, 30);
                    self.at(at, Event::Transfer { server, zone });
                }
                answer
            }
        };
        if let Some(to) = from
            && !self.random.chance(self.loss)
        {
            let delay = self.random.between(0, 8);
            self.at(self.now + delay, Event::Answer { to, answer });
        }
    }

    fn transfer(&mut self, server: usize, zone: ZoneNumber) {
        let fails = !self.servers[server].up
            || self.cut_off[server]
            || !self.master_up
            || self.random.chance(self.loss);
        if !fails && let Some(serial) = self.master.get(&zone) {
            self.servers[server].transferred(zone, *serial);
        }
    }
}
