//! Given, when, then: rules shown by example, for the tests of this crate and of those above it.
//!
//! ```
//! use zonelog_dns::Rrtype;
//! use zonelog_model::scenario::{Scenario, fixtures::*};
//!
//! Scenario::after([create_zone("example.com.").into(), create_recordset("www", Rrtype::A, ["192.0.2.1"]).into()])
//!     .at("2026-01-02T03:04:05Z")
//!     .when(create_recordset("www", Rrtype::CNAME, ["other.example.com."]))
//!     .then_rejected("invalid_recordset_location");
//! ```
//! What does not hold panics, at the caller's line.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a harness for tests: a panic is how it speaks"
)]

pub mod fixtures;
pub mod resources;

use crate::Timestamp;
use crate::zone::{Command, Event, Facts, Rejection, ZoneSlice, apply, decide};

/// A zone with a past, and the circumstances of the next command.
#[derive(Clone, Debug)]
pub struct Scenario {
    slice: ZoneSlice,
    facts: Facts,
    now: Timestamp,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            slice: ZoneSlice::default(),
            facts: fixtures::facts(),
            now: fixtures::start(),
        }
    }
}

impl Scenario {
    /// No zone yet.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// A zone with these events behind it. Neighbours with the same serial are of one change-set.
    #[track_caller]
    pub fn given(events: impl IntoIterator<Item = Event>) -> Self {
        let mut scenario = Self::default();
        let mut last_serial = None;
        for event in events {
            let first_of_change = event.serial().is_none() || event.serial() != last_serial;
            last_serial = event.serial();
            apply_next(&mut scenario.slice, &event, scenario.now, first_of_change);
        }
        scenario
    }

    /// A zone after these commands, each accepted a second after the one before.
    #[track_caller]
    pub fn after(commands: impl IntoIterator<Item = Command>) -> Self {
        let mut scenario = Self::default();
        for command in commands {
            let outcome = scenario.clone().when(command);
            scenario.slice = outcome.state();
            scenario.now += chrono::TimeDelta::seconds(1);
        }
        scenario
    }

    /// The facts that the command meets, instead of [`fixtures::facts`].
    #[must_use]
    pub fn facts(mut self, facts: Facts) -> Self {
        self.facts = facts;
        self
    }

    /// The facts that the command meets, changed.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.facts);
        self
    }

    /// Who acts: someone of a project, who acts for that project alone.
    #[track_caller]
    #[must_use]
    pub fn by(self, project: &str) -> Self {
        self.with(|facts| facts.actor = fixtures::actor(project))
    }

    /// The time at which the command is decided (RFC 3339).
    #[track_caller]
    #[must_use]
    pub fn at(mut self, time: &str) -> Self {
        self.now = fixtures::time(time);
        self
    }

    /// Decides the command.
    pub fn when(self, command: impl Into<Command>) -> Outcome {
        let command = command.into();
        let result = decide(&self.slice, &command, &self.facts, self.now);
        Outcome {
            before: self.slice,
            facts: self.facts,
            command,
            result,
            now: self.now,
        }
    }

    /// The zone as the command will find it.
    pub fn slice(&self) -> &ZoneSlice {
        &self.slice
    }
}

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Outcome {
    before: ZoneSlice,
    facts: Facts,
    command: Command,
    result: Result<Vec<Event>, Rejection>,
    now: Timestamp,
}

impl Outcome {
    /// The command becomes just these events, and they fit the zone.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = Event>) {
        let events: Vec<Event> = events.into_iter().collect();
        assert_eq!(self.events(), events, "of {:?}", self.command);
        self.state();
    }

    /// The command becomes events of these types, and they fit the zone.
    #[track_caller]
    pub fn then_types(self, types: impl IntoIterator<Item = &'static str>) -> Self {
        let became: Vec<_> = self.events().iter().map(Event::type_name).collect();
        assert_eq!(
            became,
            types.into_iter().collect::<Vec<_>>(),
            "of {:?}",
            self.command
        );
        self.state();
        self
    }

    /// The command is accepted, and nothing changes.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// The command is refused under this label.
    #[track_caller]
    pub fn then_rejected(self, label: &str) -> Rejection {
        match self.result {
            Err(rejection) => {
                assert_eq!(rejection.label(), label, "of {:?}: {rejection}", self.command);
                rejection
            }
            Ok(events) => panic!(
                "{:?} was to be rejected as {label}, and became {events:?}",
                self.command
            ),
        }
    }

    /// The label of the rejection, if the command was refused.
    pub fn label(&self) -> Option<&'static str> {
        self.result.as_ref().err().map(Rejection::label)
    }

    /// The events of an accepted command.
    #[track_caller]
    pub fn events(&self) -> Vec<Event> {
        match &self.result {
            Ok(events) => events.clone(),
            Err(rejection) => panic!("{:?} was rejected: {rejection}", self.command),
        }
    }

    /// What comes after an accepted command: the same facts, a second later.
    #[track_caller]
    pub fn next(&self) -> Scenario {
        Scenario {
            slice: self.state(),
            facts: self.facts.clone(),
            now: self.now + chrono::TimeDelta::seconds(1),
        }
    }

    /// The zone after an accepted command.
    #[track_caller]
    pub fn state(&self) -> ZoneSlice {
        let mut slice = self.before.clone();
        for (index, event) in self.events().iter().enumerate() {
            apply_next(&mut slice, event, self.now, index == 0);
        }
        slice
    }
}

/// Applies an event as the next of its stream.
#[track_caller]
fn apply_next(slice: &mut ZoneSlice, event: &Event, at: Timestamp, first_of_change: bool) {
    let version = slice.zone.as_ref().map_or(0, |zone| zone.stream_version) + 1;
    if let Err(inconsistent) = apply(slice, event, at, version, first_of_change) {
        panic!("{inconsistent}\n{event:?}");
    }
}
