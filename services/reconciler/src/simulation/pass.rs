//! One try for one zone at one server, step by step: what `crate::pass` does between two waits. Each input gives one effect.

use std::time::Duration;

use zonelog_dns::LongSerial;

use crate::options::Timings;
use crate::pass::Outcome;
use crate::plan::{Desired, Observed, Situation, Step, is_at_or_past, plan, serial_seen, waited};
use crate::simulation::server::{Answer, Ask};
use crate::simulation::tables::Moment;
use crate::tracker::Start;

/// How often a server may stay silent until it is taken to be away.
const SILENCES: usize = 2;
/// The first and the longest pause between two looks, in milliseconds.
const LOOK_AGAIN: (Moment, Moment) = (1, 64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// MiniDNS is asked.
    Master,
    /// The server is asked.
    Look,
    /// The server was told to serve the zone, or not to.
    Told,
    /// Waits before it looks at the server, or at MiniDNS.
    Pause { master: bool },
}

/// What came.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Answer(Answer),
    /// Nothing came in time, or a pause is over.
    Time,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    AskMaster(Ask),
    AskServer(Ask),
    /// Sends a NOTIFY, for whose answer nobody waits, and pauses.
    Notify(Moment),
    Pause(Moment),
    End(Outcome),
}

#[derive(Debug)]
pub(super) struct Try {
    pub(super) start: Start,
    desired: Desired,
    phase: Phase,
    began: Moment,
    started: Moment,
    first_notify: Option<Moment>,
    pub(super) told: bool,
    notified: usize,
    silences: usize,
    missing: Option<bool>,
    pause: Moment,
    seen: Option<LongSerial>,
}

impl Try {
    /// A try, and its first effect.
    pub(super) fn begin(start: Start, now: Moment) -> (Self, Effect) {
        let desired = start.target.serial.map_or(Desired::Absent, Desired::Serving);
        let master = desired != Desired::Absent;
        let new = Self {
            desired,
            phase: if master { Phase::Master } else { Phase::Look },
            began: now,
            started: now,
            first_notify: None,
            told: false,
            notified: 0,
            silences: 0,
            missing: None,
            pause: LOOK_AGAIN.0,
            seen: None,
            start,
        };
        let ask = Ask::Soa(new.zone());
        let effect = if master {
            Effect::AskMaster(ask)
        } else {
            Effect::AskServer(ask)
        };
        (new, effect)
    }

    pub(super) fn zone(&self) -> u8 {
        self.start.target.zone_key[0]
    }

    /// The server did not serve the zone at the first look, though it should.
    pub(super) fn missing(&self) -> bool {
        self.missing == Some(true) && self.desired != Desired::Absent
    }

    /// `came`: when the server last came to serve a zone that it was told of.
    pub(super) fn step(&mut self, input: Input, now: Moment, came: Moment, timings: &Timings) -> Effect {
        match (self.phase, input) {
            (Phase::Master, Input::Answer(Answer::Soa(observed))) => {
                self.master_said(&observed, now, timings)
            }
            (Phase::Master, _) => self.master_said(&Observed::Silent(String::new()), now, timings),
            (Phase::Look, Input::Answer(Answer::Soa(observed))) => self.look(observed, now, came, timings),
            (Phase::Look, _) => self.look(Observed::Silent(String::new()), now, came, timings),
            (Phase::Told, Input::Answer(_)) => {
                (self.told, self.started, self.pause) = (true, now, LOOK_AGAIN.0);
                self.ask_server()
            }
            (Phase::Told, Input::Time) => self.behind("the command failed"),
            (Phase::Pause { master: true }, _) => {
                self.phase = Phase::Master;
                Effect::AskMaster(Ask::Soa(self.zone()))
            }
            (Phase::Pause { master: false }, _) => self.ask_server(),
        }
    }

    fn ask_server(&mut self) -> Effect {
        self.phase = Phase::Look;
        Effect::AskServer(Ask::Soa(self.zone()))
    }

    fn behind(&self, error: &str) -> Effect {
        Effect::End(Outcome::Behind {
            seen: self.seen,
            error: Some(error.to_owned()),
        })
    }

    fn master_said(&mut self, observed: &Observed, now: Moment, timings: &Timings) -> Effect {
        if let (Desired::Serving(wanted), Observed::Serving(serial)) = (self.desired, observed)
            && is_at_or_past(*serial, wanted)
        {
            (self.started, self.pause) = (now, LOOK_AGAIN.0);
            if self.start.is_new() {
                return self.look(Observed::NotServing, now, now, timings);
            }
            return self.ask_server();
        }
        if Duration::from_millis(now - self.began) >= timings.park_after {
            return self.behind("MiniDNS does not show it");
        }
        self.wait(true)
    }

    fn wait(&mut self, master: bool) -> Effect {
        self.phase = Phase::Pause { master };
        let pause = self.pause;
        self.pause = (self.pause * 2).min(LOOK_AGAIN.1);
        Effect::Pause(pause)
    }

    fn look(&mut self, observed: Observed, now: Moment, came: Moment, timings: &Timings) -> Effect {
        if matches!(observed, Observed::Silent(_)) {
            self.silences += 1;
            if self.silences >= SILENCES {
                return Effect::End(Outcome::Silent);
            }
        }
        self.missing
            .get_or_insert(matches!(observed, Observed::NotServing));
        if let (Desired::Serving(wanted), Observed::Serving(serial)) = (self.desired, &observed) {
            self.seen = Some(serial_seen(*serial, wanted));
        }
        let since = |moment: Moment| Duration::from_millis(now - moment);
        let situation = Situation {
            desired: self.desired,
            observed,
            told: self.told,
            attempts: self.start.attempts,
            notified: (self.notified, self.first_notify.map_or(Duration::ZERO, since)),
            lasted: if self.told {
                waited(since(self.started), since(came), timings)
            } else {
                since(self.started)
            },
            // It has not so many zones.
            passed_over: false,
            by_catalog: false,
        };
        let zone = self.zone();
        match plan(&situation, timings) {
            Step::Settled => Effect::End(Outcome::Settled { seen: self.seen }),
            Step::Ensure { renew } => {
                self.phase = Phase::Told;
                Effect::AskServer(Ask::Ensure { zone, renew })
            }
            Step::Remove => {
                self.phase = Phase::Told;
                Effect::AskServer(Ask::Remove(zone))
            }
            Step::Notify => {
                self.first_notify.get_or_insert(now);
                self.notified += 1;
                self.pause = LOOK_AGAIN.0;
                self.phase = Phase::Pause { master: false };
                Effect::Notify(self.pause)
            }
            Step::Wait => self.wait(false),
            Step::Park => self.behind("it had its time"),
        }
    }
}
