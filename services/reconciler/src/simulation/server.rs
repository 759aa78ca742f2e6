//! A name server of a schedule: what it has on its disk, and what questions and commands do to it.

use std::collections::BTreeMap;

use zonelog_dns::{LongSerial, Serial};

use crate::plan::Observed;
use crate::simulation::tables::ZoneNumber;

/// What is sent to a server, or to MiniDNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Soa(ZoneNumber),
    Notify(ZoneNumber),
    Ensure {
        zone: ZoneNumber,
        renew: bool,
    },
    Remove(ZoneNumber),
    /// Anything at all, to see whether it is there.
    Anything,
}

/// What comes back.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Soa(Observed),
    Done,
}

#[derive(Debug, Default)]
pub(super) struct SimulatedServer {
    pub(super) up: bool,
    /// It takes NOTIFY and commands, and answers SERVFAIL for every zone: it has just started and loads them.
    pub(super) loading: bool,
    /// Its zones; `None`: known, and never transferred.
    pub(super) zones: BTreeMap<ZoneNumber, Option<LongSerial>>,
}

impl SimulatedServer {
    /// What it does; and the zone that it then asks its primary for, if any.
    pub(super) fn ask(&mut self, ask: Ask) -> (Answer, Option<ZoneNumber>) {
        match ask {
            Ask::Soa(zone) => (Answer::Soa(self.observed(zone)), None),
            Ask::Anything => (Answer::Soa(Observed::NotServing), None),
            Ask::Notify(zone) => (Answer::Done, self.zones.contains_key(&zone).then_some(zone)),
            Ask::Ensure { zone, renew } => {
                let new = !self.zones.contains_key(&zone);
                self.zones.entry(zone).or_insert(None);
                (Answer::Done, (new || renew).then_some(zone))
            }
            Ask::Remove(zone) => {
                self.zones.remove(&zone);
                (Answer::Done, None)
            }
        }
    }

    fn observed(&self, zone: ZoneNumber) -> Observed {
        match self.zones.get(&zone) {
            None => Observed::NotServing,
            Some(_) if self.loading => Observed::Unclear("SERVFAIL".to_owned()),
            Some(None) => Observed::Unclear("SERVFAIL".to_owned()),
            Some(Some(serial)) => Observed::Serving(serial.wire()),
        }
    }

    /// A transfer that arrived: older content than it has is not taken.
    pub(super) fn transferred(&mut self, zone: ZoneNumber, serial: LongSerial) {
        if let Some(held) = self.zones.get_mut(&zone)
            && held.is_none_or(|held| newer(serial.wire(), held.wire()))
        {
            *held = Some(serial);
        }
    }
}

fn newer(one: Serial, other: Serial) -> bool {
    one.is_newer_than(other)
}
